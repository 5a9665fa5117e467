/* SPDX-License-Identifier: MIT
 *
 * lut's GEMV for every x86 instruction set. A group's product with its 3 activations is one of 27
 * sums: 0, 13 others, and their negatives. A table of 16 bytes is looked up by vpshufb for 16 rows
 * at once. A sum, at most 381, takes two tables: |lo| <= 15 and |hi| <= 12, so that 8 groups add up
 * within a byte, to 120 and 96, before they are put together as 16 bits. Nothing is rounded.
 *
 * The including file says before, by avx2.h's or avx512.h's vectors,
 *     block_n    a lookup_block_fn, in steps of a group a lane. Step s of a block has its indices
 * in vector s / 2, in the low halves of its bytes where s is even, else in the high. */
#ifndef KERNELS_LUT_LUT_X86_H
#define KERNELS_LUT_LUT_X86_H

#include "kernels/gemm.h"
#include "kernels/lookup_x86.h"
#include "kernels/lut/lut.h"

/* Lanes of a vector of the block: groups g and g + 1; then, 4 groups on, where the next 32 bytes
 * begin. WIDEN blocks add at most WIDEN * 8 * 381 = 30480 < 2^15 to a 16-bit sum of two lanes'
 * blocks. */
enum { GROUP = 3, APART = 4 * GROUP, BASE = 31, WIDEN = 10 * LOOKUP_BLOCKS };

/* Where the columns of a step's first lane begin. */
static inline int step_column(int step)
{
    return step / 2 * 2 * LOOKUP_LANES * GROUP + step % 2 * 2 * GROUP;
}

static void prepare(void *table, const struct acts *x, int k, int n)
{
    const struct lookup_coefficients c = lookup_coefficients(lut_digits, GROUP);
    uint8_t q[GEMV_TABLE / (2 * VEC_BYTES) * LOOKUP_LANES * GROUP + 16];
    vec *to = table;

    lookup_biased(q, x->q8 + k, n);
    for (int s = 0; s < n / (LOOKUP_LANES * GROUP); s++, to += 2)
        lookup_tables(to, vec_groups(q + step_column(s), GROUP, APART), &c, GROUP, BASE);
}

static const struct lookup_format format = { LUT_BYTES, LUT_COLS, 2 * STEPS, WIDEN, BASE };

static void lookup(int32_t *sums, const void *panel, size_t stride, const void *table, int cols,
                   int panels)
{
    lookup_panels(sums, panel, stride, table, cols, panels, &format, block_n);
}

static const struct gemv_ops gemv_ops = { .family = &lut,
                                          .group = 1,
                                          .panels = LOOKUP_PANELS,
                                          .pairs = 1,
                                          .table_bytes = (size_t)STEPS * 2 * VEC_BYTES,
                                          .prepare = prepare,
                                          .lookup = lookup };

#endif
