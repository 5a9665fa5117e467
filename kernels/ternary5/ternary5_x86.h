/* SPDX-License-Identifier: MIT
 *
 * ternary5's GEMV for every x86 instruction set, in terms of avx2.h's or avx512.h's vectors, which
 * the including file chooses before. A group's product with its 5 activations is a sum of two
 * look-ups, for 16 rows at once, negated by the byte's own sign bit. It is at most 5 * 127 = 635,
 * split in bytes |lo| <= 24 and |hi| <= 26, so that 4 groups add up within a byte, to 96 and 104,
 * before they are put together as 16 bits. Nothing is rounded. */
#ifndef KERNELS_TERNARY5_TERNARY5_X86_H
#define KERNELS_TERNARY5_TERNARY5_X86_H

#include "kernels/gemm.h"
#include "kernels/lookup_x86.h"
#include "kernels/ternary5/ternary5.h"

/* A step is a group a lane, and four vectors of tables. WIDEN blocks add at most
 * 12 * 4 * 635 = 30480 < 2^15 to a 16-bit sum. */
enum {
    GROUP = TERNARY5_GROUP,
    STEPS = TERNARY5_GROUPS / LOOKUP_LANES,
    STEP_COLUMNS = LOOKUP_LANES * GROUP,
    TABLES = 4,
    BASE = 25,
    WIDEN = 12 * LOOKUP_BLOCKS,
};

static void prepare(void *table, const struct acts *x, int k, int n)
{
    const struct lookup_coefficients first = lookup_coefficients(ternary5_first, GROUP);
    const struct lookup_coefficients second = lookup_coefficients(ternary5_second, GROUP);
    uint8_t q[GEMV_TABLE / (TABLES * VEC_BYTES) * STEP_COLUMNS + 16];
    vec *to = table;

    lookup_biased(q, x->q8 + k, n);
    for (int c = 0; c < n; c += STEP_COLUMNS, to += TABLES) {
        const vec groups = vec_groups(q + c, GROUP, 2 * GROUP);
        lookup_tables(to, groups, &first, GROUP, BASE);
        lookup_tables(to + 2, groups, &second, GROUP, BASE);
    }
}

struct indices {
    vec first, second;
};

static inline struct indices indices_of(vec bytes)
{
    const vec first = vec_and(bytes, vec_all8(15));
    const vec m = vec_and(vec_right16(bytes, 4), vec_all8(7));

    /* At most 15 + 7: vpshufb takes the low 4 bits. */
    return (struct indices){ first, vec_add8(vec_lookup8(vec_lanes(ternary5_start), first), m) };
}

static inline __attribute__((always_inline)) void
block_n(vec *lo, vec *hi, const uint8_t *w, size_t stride, const vec *table, const int panels)
{
#pragma GCC unroll 4
    for (int p = 0; p < panels; p++) {
        gemv_fetch_ternary(w + (size_t)p * stride);
        gemv_fetch_ternary(w + (size_t)p * stride + 64);
    }
#pragma GCC unroll 4
    for (int s = 0; s < STEPS; s++, table += TABLES) {
        vec t[TABLES];
#pragma GCC unroll 4
        for (int i = 0; i < TABLES; i++) {
            t[i] = vec_load(table + i);
            HIDE(t[i]); /* the compiler would load them for each panel */
        }
#pragma GCC unroll 4
        for (int p = 0; p < panels; p++) {
            const vec bytes = vec_load(w + (size_t)p * stride + s * VEC_BYTES);
            const struct indices at = indices_of(bytes);
            const vec l = vec_add8(vec_lookup8(t[0], at.first), vec_lookup8(t[2], at.second));
            const vec h = vec_add8(vec_lookup8(t[1], at.first), vec_lookup8(t[3], at.second));
            /* Where a byte is 0, which is five zeros, so are l and h. */
            lo[p] = vec_add8(lo[p], vec_sign8(l, bytes));
            hi[p] = vec_add8(hi[p], vec_sign8(h, bytes));
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
    lookup_panels(sums, panel, stride, table, cols, panels, &format, block_n);
}

static const struct gemv_ops gemv_ops = { .family = &ternary5,
                                          .group = 1,
                                          .panels = LOOKUP_PANELS,
                                          .pairs = 1,
                                          .table_bytes = (size_t)STEPS * TABLES * VEC_BYTES,
                                          .prepare = prepare,
                                          .lookup = lookup };

#endif
