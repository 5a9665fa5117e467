/* SPDX-License-Identifier: MIT
 *
 * A group's product with its 5 activations is a sum of two look-ups, for 16 rows at once, negated
 * by the byte's own sign bit. It is at most 5 * 127 = 635, split in bytes |lo| <= 24 and |hi| <=
 * 26, so that the 4 groups of a block's half add up within a byte, to 96 and 104, before they are
 * put together as 16 bits. Nothing is rounded. */
#include "kernels/gemm.h"
#include "kernels/lookup_avx2.h"
#include "kernels/ternary2/codes_avx2.h"
#include "kernels/ternary5/ternary5.h"

gemv_fn ternary5_gemv_avx2;
gemm_fn ternary5_gemm_avx2, ternary5_gemm_avxvnni, ternary5_gemm_avx512bw, ternary5_gemm_avx512vnni,
    ternary5_gemm_amx;

/* A step is two groups, one in each half of a vector, and four vectors of tables. WIDEN blocks of 4
 * groups in a half add at most 12 * 4 * 635 = 30480 < 2^15 to a 16-bit sum. */
enum { GROUP = TERNARY5_GROUP, STEPS = TERNARY5_GROUPS / 2, TABLES = 4, BASE = 25, WIDEN = 12 };

static void prepare_part(__m256i *to, const int8_t *q, int n, const int8_t entries[GROUP][16])
{
    __m256i coefficients[GROUP][2];

    for (int i = 0; i < GROUP; i++)
        for (int h = 0; h < 2; h++)
            coefficients[i][h] = lookup_coefficients(entries[i] + 8 * h);
    for (int c = 0; c < n; c += 2 * GROUP, to += TABLES) {
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

static void prepare(void *table, const struct acts *x, int k, int n)
{
    int8_t q[GEMV_TABLE / (TABLES * sizeof(__m256i)) * 2 * GROUP + 16]; /* lookup_words reads on */

    memcpy(q, x->q8 + k, (size_t)n);
    memset(q + n, 0, 16);
    prepare_part(table, q, n, ternary5_first);
    prepare_part((__m256i *)table + 2, q, n, ternary5_second);
}

struct indices {
    __m256i first, second;
};

static inline struct indices indices_of(__m256i bytes)
{
    const __m256i start =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)ternary5_start));
    const __m256i first = _mm256_and_si256(bytes, _mm256_set1_epi8(15));
    const __m256i m = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(7));

    /* At most 15 + 7: vpshufb takes the low 4 bits. */
    return (struct indices){ first, _mm256_add_epi8(_mm256_shuffle_epi8(start, first), m) };
}

static inline __attribute__((always_inline)) void block_n(__m256i *lo, __m256i *hi,
                                                          const uint8_t *w, size_t stride,
                                                          const __m256i *table, const int panels)
{
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++) {
        const char *at = (const char *)w + (size_t)p * stride;
        gemv_fetch(at + GEMV_AHEAD_TERNARY);
        gemv_fetch(at + GEMV_AHEAD_TERNARY + 64);
        lo[p] = hi[p] = _mm256_setzero_si256();
    }
#pragma GCC unroll 4
    for (int s = 0; s < STEPS; s++, table += TABLES) {
        __m256i t[TABLES];
#pragma GCC unroll 4
        for (int i = 0; i < TABLES; i++) {
            t[i] = _mm256_load_si256(table + i);
            HIDE(t[i]); /* the compiler would load them for each panel */
        }
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            const __m256i bytes =
                _mm256_loadu_si256((const void *)(w + (size_t)p * stride + 32 * s));
            const struct indices at = indices_of(bytes);
            const __m256i l = _mm256_add_epi8(_mm256_shuffle_epi8(t[0], at.first),
                                              _mm256_shuffle_epi8(t[2], at.second));
            const __m256i h = _mm256_add_epi8(_mm256_shuffle_epi8(t[1], at.first),
                                              _mm256_shuffle_epi8(t[3], at.second));
            /* vpsignb gives 0 where a byte is 0, which is five zeros. */
            lo[p] = _mm256_add_epi8(lo[p], _mm256_sign_epi8(l, bytes));
            hi[p] = _mm256_add_epi8(hi[p], _mm256_sign_epi8(h, bytes));
            HERE(lo[p]);
            HERE(hi[p]);
        }
    }
}

