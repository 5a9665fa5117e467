/* SPDX-License-Identifier: MIT */
#include "kernels/avx2.h"
#include "kernels/ternary2/codes_avx2.h"
#include "kernels/ternary5/ternary5_x86.h"

gemv_fn ternary5_gemv_avx2;
gemm_fn ternary5_gemm_avx2, ternary5_gemm_avxvnni;

void ternary5_gemv_avx2(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_ops, y, w, x, first, last);
}

/* ---- GEMM: codes, as every ternary family ---- */

/* Columns of a block, 16 rows each. */
static void unpack_columns(__m128i *columns, const uint8_t *block)
{
    for (int s = 0; s < TERNARY5_GROUPS / 2; s++, columns += 2 * GROUP) {
        const vec bytes = vec_load(block + s * VEC_BYTES);
        const struct indices at = indices_of(bytes);
        for (int i = 0; i < GROUP; i++) {
            const vec trits = vec_add8(vec_lookup8(vec_lanes(ternary5_first[i]), at.first),
                                       vec_lookup8(vec_lanes(ternary5_second[i]), at.second));
            const vec codes = vec_add8(vec_sign8(trits, bytes), vec_all8(1));
            columns[i] = _mm256_castsi256_si128(codes);
            columns[GROUP + i] = _mm256_extracti128_si256(codes, 1);
        }
    }
}

void ternary5_unpack_avx2(void *w, const void *panel, int k, int n)
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
                                           .unpack = ternary5_unpack_avx2,
                                           .tile = codes_tile_avx2,
                                           .few = &gemv_ops,
                                           .offset = 1 };

void ternary5_gemm_avx2(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    gemm_blocked(&gemm_avx2, y, ldy, w, x, first, last);
}

/* AVX-VNNI has a tile of its own, and unpacks in the same way. */
void ternary5_gemm_avxvnni(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                           int last)
{
    codes_gemm(&gemm_avx2, codes_tile_avxvnni, CODES_TOKENS_AVX2, y, ldy, w, x, first, last);
}
