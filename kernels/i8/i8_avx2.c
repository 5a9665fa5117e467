/* SPDX-License-Identifier: MIT */
#include "kernels/avx2.h"
#include "kernels/gemm.h"
#include "kernels/gemv.h"

gemv_fn i8_gemv_avx2;
gemm_fn i8_gemm_avx2;

enum { GROUP = 4, GROUP_BYTES = GROUP * PANEL_ROWS, TOKENS = 6 };

/* `panels` panels at a time, `stride` bytes apart. |w| * sign(x, w) keeps the products, and
 * a pair of them is at most 2 * 127 * 127 < 2^15: nothing saturates. */
static inline __attribute__((always_inline)) void
sums_n(int32_t *v, const int8_t *w, size_t stride, const int8_t *x, int cols, const int panels)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum[4];

#pragma GCC unroll 4
    for (int j = 0; j < 2 * panels; j++)
        sum[j] = _mm256_setzero_si256();
    for (int c = 0; c < cols; c += GROUP, w += GROUP_BYTES) {
        const __m256i xc = broadcast4(x + c);
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            const int8_t *wp = w + (size_t)p * stride;
            _mm_prefetch((const char *)wp + GEMV_AHEAD, _MM_HINT_T0);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                const __m256i wh = _mm256_loadu_si256((const void *)(wp + 32 * h));
                const __m256i pairs =
                    _mm256_maddubs_epi16(_mm256_abs_epi8(wh), _mm256_sign_epi8(xc, wh));
                sum[2 * p + h] = _mm256_add_epi32(sum[2 * p + h], _mm256_madd_epi16(pairs, ones));
            }
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < 2 * panels; j++)
        _mm256_storeu_si256((void *)(v + 8 * j), sum[j]);
}

static void sums(void *v, const void *panel, size_t stride, const struct acts *x, int cols,
                 int panels)
{
    if (panels == GEMV_PANELS)
        sums_n(v, panel, stride, x->q8, cols, GEMV_PANELS);
    else
        sums_n(v, panel, stride, x->q8, cols, 1);
}

static const struct gemv_ops gemv_avx2 = { .family = &i8, .sums = sums };

void i8_gemv_avx2(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_avx2, y, w, x, first, last);
}

/* Weights as int16, in pairs of columns: one pair of all 16 rows after the other, so that a product
 * with a broadcast pair of activations needs one vpmaddwd. */
static void unpack_block(void *w, const void *panel, int k, int n)
{
    const int8_t *from = (const int8_t *)panel + (size_t)k * PANEL_ROWS;
    __m256i *to = w;

    for (int c = 0; c < n; c += GROUP, from += GROUP_BYTES, to += 4)
        for (int h = 0; h < 2; h++) {
            const __m128i *bytes = (const void *)(from + 32 * h);
            const __m256 a = _mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm_loadu_si128(bytes)));
            const __m256 b = _mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm_loadu_si128(bytes + 1)));
            const __m256 low = _mm256_shuffle_ps(a, b, 0x88), high = _mm256_shuffle_ps(a, b, 0xdd);
            _mm256_store_si256(to + h, _mm256_permute4x64_epi64(_mm256_castps_si256(low), 0xd8));
            _mm256_store_si256(to + 2 + h,
                               _mm256_permute4x64_epi64(_mm256_castps_si256(high), 0xd8));
        }
}

static inline __attribute__((always_inline)) void tile_n(int32_t *c, size_t ldc, const __m256i *w,
                                                         const int32_t *x, int n, bool fresh,
                                                         const int tokens)
{
    __m256i sum[TOKENS][2];

#pragma GCC unroll 6
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++)
            sum[t][h] = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (int k = 0; k < n; k += 2, w += 2, x += tokens) {
        const __m256i w0 = _mm256_load_si256(w), w1 = _mm256_load_si256(w + 1);
#pragma GCC unroll 6
        for (int t = 0; t < tokens; t++) {
            const __m256i xt = _mm256_set1_epi32(x[t]);
            sum[t][0] = _mm256_add_epi32(sum[t][0], _mm256_madd_epi16(w0, xt));
            sum[t][1] = _mm256_add_epi32(sum[t][1], _mm256_madd_epi16(w1, xt));
            IN_REGISTERS(sum[t]);
        }
    }
#pragma GCC unroll 6
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            void *at = c + (size_t)t * ldc + 8 * h;
            _mm256_storeu_si256(at, fresh ? sum[t][h]
                                          : _mm256_add_epi32(sum[t][h], _mm256_loadu_si256(at)));
        }
}

static void tile(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh)
{
    GEMM_TILE_6(tile_n, tokens, c, ldc, w, x, n, fresh);
}

static const struct gemm_ops gemm_avx2 = { .family = &i8,
                                           .tokens = TOKENS,
                                           .w_size = sizeof(int16_t),
                                           .x_size = sizeof(int16_t),
                                           .unpack = unpack_block,
                                           .tile = tile };

void i8_gemm_avx2(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                  int last)
{
    gemm_blocked(&gemm_avx2, y, ldy, w, x, first, last);
}
