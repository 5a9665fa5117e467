/* SPDX-License-Identifier: MIT */
#include "kernels/avx2.h"
#include "kernels/gemm.h"
#include "kernels/gemv.h"
#include "kernels/ternary2/codes.h"

gemv_fn ternary2_gemv_avx2;
gemm_fn ternary2_gemm_avx2;

/* A 16-bit lane takes two products of at most 2 * 127 from each group of 4 columns: after FLUSH
 * columns it holds at most 64 * 508 = 32512 < 2^15, and is widened. */
enum { GROUP = CODES_GROUP, BLOCK_COLS = 16, BLOCK_BYTES = 64, FLUSH = 256 };

/* `panels` panels at a time, `stride` bytes apart. */
static inline __attribute__((always_inline)) void
sums_n(int32_t *v, const uint8_t *w, size_t stride, const int8_t *x, int cols, const int panels)
{
    const __m256i ones = _mm256_set1_epi16(1), mask = _mm256_set1_epi8(3);
    __m256i sum[4];

#pragma GCC unroll 4
    for (int j = 0; j < 2 * panels; j++)
        sum[j] = _mm256_setzero_si256();
    for (int k = 0; k < cols; k += FLUSH) {
        const int n = cols - k < FLUSH ? cols - k : FLUSH;
        __m256i part[4];

#pragma GCC unroll 4
        for (int j = 0; j < 2 * panels; j++)
            part[j] = _mm256_setzero_si256();
        for (int c = 0; c < n; c += BLOCK_COLS, w += BLOCK_BYTES) {
            __m256i xs[4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++)
                xs[i] = broadcast4(x + k + c + GROUP * i);
#pragma GCC unroll 2
            for (int p = 0; p < panels; p++) {
                const uint8_t *wp = w + (size_t)p * stride;
                _mm_prefetch((const char *)wp + GEMV_AHEAD, _MM_HINT_T0);
#pragma GCC unroll 2
                for (int h = 0; h < 2; h++) {
                    const __m256i codes = _mm256_loadu_si256((const void *)(wp + 32 * h));
                    __m256i s = part[2 * p + h];
#pragma GCC unroll 4
                    for (int i = 0; i < 4; i++) {
                        const __m256i u = _mm256_and_si256(_mm256_srli_epi16(codes, 2 * i), mask);
                        s = _mm256_add_epi16(s, _mm256_maddubs_epi16(u, xs[i]));
                    }
                    part[2 * p + h] = s;
                }
            }
        }
#pragma GCC unroll 4
        for (int j = 0; j < 2 * panels; j++)
            sum[j] = _mm256_add_epi32(sum[j], _mm256_madd_epi16(part[j], ones));
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

static const struct gemv_ops gemv_avx2 = { .family = &ternary2, .offset = 1, .sums = sums };

void ternary2_gemv_avx2(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_avx2, y, w, x, first, last);
}

/* Codes as bytes: groups of 4 columns, row after row. */
static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *from = (const uint8_t *)panel + (size_t)(k / BLOCK_COLS) * BLOCK_BYTES;
    const __m256i mask = _mm256_set1_epi8(3);
    __m256i *to = w;

    for (int b = 0; b < n / BLOCK_COLS; b++, from += BLOCK_BYTES)
        for (int i = 0; i < 4; i++)
            for (int h = 0; h < 2; h++) {
                const __m256i codes = _mm256_loadu_si256((const void *)(from + 32 * h));
                _mm256_store_si256(to++, _mm256_and_si256(_mm256_srli_epi16(codes, 2 * i), mask));
            }
}

static inline __attribute__((always_inline)) void tile_n(int32_t *c, size_t ldc, const __m256i *w,
                                                         const int32_t *x, int n, bool fresh,
                                                         const int tokens)
{
    const __m256i ones = _mm256_set1_epi16(1);

    for (int k = 0; k < n; k += FLUSH) {
        const int end = n - k < FLUSH ? n : k + FLUSH;
        __m256i part[CODES_TOKENS_AVX2][2];

#pragma GCC unroll 6
        for (int t = 0; t < tokens; t++)
            part[t][0] = part[t][1] = _mm256_setzero_si256();
#pragma GCC unroll 2
        for (int i = k; i < end; i += GROUP, w += 2, x += tokens) {
            const __m256i w0 = _mm256_load_si256(w), w1 = _mm256_load_si256(w + 1);
#pragma GCC unroll 6
            for (int t = 0; t < tokens; t++) {
                const __m256i xt = _mm256_set1_epi32(x[t]);
                part[t][0] = _mm256_add_epi16(part[t][0], _mm256_maddubs_epi16(w0, xt));
                part[t][1] = _mm256_add_epi16(part[t][1], _mm256_maddubs_epi16(w1, xt));
                IN_REGISTERS(part[t]);
            }
        }
#pragma GCC unroll 6
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                void *at = c + (size_t)t * ldc + 8 * h;
                const __m256i wide = _mm256_madd_epi16(part[t][h], ones);
                _mm256_storeu_si256(
                    at, fresh && k == 0 ? wide : _mm256_add_epi32(wide, _mm256_loadu_si256(at)));
            }
    }
}

void codes_tile_avx2(void *c, size_t ldc, const void *w, const void *x, int tokens, int n,
                     bool fresh)
{
    GEMM_TILE_6(tile_n, tokens, c, ldc, w, x, n, fresh);
}

static const struct gemm_ops gemm_avx2 = { .family = &ternary2,
                                           .tokens = CODES_TOKENS_AVX2,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_block,
                                           .tile = codes_tile_avx2,
                                           .offset = 1 };

void ternary2_gemm_avx2(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    gemm_blocked(&gemm_avx2, y, ldy, w, x, first, last);
}
