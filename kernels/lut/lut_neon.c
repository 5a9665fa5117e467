/* SPDX-License-Identifier: MIT
 *
 * A group's product with its 3 activations is one of 27 sums: 0, 13 others, and their negatives. A
 * sum, at most 381, takes two tables: |lo| <= 15 and |hi| <= 12, so that 8 groups add up within a
 * byte, to 120 and 96, before they are put together as 16 bits; a block's 16 groups are at most
 * 16 * 381 = 6096. Nothing is rounded. */
#include "kernels/gemm.h"
#include "kernels/i8/tile.h"
#include "kernels/lookup_neon.h"
#include "kernels/lut/lut.h"

gemv_fn lut_gemv_neon;
gemm_fn lut_gemm_neon, lut_gemm_i8mm;

enum { GROUP = 3, BASE = 31, GROUP_TABLE = 32, TABLE_BYTES = LUT_GROUPS * GROUP_TABLE };

static void prepare(void *table, const struct acts *x, int k, int n)
{
    for (int g = 0; g < n / GROUP; g++)
        lookup_table((int8_t *)table + g * GROUP_TABLE, x->q8 + k + GROUP * g, lut_digits, GROUP,
                     BASE);
}

/* The groups of even number (half 0) or odd number of a block. */
static inline __attribute__((always_inline)) void half_n(int16x8_t sum[][2], const uint8_t *w,
                                                         size_t stride, const int8_t *table,
                                                         const int half, const int panels)
{
    int8x16_t lo[GEMV_PANELS], hi[GEMV_PANELS], sign[GEMV_PANELS];

#pragma GCC unroll 2
    for (int p = 0; p < panels; p++) {
        sign[p] = vld1q_s8((const int8_t *)w + (size_t)p * stride + LUT_SIGNS + 16 * half);
        lo[p] = hi[p] = vcntq_s8(sign[p]); /* the ones of as many negatives */
    }
#pragma GCC unroll 8
    for (int s = 0; s < LUT_GROUPS / 2; s++) {
        const int8_t *at = table + (2 * s + half) * GROUP_TABLE;
        const int8x16_t low = vld1q_s8(at), high = vld1q_s8(at + 16);
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            const uint8x16_t bytes = vld1q_u8(w + (size_t)p * stride + 32 * (s / 2) + 16 * half);
            const uint8x16_t index = s % 2 ? vshrq_n_u8(bytes, 4) : vandq_u8(bytes, vdupq_n_u8(15));
            const uint8x16_t m = vcltzq_s8(sign[p]);
            lo[p] = lookup_add(lo[p], low, index, m);
            hi[p] = lookup_add(hi[p], high, index, m);
            sign[p] = vaddq_s8(sign[p], sign[p]); /* the next one to the top */
        }
    }
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
        lookup_merge(sum[p], lo[p], hi[p], BASE);
}

static inline __attribute__((always_inline)) void
block_n(int16x8_t sum[][2], const uint8_t *w, size_t stride, const int8_t *table, const int panels)
{
    half_n(sum, w, stride, table, 0, panels);
    half_n(sum, w, stride, table, 1, panels);
}

static const struct lookup_format format = { LUT_BYTES, TABLE_BYTES, LUT_COLS };

static void lookup(int32_t *sums, const void *panel, size_t stride, const void *table, int cols,
                   int panels)
{
    if (panels == GEMV_PANELS)
        lookup_n(sums, panel, stride, table, cols, GEMV_PANELS, &format, block_n);
    else
        lookup_n(sums, panel, stride, table, cols, 1, &format, block_n);
}

static const struct gemv_ops gemv_neon = { .family = &lut,
                                           .group = 1,
                                           .panels = GEMV_PANELS,
                                           .pairs = 1,
                                           .table_bytes = TABLE_BYTES,
                                           .prepare = prepare,
                                           .lookup = lookup };

void lut_gemv_neon(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_neon, y, w, x, first, last);
}

/* ---- GEMM: codes, as every ternary family ---- */

static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *block = (const uint8_t *)panel + (size_t)(k / LUT_COLS) * LUT_BYTES;
    uint8_t *codes = w;

    for (int c = 0; c < n; c += LUT_COLS, block += LUT_BYTES, codes += LUT_COLS * PANEL_ROWS) {
        int8x16_t columns[LUT_COLS];
        for (int g = 0; g < LUT_GROUPS; g++) {
            const uint8x16_t bytes = vld1q_u8(block + 32 * (g / 4) + 16 * (g % 2));
            const uint8x16_t index =
                g / 2 % 2 ? vshrq_n_u8(bytes, 4) : vandq_u8(bytes, vdupq_n_u8(15));
            const int8x16_t signs = vld1q_s8((const int8_t *)block + LUT_SIGNS + 16 * (g % 2));
            const int8x16_t m =
                vreinterpretq_s8_u8(vcltzq_s8(vshlq_s8(signs, vdupq_n_s8((int8_t)(g / 2)))));
            for (int i = 0; i < GROUP; i++) {
                const int8x16_t digits = vqtbl1q_s8(vld1q_s8(lut_digits[i]), index);
                columns[GROUP * g + i] = vsubq_s8(veorq_s8(digits, m), m);
            }
        }
        codes_interleave(codes, columns, LUT_COLS);
    }
}

static void unpack_paired(void *w, const void *panel, int k, int n)
{
    unpack_block(w, panel, k, n);
    codes_pair(w, n);
}

static const struct gemm_ops gemm_neon = { .family = &lut,
                                           .tokens = NEON_TOKENS,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_block,
                                           .tile = i8_tile_neon,
                                           .few = &gemv_neon,
                                           .offset = 1 };

void lut_gemm_neon(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                   int last)
{
    gemm_blocked(&gemm_neon, y, ldy, w, x, first, last);
}

static const struct gemm_ops gemm_i8mm = { .family = &lut,
                                           .tokens = NEON_TOKENS,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_paired,
                                           .tile = i8_tile_i8mm,
                                           .few = &gemv_neon,
                                           .offset = 1 };

void lut_gemm_i8mm(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                   int last)
{
    gemm_blocked(&gemm_i8mm, y, ldy, w, x, first, last);
}
