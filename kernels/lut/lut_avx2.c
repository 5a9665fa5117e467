/* SPDX-License-Identifier: MIT
 *
 * A group's product with its 3 activations is one of 27 sums: 0, 13 others, and their negatives. A
 * table of 16 bytes is looked up by vpshufb for 16 rows at once, and vpsignb negates. A sum, at
 * most 381, takes two tables: |lo| <= 15 and |hi| <= 12, so that the 8 groups of a block's half add
 * up within a byte, to 120 and 96, before they are put together as 16 bits. Nothing is rounded. */
#include "kernels/gemm.h"
#include "kernels/lookup_avx2.h"
#include "kernels/lut/lut.h"
#include "kernels/ternary2/codes_avx2.h"

gemv_fn lut_gemv_avx2;
gemm_fn lut_gemm_avx2, lut_gemm_avxvnni, lut_gemm_avx512bw, lut_gemm_avx512vnni, lut_gemm_amx;

/* A step is two groups, one in each half of a vector. WIDEN blocks of 8 groups in a half add at
 * most 10 * 8 * 381 = 30480 < 2^15 to a 16-bit sum. */
enum { GROUP = 3, STEPS = LUT_GROUPS / 2, BASE = 31, WIDEN = 10 };

static void prepare(void *table, const struct acts *x, int k, int n)
{
    __m256i coefficients[GROUP][2];
    __m256i *to = table;
    int8_t q[GEMV_TABLE / (2 * sizeof(__m256i)) * 2 * GROUP + 16]; /* lookup_words reads on */

    memcpy(q, x->q8 + k, (size_t)n);
    memset(q + n, 0, 16);
    for (int i = 0; i < GROUP; i++)
        for (int h = 0; h < 2; h++)
            coefficients[i][h] = lookup_coefficients(lut_digits[i] + 8 * h);
    for (int c = 0; c < n; c += 2 * GROUP, to += 2) {
        const __m256i words = lookup_words(q + c, GROUP);
        __m256i t[2];
        for (int h = 0; h < 2; h++) {
            t[h] = lookup_times(words, 0, coefficients[0][h]);
            for (int i = 1; i < GROUP; i++)
                t[h] = _mm256_add_epi16(t[h], lookup_times(words, i, coefficients[i][h]));
        }
        lookup_split(to, t[0], t[1], BASE);
    }
}

static inline __attribute__((always_inline)) void block_n(__m256i *lo, __m256i *hi,
                                                          const uint8_t *w, size_t stride,
                                                          const __m256i *table, const int panels)
{
    const __m256i nibble = _mm256_set1_epi8(15), one = _mm256_set1_epi8(1);
    __m256i sign[GEMV_PANELS];

#pragma GCC unroll 2
    for (int p = 0; p < panels; p++) {
        const char *at = (const char *)w + (size_t)p * stride;
        gemv_fetch(at + GEMV_AHEAD_TERNARY);
        gemv_fetch(at + GEMV_AHEAD_TERNARY + 64);
        gemv_fetch(at + GEMV_AHEAD_TERNARY + 128);
        sign[p] = _mm256_or_si256(_mm256_loadu_si256((const void *)(at + LUT_SIGNS)), one);
        lo[p] = hi[p] = _mm256_setzero_si256();
    }
#pragma GCC unroll 8
    for (int s = 0; s < STEPS; s++) {
        __m256i low = _mm256_load_si256(table + 2 * s);
        __m256i high = _mm256_load_si256(table + 2 * s + 1);
        HIDE(low); /* the compiler would load them for each panel */
        HIDE(high);
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            const uint8_t *at = w + (size_t)p * stride;
            __m256i index = _mm256_loadu_si256((const void *)(at + 32 * (s / 2)));
            if (s % 2)
                index = _mm256_srli_epi16(index, 4);
            index = _mm256_and_si256(index, nibble);
            lo[p] =
                _mm256_add_epi8(lo[p], _mm256_sign_epi8(_mm256_shuffle_epi8(low, index), sign[p]));
            hi[p] =
                _mm256_add_epi8(hi[p], _mm256_sign_epi8(_mm256_shuffle_epi8(high, index), sign[p]));
            HERE(lo[p]);
            HERE(hi[p]);
            /* The next sign to the top, above a 1: vpsignb takes 0 for 0. The last one's place was
             * the 1's. */
            if (s < STEPS - 2) {
                sign[p] = _mm256_add_epi8(sign[p], sign[p]);
            } else if (s == STEPS - 2) {
                sign[p] = _mm256_loadu_si256((const void *)(at + LUT_SIGNS));
                sign[p] = _mm256_or_si256(_mm256_slli_epi16(sign[p], 7), one);
            }
        }
    }
}

