/* SPDX-License-Identifier: MIT
 *
 * Tables of products for the families that look them up with TBL, 16 rows at once. A table has 16
 * entries; an entry is split into two bytes, lo + base * hi with |lo| <= base / 2, so that a few of
 * them add up exactly within a byte. A negative of t is ~t + 1: with m = -1 where a row's sign is
 * set, else 0, t ^ m is looked up, and the ones are added by counting signs. */
#ifndef KERNELS_LOOKUP_NEON_H
#define KERNELS_LOOKUP_NEON_H

#include "kernels/gemv.h"
#include "kernels/neon.h"
#include "kernels/ternary2/codes.h"

/* The table of the activations q of one group: entry e is the sum over i of entries[i][e] q[i], at
 * most 2^10 in magnitude. 16 bytes of lo, 16 of hi. base is odd: rounding t / base by its
 * reciprocal has no ties, and is exact for such t. */
static inline void lookup_table(int8_t *to, const int8_t *q, const int8_t entries[][16], int group,
                                int base)
{
    const int16_t reciprocal = (int16_t)((32768 + base / 2) / base);

    for (int half = 0; half < 2; half++) {
        int16x8_t t = vdupq_n_s16(0);
        for (int i = 0; i < group; i++)
            t = vmlaq_n_s16(t, vmovl_s8(vld1_s8(entries[i] + 8 * half)), q[i]);
        const int16x8_t hi = vqrdmulhq_n_s16(t, reciprocal);
        vst1_s8(to + 8 * half, vmovn_s16(vmlsq_n_s16(t, hi, (int16_t)base)));
        vst1_s8(to + 16 + 8 * half, vmovn_s16(hi));
    }
}

/* sum + (table[index] ^ m) */
static inline int8x16_t lookup_add(int8x16_t sum, int8x16_t table, uint8x16_t index, uint8x16_t m)
{
    return vaddq_s8(sum, veorq_s8(vqtbl1q_s8(table, index), vreinterpretq_s8_u8(m)));
}

/* Sums of 16 rows as bytes onto 16-bit sums: rows 0 to 7, then 8 to 15. */
static inline void lookup_merge(int16x8_t sum[2], int8x16_t lo, int8x16_t hi, int base)
{
    const int8x16_t units = vdupq_n_s8((int8_t)base);

    sum[0] = vmlal_s8(vaddw_s8(sum[0], vget_low_s8(lo)), vget_low_s8(hi), vget_low_s8(units));
    sum[1] = vmlal_high_s8(vaddw_high_s8(sum[1], lo), hi, units);
}

/* 16-bit sums of 16 rows onto int32. */
static inline void lookup_widen(int32x4_t sum[4], const int16x8_t part[2])
{
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        sum[2 * h] = vaddw_s16(sum[2 * h], vget_low_s16(part[h]));
        sum[2 * h + 1] = vaddw_high_s16(sum[2 * h + 1], part[h]);
    }
}

/* What differs between formats: bytes, columns and bytes of tables of a block. */
struct lookup_format {
    size_t block_bytes, table_bytes;
    int block_cols;
};

/* One block of `panels` panels, `stride` bytes apart, onto 16-bit sums of 16 rows. */
typedef void lookup_block_fn(int16x8_t sum[][2], const uint8_t *w, size_t stride,
                             const int8_t *table, const int panels);

/* v is (panels, 16): sums over `cols` columns. Inlined with its arguments as constants. */
static inline __attribute__((always_inline)) void
lookup_n(int32_t *v, const uint8_t *w, size_t stride, const int8_t *table, int cols,
         const int panels, const struct lookup_format *f, lookup_block_fn *block_n)
{
    int32x4_t sum[GEMV_PANELS][4];

#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            sum[p][j] = vdupq_n_s32(0);
    for (int c = 0; c < cols; c += f->block_cols, w += f->block_bytes, table += f->table_bytes) {
        int16x8_t part[GEMV_PANELS][2];
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            for (size_t line = 0; line < f->block_bytes; line += 64)
                __builtin_prefetch(w + (size_t)p * stride + GEMV_AHEAD + line);
            part[p][0] = part[p][1] = vdupq_n_s16(0);
        }
        block_n(part, w, stride, table, panels);
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++)
            lookup_widen(sum[p], part[p]);
    }
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            vst1q_s32(v + PANEL_ROWS * p + 4 * j, sum[p][j]);
}

/* From columns of 16 rows, of {-1, 0, 1}, to codes as the tile for SDOT reads them. */
static inline void codes_interleave(uint8_t *codes, const int8x16_t *columns, int count)
{
    const int8x16_t one = vdupq_n_s8(1);

    for (int i = 0; i < count; i += CODES_GROUP, codes += CODES_GROUP * PANEL_ROWS) {
        const int8x16x4_t group = { { vaddq_s8(columns[i], one), vaddq_s8(columns[i + 1], one),
                                      vaddq_s8(columns[i + 2], one),
                                      vaddq_s8(columns[i + 3], one) } };
        vst4q_s8((int8_t *)codes, group);
    }
}

/* From there, in place, to what the tile for SMMLA reads. n is a multiple of 8. */
static inline void codes_pair(uint8_t *codes, int n)
{
    for (int k = 0; k < n; k += 2 * CODES_GROUP, codes += 2 * CODES_GROUP * PANEL_ROWS) {
        uint8x16_t group[8];
        for (int i = 0; i < 8; i++)
            group[i] = vld1q_u8(codes + 16 * i);
        for (int h = 0; h < 4; h++)
            store_pair(codes + 32 * h, group[h], group[4 + h]);
    }
}

#endif
