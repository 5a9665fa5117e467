/* SPDX-License-Identifier: MIT
 *
 * A group's product with its 5 activations is a sum of two look-ups, for 16 rows at once, negated
 * by the byte's own sign bit. It is at most 5 * 127 = 635, split in bytes |lo| <= 24 and |hi| <=
 * 26, so that 4 groups add up within a byte, to 96 and 104, before they are put together as 16
 * bits; a block's 8 groups are at most 8 * 635 = 5080. Nothing is rounded. */
#include "kernels/gemm.h"
#include "kernels/i8/tile.h"
#include "kernels/lookup_neon.h"
#include "kernels/ternary5/ternary5.h"

gemv_fn ternary5_gemv_neon;
gemm_fn ternary5_gemm_neon, ternary5_gemm_i8mm;

/* A group has two tables, of the first part and of the second. */
enum { GROUP = TERNARY5_GROUP, BASE = 25, GROUP_TABLE = 64, HALF = TERNARY5_GROUPS / 2 };
enum { TABLE_BYTES = TERNARY5_GROUPS * GROUP_TABLE };

static void prepare(void *table, const struct acts *x, int k, int n)
{
    int8_t *to = table;

    for (int c = 0; c < n; c += GROUP, to += GROUP_TABLE) {
        lookup_table(to, x->q8 + k + c, ternary5_first, GROUP, BASE);
        lookup_table(to + 32, x->q8 + k + c, ternary5_second, GROUP, BASE);
    }
}

struct indices {
    uint8x16_t first, second;
};

static inline struct indices indices_of(uint8x16_t bytes)
{
    const uint8x16_t low = vdupq_n_u8(15), first = vandq_u8(bytes, low);
    const uint8x16_t m = vandq_u8(vshrq_n_u8(bytes, 4), vdupq_n_u8(7));
    const uint8x16_t start = vqtbl1q_u8(vld1q_u8(ternary5_start), first);

    return (struct indices){ first, vandq_u8(vaddq_u8(start, m), low) };
}

/* HALF groups, whose bytes begin at w. */
static inline __attribute__((always_inline)) void
half_n(int16x8_t sum[][2], const uint8_t *w, size_t stride, const int8_t *table, const int panels)
{
    int8x16_t lo[GEMV_PANELS], hi[GEMV_PANELS];

#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
        lo[p] = hi[p] = vdupq_n_s8(0);
#pragma GCC unroll 4
    for (int g = 0; g < HALF; g++, table += GROUP_TABLE) {
        const int8x16_t low1 = vld1q_s8(table), high1 = vld1q_s8(table + 16);
        const int8x16_t low2 = vld1q_s8(table + 32), high2 = vld1q_s8(table + 48);
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            const uint8x16_t bytes = vld1q_u8(w + (size_t)p * stride + PANEL_ROWS * g);
            const struct indices at = indices_of(bytes);
            const int8x16_t m = vreinterpretq_s8_u8(vcltzq_s8(vreinterpretq_s8_u8(bytes)));
            const int8x16_t l = vaddq_s8(vqtbl1q_s8(low1, at.first), vqtbl1q_s8(low2, at.second));
            const int8x16_t h = vaddq_s8(vqtbl1q_s8(high1, at.first), vqtbl1q_s8(high2, at.second));
            lo[p] = vaddq_s8(lo[p], vsubq_s8(veorq_s8(l, m), m));
            hi[p] = vaddq_s8(hi[p], vsubq_s8(veorq_s8(h, m), m));
        }
    }
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
        lookup_merge(sum[p], lo[p], hi[p], BASE);
}

static inline __attribute__((always_inline)) void
block_n(int16x8_t sum[][2], const uint8_t *w, size_t stride, const int8_t *table, const int panels)
{
    half_n(sum, w, stride, table, panels);
    half_n(sum, w + HALF * PANEL_ROWS, stride, table + HALF * GROUP_TABLE, panels);
}

static const struct lookup_format format = { TERNARY5_BYTES, TABLE_BYTES, TERNARY5_COLS };

static void lookup(int32_t *sums, const void *panel, size_t stride, const void *table, int cols,
                   int panels)
{
    if (panels == GEMV_PANELS)
        lookup_n(sums, panel, stride, table, cols, GEMV_PANELS, &format, block_n);
    else
        lookup_n(sums, panel, stride, table, cols, 1, &format, block_n);
}

static const struct gemv_ops gemv_neon = { .family = &ternary5,
                                           .group = 1,
                                           .panels = GEMV_PANELS,
                                           .pairs = 1,
                                           .table_bytes = TABLE_BYTES,
                                           .prepare = prepare,
                                           .lookup = lookup };

void ternary5_gemv_neon(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_neon, y, w, x, first, last);
}

/* ---- GEMM: codes, as every ternary family ---- */

static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *bytes = (const uint8_t *)panel + (size_t)(k / GROUP) * PANEL_ROWS;
    uint8_t *codes = w;

    for (int c = 0; c < n; c += TERNARY5_COLS, codes += TERNARY5_COLS * PANEL_ROWS) {
        int8x16_t columns[TERNARY5_COLS];
        for (int g = 0; g < TERNARY5_GROUPS; g++, bytes += PANEL_ROWS) {
            const struct indices at = indices_of(vld1q_u8(bytes));
            const int8x16_t m = vreinterpretq_s8_u8(vcltzq_s8(vld1q_s8((const int8_t *)bytes)));
            for (int i = 0; i < GROUP; i++) {
                const int8x16_t trit =
                    vaddq_s8(vqtbl1q_s8(vld1q_s8(ternary5_first[i]), at.first),
                             vqtbl1q_s8(vld1q_s8(ternary5_second[i]), at.second));
                columns[GROUP * g + i] = vsubq_s8(veorq_s8(trit, m), m);
            }
        }
        codes_interleave(codes, columns, TERNARY5_COLS);
    }
}

static void unpack_paired(void *w, const void *panel, int k, int n)
{
    unpack_block(w, panel, k, n);
    codes_pair(w, n);
}

static const struct gemm_ops gemm_neon = { .family = &ternary5,
                                           .tokens = NEON_TOKENS,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_block,
                                           .tile = i8_tile_neon,
                                           .few = &gemv_neon,
                                           .offset = 1 };

void ternary5_gemm_neon(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    gemm_blocked(&gemm_neon, y, ldy, w, x, first, last);
}

static const struct gemm_ops gemm_i8mm = { .family = &ternary5,
                                           .tokens = NEON_TOKENS,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_paired,
                                           .tile = i8_tile_i8mm,
                                           .few = &gemv_neon,
                                           .offset = 1 };

void ternary5_gemm_i8mm(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    gemm_blocked(&gemm_i8mm, y, ldy, w, x, first, last);
}
