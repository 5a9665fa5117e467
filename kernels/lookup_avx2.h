/* SPDX-License-Identifier: MIT
 *
 * Tables of products for the families that look them up with vpshufb. A table has 16 entries; each
 * half of a vector has a table of its own, for a group of columns of its own. An entry is split
 * into two bytes, lo + base * hi with |lo| <= base / 2, so that a few of them add up exactly within
 * a byte. */
#ifndef KERNELS_LOOKUP_AVX2_H
#define KERNELS_LOOKUP_AVX2_H

#include "kernels/avx2.h"
#include "kernels/gemv.h"

/* Words of the activations from q on in the lower half, from q + group on in the upper, 8 each;
 * reads group + 8 bytes. */
static inline __m256i lookup_words(const int8_t *q, int group)
{
    const __m128i low = _mm_loadl_epi64((const void *)q);
    const __m128i high = _mm_loadl_epi64((const void *)(q + group));

    return _mm256_cvtepi8_epi16(_mm_unpacklo_epi64(low, high));
}

/* Coefficients of entries 0 to 7 or 8 to 15, for both halves. */
static inline __m256i lookup_coefficients(const int8_t *entries)
{
    return _mm256_broadcastsi128_si256(_mm_cvtepi8_epi16(_mm_loadl_epi64((const void *)entries)));
}

/* Word i of each half, times the coefficients. */
static inline __m256i lookup_times(__m256i words, int i, __m256i coefficients)
{
    const __m256i pick = _mm256_set1_epi16((short)(0x0100 + 0x0202 * i));

    return _mm256_mullo_epi16(_mm256_shuffle_epi8(words, pick), coefficients);
}

/* Entries 0 to 7 and 8 to 15, at most 2^10 in magnitude, as 32 bytes of lo and 32 of hi. base is
 * odd: rounding t / base by vpmulhrsw's reciprocal has no ties, and is exact for such t. */
static inline void lookup_split(void *table, __m256i t0, __m256i t1, int base)
{
    const __m256i reciprocal = _mm256_set1_epi16((short)((32768 + base / 2) / base));
    const __m256i unit = _mm256_set1_epi16((short)base);
    const __m256i h0 = _mm256_mulhrs_epi16(t0, reciprocal);
    const __m256i h1 = _mm256_mulhrs_epi16(t1, reciprocal);
    __m256i *to = table;

    _mm256_store_si256(to, _mm256_packs_epi16(_mm256_sub_epi16(t0, _mm256_mullo_epi16(h0, unit)),
                                              _mm256_sub_epi16(t1, _mm256_mullo_epi16(h1, unit))));
    _mm256_store_si256(to + 1, _mm256_packs_epi16(h0, h1));
}

/* Sums of 16 rows in each half, as bytes, onto 16-bit sums: rows 0 to 7, then 8 to 15. */
static inline void lookup_merge(__m256i sum[2], __m256i lo, __m256i hi, int base)
{
    const __m256i units = _mm256_set1_epi16((short)(base << 8 | 1));

    sum[0] = _mm256_add_epi16(sum[0], _mm256_maddubs_epi16(units, _mm256_unpacklo_epi8(lo, hi)));
    sum[1] = _mm256_add_epi16(sum[1], _mm256_maddubs_epi16(units, _mm256_unpackhi_epi8(lo, hi)));
}

/* 16-bit sums of both halves onto the int32 of 8 rows. */
static inline void lookup_widen(int32_t *to, __m256i sum)
{
    const __m256i low = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(sum));
    const __m256i high = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(sum, 1));
    const __m256i so_far = _mm256_loadu_si256((const void *)to);

    _mm256_storeu_si256((void *)to, _mm256_add_epi32(so_far, _mm256_add_epi32(low, high)));
}

/* What differs between formats: a block's bytes, the vectors of its tables, the blocks after which
 * 16-bit sums are widened, the base. */
struct lookup_format {
    size_t block_bytes;
    int block_cols, tables, widen, base;
};

/* One block of `panels` panels, `stride` bytes apart: bytes lo and hi of 16 rows in each half. */
typedef void lookup_block_fn(__m256i *lo, __m256i *hi, const uint8_t *w, size_t stride,
                             const __m256i *table, const int panels);

/* v is (panels, 16): sums over `cols` columns. Inlined with its arguments as constants. */
static inline __attribute__((always_inline)) void
lookup_n(int32_t *v, const uint8_t *w, size_t stride, const __m256i *table, int cols,
         const int panels, const struct lookup_format *f, lookup_block_fn *block_n)
{
    memset(v, 0, (size_t)panels * PANEL_ROWS * sizeof *v);
    for (int block = 0, blocks = cols / f->block_cols; block < blocks;) {
        const int end = blocks - block < f->widen ? blocks : block + f->widen;
        __m256i sum[GEMV_PANELS][2];

#pragma GCC unroll 2
        for (int p = 0; p < panels; p++)
            sum[p][0] = sum[p][1] = _mm256_setzero_si256();
        for (; block < end; block++, w += f->block_bytes, table += f->tables) {
            __m256i lo[GEMV_PANELS], hi[GEMV_PANELS];
            block_n(lo, hi, w, stride, table, panels);
#pragma GCC unroll 2
            for (int p = 0; p < panels; p++)
                lookup_merge(sum[p], lo[p], hi[p], f->base);
        }
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++)
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++)
                lookup_widen(v + PANEL_ROWS * p + 8 * h, sum[p][h]);
    }
}

#endif
