/* SPDX-License-Identifier: MIT
 *
 * Tables of products for the families that look them up with vpshufb, in terms of avx2.h's or
 * avx512.h's vectors, which the including file chooses before. A table has 16 entries; each lane of
 * 16 bytes has a table of its own, for a group of columns of its own. An entry is split into two
 * bytes, lo + base * hi with |lo| <= base / 2, so that a few of them add up exactly within a byte.
 *
 * As a step does twice as much in vectors of 512 bits, a block has half as many, and sums of lo and
 * hi hold twice as many blocks. There the registers are enough for twice as many panels at a time,
 * too, among which a step's tables are shared: they come from the L2 cache. */
#ifndef KERNELS_LOOKUP_X86_H
#define KERNELS_LOOKUP_X86_H

#include "kernels/gemv.h"

enum {
    LOOKUP_LANES = VEC_BYTES / 16,
    LOOKUP_BLOCKS = LOOKUP_LANES / 2, /* whose lo and hi are added up before they are merged */
    LOOKUP_PANELS = GEMV_PANELS * LOOKUP_LANES / 2,
};
_Static_assert((int)LOOKUP_PANELS <= (int)GEMV_PANELS_MAX, "gemv.h");

/* What differs between formats: a block's bytes and columns, the vectors of its tables, the blocks
 * after which 16-bit sums are widened, the base. */
struct lookup_format {
    size_t block_bytes;
    int block_cols, tables, widen, base;
};

/* One block of `panels` panels, `stride` bytes apart, onto bytes lo and hi of 16 rows a lane. */
typedef void lookup_block_fn(vec *lo, vec *hi, const uint8_t *w, size_t stride, const vec *table,
                             const int panels);

/* What makes tables of a group's activations, in every lane, of entries 0 to 7 and of 8 to 15: the
 * coefficients of two columns side by side; and where their sums begin, below 0 by what they get
 * too much, since an activation as an unsigned factor is 128 too high. */
enum { LOOKUP_PAIRS = 3 /* of columns of a group, at most */, LOOKUP_BIAS = 128 };
struct lookup_coefficients {
    vec pair[LOOKUP_PAIRS][2], start[2];
};

static inline struct lookup_coefficients lookup_coefficients(const int8_t entries[][16], int group)
{
    struct lookup_coefficients to;

    to.start[0] = to.start[1] = vec_zero();
    for (int i = 0; i < group; i += 2) {
        const vec a = vec_lanes(entries[i]);
        const vec b = i + 1 < group ? vec_lanes(entries[i + 1]) : vec_zero();
        to.pair[i / 2][0] = vec_low8(a, b);
        to.pair[i / 2][1] = vec_high8(a, b);
        for (int h = 0; h < 2; h++)
            to.start[h] =
                vec_sub16(to.start[h], vec_pairs8(vec_all8(LOOKUP_BIAS), to.pair[i / 2][h]));
    }
    return to;
}

/* n activations as such factors; 16 bytes beyond, which vec_groups reads. */
static inline void lookup_biased(uint8_t *to, const int8_t *from, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = (uint8_t)(from[i] + LOOKUP_BIAS);
    memset(to + n, 0, 16);
}

/* The tables of each lane's activations, `x` (vec_groups): a vector of lo, then one of hi. Entry
 * e is the sum over the group of activation times coefficient e, at most 2^10 in magnitude. base is
 * odd: rounding it by vpmulhrsw's reciprocal has no ties, and is exact. */
static inline void lookup_tables(vec *to, vec x, const struct lookup_coefficients *c, int group,
                                 int base)
{
    const vec reciprocal = vec_all16((32768 + base / 2) / base), unit = vec_all16(base);
    vec lo[2], hi[2];

    for (int h = 0; h < 2; h++) {
        vec t = c->start[h];
        for (int i = 0; i < (group + 1) / 2; i++) {
            const vec pair = vec_lookup8(x, vec_all16(0x0100 + 0x0202 * i));
            t = vec_add16(t, vec_pairs8(pair, c->pair[i][h]));
        }
        hi[h] = vec_mul16_rounded(t, reciprocal);
        lo[h] = vec_sub16(t, vec_mul16(hi[h], unit));
    }
    vec_store(to, vec_pack16(lo[0], lo[1]));
    vec_store(to + 1, vec_pack16(hi[0], hi[1]));
}

/* Sums of 16 rows a lane, as bytes, onto 16-bit sums: rows 0 to 7, then 8 to 15. */
static inline void lookup_merge(vec sum[2], vec lo, vec hi, int base)
{
    const vec units = vec_all16(base << 8 | 1);

    sum[0] = vec_add16(sum[0], vec_pairs8(units, vec_low8(lo, hi)));
    sum[1] = vec_add16(sum[1], vec_pairs8(units, vec_high8(lo, hi)));
}

/* v is (panels, 16): sums over `cols` columns. Inlined with its arguments as constants. */
static inline __attribute__((always_inline)) void
lookup_n(int32_t *v, const uint8_t *w, size_t stride, const vec *table, int cols, const int panels,
         const struct lookup_format *f, lookup_block_fn *block_n)
{
    memset(v, 0, (size_t)panels * PANEL_ROWS * sizeof *v);
    for (int block = 0, blocks = cols / f->block_cols; block < blocks;) {
        const int end = blocks - block < f->widen ? blocks : block + f->widen;
        vec sum[LOOKUP_PANELS][2];

#pragma GCC unroll 4
        for (int p = 0; p < panels; p++)
            sum[p][0] = sum[p][1] = vec_zero();
        for (; block < end; block += LOOKUP_BLOCKS) {
            vec lo[LOOKUP_PANELS], hi[LOOKUP_PANELS];
#pragma GCC unroll 4
            for (int p = 0; p < panels; p++)
                lo[p] = hi[p] = vec_zero();
#pragma GCC unroll 2
            for (int i = 0; i < LOOKUP_BLOCKS; i++, w += f->block_bytes, table += f->tables)
                if (block + i < end) /* the last may be alone */
                    block_n(lo, hi, w, stride, table, panels);
#pragma GCC unroll 4
            for (int p = 0; p < panels; p++)
                lookup_merge(sum[p], lo[p], hi[p], f->base);
        }
#pragma GCC unroll 4
        for (int p = 0; p < panels; p++)
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++)
                vec_lanes_add(v + PANEL_ROWS * p + 8 * h, sum[p][h]);
    }
}

/* gemv_ops.lookup, of 1 or LOOKUP_PANELS panels. */
static inline __attribute__((always_inline)) void
lookup_panels(int32_t *v, const void *panel, size_t stride, const void *table, int cols, int panels,
              const struct lookup_format *f, lookup_block_fn *block_n)
{
    if (panels == LOOKUP_PANELS)
        lookup_n(v, panel, stride, table, cols, LOOKUP_PANELS, f, block_n);
    else
        lookup_n(v, panel, stride, table, cols, 1, f, block_n);
}

#endif