static const struct lookup_format format = { TERNARY5_BYTES, TERNARY5_COLS, TABLES *STEPS, WIDEN,
                                             BASE };

static void lookup(int32_t *sums, const void *panel, size_t stride, const void *table, int cols,
                   int panels)
{
    if (panels == GEMV_PANELS)
        lookup_n(sums, panel, stride, table, cols, GEMV_PANELS, &format, block_n);
    else
        lookup_n(sums, panel, stride, table, cols, 1, &format, block_n);
}

static const struct gemv_ops gemv_avx2 = { .family = &ternary5,
                                           .group = 1,
                                           .pairs = 1,
                                           .table_bytes = STEPS * TABLES * sizeof(__m256i),
                                           .prepare = prepare,
                                           .lookup = lookup };

void ternary5_gemv_avx2(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_avx2, y, w, x, first, last);
}

/* ---- GEMM: codes, as every ternary family ---- */

/* Columns of a block, 16 rows each. */
static void unpack_columns(__m128i *columns, const uint8_t *block)
{
    for (int s = 0; s < STEPS; s++, columns += 2 * GROUP) {
        const __m256i bytes = _mm256_loadu_si256((const void *)(block + 32 * s));
        const struct indices at = indices_of(bytes);
        for (int i = 0; i < GROUP; i++) {
            const __m256i first =
                _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)ternary5_first[i]));
            const __m256i second =
                _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)ternary5_second[i]));
            const __m256i trits =
                _mm256_sign_epi8(_mm256_add_epi8(_mm256_shuffle_epi8(first, at.first),
                                                 _mm256_shuffle_epi8(second, at.second)),
                                 bytes);
            const __m256i codes = _mm256_add_epi8(trits, _mm256_set1_epi8(1));
            columns[i] = _mm256_castsi256_si128(codes);
            columns[GROUP + i] = _mm256_extracti128_si256(codes, 1);
        }
    }
}

static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *block = (const uint8_t *)panel + (size_t)(k / GROUP) * PANEL_ROWS;
    uint8_t *codes = w;

    for (int c = 0; c < n; c += TERNARY5_COLS, block += TERNARY5_BYTES) {
        __m128i columns[TERNARY5_COLS];
        unpack_columns(columns, block);
        for (int i = 0; i < TERNARY5_COLS; i += CODES_GROUP, codes += CODES_GROUP * PANEL_ROWS)
            codes_interleave(codes, columns + i);
    }
}

static const struct gemm_ops gemm_avx2 = { .family = &ternary5,
                                           .tokens = CODES_TOKENS_AVX2,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_block,
                                           .tile = codes_tile_avx2,
                                           .few = &gemv_avx2,
                                           .offset = 1 };

void ternary5_gemm_avx2(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    gemm_blocked(&gemm_avx2, y, ldy, w, x, first, last);
}

/* Newer instruction sets have tiles of their own, and unpack in the same way. */
void ternary5_gemm_avxvnni(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                           int last)
{
    codes_gemm(&gemm_avx2, codes_tile_avxvnni, CODES_TOKENS_AVX2, y, ldy, w, x, first, last);
}

void ternary5_gemm_avx512bw(float *y, int ldy, const struct wmat *w, const struct acts *x,
                            int first, int last)
{
    codes_gemm(&gemm_avx2, codes_tile_avx512bw, CODES_TOKENS_AVX512, y, ldy, w, x, first, last);
}

void ternary5_gemm_avx512vnni(float *y, int ldy, const struct wmat *w, const struct acts *x,
                              int first, int last)
{
    codes_gemm(&gemm_avx2, codes_tile_avx512vnni, CODES_TOKENS_AVX512, y, ldy, w, x, first, last);
}

#ifdef KERNELS_AMX
void ternary5_gemm_amx(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                       int last)
{
    codes_gemm_amx(&gemm_avx2, y, ldy, w, x, first, last);
}
#endif
