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

/* Columns of a block, 16 rows each. */
static void unpack_columns(__m128i *columns, const uint8_t *block)
{
    const vec nibble = vec_all8(15), one = vec_all8(1), signs = vec_load(block + LUT_SIGNS);

    for (int s = 0; s < STEPS; s++) {
        const vec bytes = vec_load(block + s / 2 * VEC_BYTES);
        const vec index = vec_and(s % 2 ? vec_right16(bytes, 4) : bytes, nibble);
        const vec sign = vec_or(_mm256_sll_epi16(signs, _mm_cvtsi32_si128(s)), one);
        for (int i = 0; i < GROUP; i++) {
            const vec trits = vec_sign8(vec_lookup8(vec_lanes(lut_digits[i]), index), sign);
            const vec codes = vec_add8(trits, one);
            columns[2 * GROUP * s + i] = _mm256_castsi256_si128(codes);
            columns[2 * GROUP * s + GROUP + i] = _mm256_extracti128_si256(codes, 1);
        }
    }
}

void lut_unpack_avx2(void *w, const void *panel, int k, int n)
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
                                           .unpack = lut_unpack_avx2,
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