static const struct lookup_format format = { LUT_BYTES, LUT_COLS, 2 * STEPS, WIDEN, BASE };

static void lookup(int32_t *sums, const void *panel, size_t stride, const void *table, int cols,
                   int panels)
{
    if (panels == GEMV_PANELS)
        lookup_n(sums, panel, stride, table, cols, GEMV_PANELS, &format, block_n);
    else
        lookup_n(sums, panel, stride, table, cols, 1, &format, block_n);
}

static const struct gemv_ops gemv_avx2 = { .family = &lut,
                                           .group = 1,
                                           .pairs = 1,
                                           .table_bytes = STEPS * 2 * sizeof(__m256i),
                                           .prepare = prepare,
                                           .lookup = lookup };

void lut_gemv_avx2(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_avx2, y, w, x, first, last);
}

/* ---- GEMM: codes, as every ternary family ---- */

/* Columns of a block, 16 rows each. */
static void unpack_columns(__m128i *columns, const uint8_t *block)
{
    const __m256i nibble = _mm256_set1_epi8(15), one = _mm256_set1_epi8(1);
    const __m256i signs = _mm256_loadu_si256((const void *)(block + LUT_SIGNS));

    for (int s = 0; s < STEPS; s++) {
        const __m256i bytes = _mm256_loadu_si256((const void *)(block + 32 * (s / 2)));
        const __m256i index =
            _mm256_and_si256(_mm256_srl_epi16(bytes, _mm_cvtsi32_si128(s % 2 * 4)), nibble);
        const __m256i sign = _mm256_or_si256(_mm256_sll_epi16(signs, _mm_cvtsi32_si128(s)), one);
        for (int i = 0; i < GROUP; i++) {
            const __m256i digits =
                _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)lut_digits[i]));
            const __m256i codes =
                _mm256_add_epi8(_mm256_sign_epi8(_mm256_shuffle_epi8(digits, index), sign), one);
            columns[2 * GROUP * s + i] = _mm256_castsi256_si128(codes);
            columns[2 * GROUP * s + GROUP + i] = _mm256_extracti128_si256(codes, 1);
        }
    }
}

static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *block = (const uint8_t *)panel + (size_t)(k / LUT_COLS) * LUT_BYTES;
    uint8_t *codes = w;

    for (int c = 0; c < n; c += LUT_COLS, block += LUT_BYTES) {
        __m128i columns[LUT_COLS];
        unpack_columns(columns, block);
        for (int i = 0; i < LUT_COLS; i += CODES_GROUP, codes += CODES_GROUP * PANEL_ROWS)
            codes_interleave(codes, columns + i);
    }
}

static const struct gemm_ops gemm_avx2 = { .family = &lut,
                                           .tokens = CODES_TOKENS_AVX2,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_block,
                                           .tile = codes_tile_avx2,
                                           .few = &gemv_avx2,
                                           .offset = 1 };

void lut_gemm_avx2(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                   int last)
{
    gemm_blocked(&gemm_avx2, y, ldy, w, x, first, last);
}

/* Newer instruction sets have tiles of their own, and unpack in the same way. */
void lut_gemm_avxvnni(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                      int last)
{
    codes_gemm(&gemm_avx2, codes_tile_avxvnni, CODES_TOKENS_AVX2, y, ldy, w, x, first, last);
}

void lut_gemm_avx512bw(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                       int last)
{
    codes_gemm(&gemm_avx2, codes_tile_avx512bw, CODES_TOKENS_AVX512, y, ldy, w, x, first, last);
}

void lut_gemm_avx512vnni(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                         int last)
{
    codes_gemm(&gemm_avx2, codes_tile_avx512vnni, CODES_TOKENS_AVX512, y, ldy, w, x, first, last);
}

#ifdef KERNELS_AMX
void lut_gemm_amx(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                  int last)
{
    codes_gemm_amx(&gemm_avx2, y, ldy, w, x, first, last);
}
#endif
