/* SPDX-License-Identifier: MIT */
#include <immintrin.h>
#include "kernels/gemm.h"
#include "kernels/gemv.h"

enum { TOKENS = 6 };

gemv_fn f16_gemv_avx2;
gemm_fn f16_gemm_avx2;

/* `panels` panels at a time, `stride` bytes apart. Two columns
 * at a time, with sums of their own, to hide the latency of the FMA. */
static inline __attribute__((always_inline)) void sums_n(float *v, const uint16_t *w, size_t stride,
                                                         const float *x, int cols, const int panels)
{
    __m256 sum[2][4];

#pragma GCC unroll 2
    for (int i = 0; i < 2; i++)
#pragma GCC unroll 4
        for (int j = 0; j < 2 * panels; j++)
            sum[i][j] = _mm256_setzero_ps();
    for (int c = 0; c < cols; c += 2, w += 2 * PANEL_ROWS) {
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            const uint16_t *wp = w + (size_t)p * stride / sizeof *w;
            _mm_prefetch((const char *)wp + GEMV_AHEAD, _MM_HINT_T0);
#pragma GCC unroll 2
            for (int i = 0; i < 2; i++) {
                const __m256 xi = _mm256_broadcast_ss(x + c + i);
#pragma GCC unroll 2
                for (int h = 0; h < 2; h++) {
                    const __m128i half = _mm_loadu_si128((const void *)(wp + 16 * i + 8 * h));
                    sum[i][2 * p + h] =
                        _mm256_fmadd_ps(_mm256_cvtph_ps(half), xi, sum[i][2 * p + h]);
                }
            }
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < 2 * panels; j++)
        _mm256_storeu_ps(v + 8 * j, _mm256_add_ps(sum[0][j], sum[1][j]));
}

static void sums(void *v, const void *panel, size_t stride, const struct acts *x, int cols,
                 int panels)
{
    if (panels == GEMV_PANELS)
        sums_n(v, panel, stride, x->f32, cols, GEMV_PANELS);
    else
        sums_n(v, panel, stride, x->f32, cols, 1);
}

static const struct gemv_ops gemv_avx2 = { .family = &f16, .sums = sums };

void f16_gemv_avx2(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_avx2, y, w, x, first, last);
}

static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint16_t *from = (const uint16_t *)panel + (size_t)k * PANEL_ROWS;
    float *to = w;

    for (int i = 0; i < n * PANEL_ROWS; i += 8)
        _mm256_store_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(from + i))));
}

/* 16 rows x `tokens` tokens in registers. */
static inline __attribute__((always_inline)) void
tile_n(float *c, size_t ldc, const float *w, const float *x, int n, bool fresh, const int tokens)
{
    __m256 sum[TOKENS][2];

#pragma GCC unroll 6
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++)
            sum[t][h] = _mm256_setzero_ps();
#pragma GCC unroll 4
    for (int k = 0; k < n; k++, w += PANEL_ROWS, x += tokens) {
        const __m256 w0 = _mm256_load_ps(w), w1 = _mm256_load_ps(w + 8);
#pragma GCC unroll 6
        for (int t = 0; t < tokens; t++) {
            const __m256 xt = _mm256_broadcast_ss(x + t);
            sum[t][0] = _mm256_fmadd_ps(w0, xt, sum[t][0]);
            sum[t][1] = _mm256_fmadd_ps(w1, xt, sum[t][1]);
            IN_REGISTERS(sum[t]);
        }
    }
#pragma GCC unroll 6
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            float *at = c + (size_t)t * ldc + 8 * h;
            _mm256_storeu_ps(at, fresh ? sum[t][h] : _mm256_add_ps(sum[t][h], _mm256_loadu_ps(at)));
        }
}

static void tile(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh)
{
    GEMM_TILE_6(tile_n, tokens, c, ldc, w, x, n, fresh);
}

static const struct gemm_ops gemm_avx2 = { .family = &f16,
                                           .tokens = TOKENS,
                                           .w_size = sizeof(float),
                                           .x_size = sizeof(float),
                                           .unpack = unpack_block,
                                           .tile = tile };

void f16_gemm_avx2(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                   int last)
{
    gemm_blocked(&gemm_avx2, y, ldy, w, x, first, last);
}
