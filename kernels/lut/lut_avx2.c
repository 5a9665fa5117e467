/* SPDX-License-Identifier: MIT */
#include "kernels/avx2.h"
#include "kernels/lookup_x86.h"
#include "kernels/lut/lut.h"
#include "kernels/ternary2/codes_avx2.h"

gemv_fn lut_gemv_avx2;
gemm_fn lut_gemm_avx2, lut_gemm_avxvnni;

enum { STEPS = LUT_GROUPS / LOOKUP_LANES };

/* Signs come to the top of a byte one after another, above a 1: vpsignb takes 0 for 0. */
static inline __attribute__((always_inline)) void
block_n(vec *lo, vec *hi, const uint8_t *w, size_t stride, const vec *table, const int panels)
{
    const vec nibble = vec_all8(15), one = vec_all8(1);
    vec sign[LOOKUP_PANELS];

#pragma GCC unroll 2
    for (int p = 0; p < panels; p++) {
        const uint8_t *at = w + (size_t)p * stride;
        lut_fetch(at);
        sign[p] = vec_or(vec_load(at + LUT_SIGNS), one);
    }
#pragma GCC unroll 8
    for (int s = 0; s < STEPS; s++) {
        vec low = vec_load(table + 2 * s), high = vec_load(table + 2 * s + 1);
        HIDE(low); /* the compiler would load them for each panel */
        HIDE(high);
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            const uint8_t *at = w + (size_t)p * stride;
            vec index = vec_load(at + s / 2 * VEC_BYTES);
            if (s % 2)
                index = vec_right16(index, 4);
            index = vec_and(index, nibble);
            lo[p] = vec_add8(lo[p], vec_sign8(vec_lookup8(low, index), sign[p]));
            hi[p] = vec_add8(hi[p], vec_sign8(vec_lookup8(high, index), sign[p]));
            HERE(lo[p]);
            HERE(hi[p]);
            /* The last sign's place was the 1's. */
            if (s < STEPS - 2) {
                sign[p] = vec_add8(sign[p], sign[p]);
            } else if (s == STEPS - 2) {
                sign[p] = _mm256_slli_epi16(vec_load(at + LUT_SIGNS), 7);
                sign[p] = vec_or(sign[p], one);
            }
        }
    }
}

#include "kernels/lut/lut_x86.h"

void lut_gemv_avx2(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_ops, y, w, x, first, last);
}

/* ---- GEMM: codes, as every ternary family ---- */

/* Of step s's groups, two bits a column: the trit and 1. */
static inline vec unpack_step(const uint8_t *block, int s, vec table, vec signs)
{
    const vec bytes = vec_load(block + s / 2 * VEC_BYTES);
    const vec index = vec_and(s % 2 ? vec_right16(bytes, 4) : bytes, vec_all8(15));
    const vec sign = vec_or(_mm256_sll_epi16(signs, _mm_cvtsi32_si128(s)), vec_all8(1));

    return vec_add8(vec_sign8(vec_lookup8(table, index), sign), vec_all8(0x15));
}

void lut_unpack_avx2(void *w, const void *panel, int k, int n)
{
    const uint8_t *block = (const uint8_t *)panel + (size_t)(k / LUT_COLS) * LUT_BYTES;
    const vec table = codes_table(lut_digits, GROUP);
    uint8_t *codes = w;

    for (int c = 0; c < n; c += LUT_COLS, block += LUT_BYTES) {
        const vec signs = vec_load(block + LUT_SIGNS);
#pragma GCC unroll 4
        for (int s = 0; s < STEPS; s += 2) {
            vec rows[2];
            codes_rows(rows, unpack_step(block, s, table, signs),
                       unpack_step(block, s + 1, table, signs));
            codes = codes_words(codes, rows, GROUP);
        }
    }
}

enum { COLUMNS = UNIT * GROUP }; /* of a unit */
_Static_assert(GEMM_ORDER % LUT_COLS == 0, "gemm.h");

void lut_order_avx2(int8_t *to, const int8_t *from, int n)
{
    const __m128i order = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
    const int8_t *last = from + n - COLUMNS;
    int8_t end[16] = { 0 };

    /* Reads and writes 4 bytes more than a unit has, which the next one writes anew. */
    for (; from < last; from += COLUMNS, to += COLUMNS)
        _mm_storeu_si128((void *)to, _mm_shuffle_epi8(_mm_loadu_si128((const void *)from), order));
    memcpy(end, from, COLUMNS);
    _mm_storeu_si128((void *)end, _mm_shuffle_epi8(_mm_loadu_si128((const void *)end), order));
    memcpy(to, end, COLUMNS);
}

static const struct gemm_ops gemm_avx2 = { .family = &lut,
                                           .tokens = CODES_TOKENS_AVX2,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = lut_unpack_avx2,
                                           .order = lut_order_avx2,
                                           .tile = codes_tile_avx2,
                                           .few = &gemv_ops,
                                           .offset = 1 };

void lut_gemm_avx2(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                   int last)
{
    gemm_blocked(&gemm_avx2, y, ldy, w, x, first, last);
}

/* AVX-VNNI has a tile of its own, and unpacks in the same way. */
void lut_gemm_avxvnni(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                      int last)
{
    codes_gemm(&gemm_avx2, codes_tile_avxvnni, CODES_TOKENS_AVX2, y, ldy, w, x, first, last);
}
