/* SPDX-License-Identifier: MIT
 *
 * Loops of known cost that show what a core can do at most: the ceilings that kernels are held
 * against. Each returns a value that depends on its work, so that none of it can be left out. */
#ifndef KERNELS_ROOF_ROOF_H
#define KERNELS_ROOF_ROOF_H

#include <stddef.h>
#include <stdint.h>

/* Reads `bytes` (a multiple of 4096) once, as `streams` streams side by side (1, 2, 4 or 8), asking
 * for the line `prefetch` bytes ahead (0: leaves it to the hardware). */
typedef uint64_t roof_read_fn(const void *data, size_t bytes, int streams, size_t prefetch);

/* Runs `rounds` rounds of independent multiply-adds in registers. */
typedef uint64_t roof_compute_fn(uint64_t rounds);

struct roof_kernels {
    const char *isa;
    unsigned needs;
    roof_read_fn *read;
    roof_compute_fn *f32, *i8, *ternary;
    /* Operations of one round; a multiply-add is two. */
    int f32_ops, i8_ops, ternary_ops;
};
extern const struct roof_kernels roof_kernels[]; /* best first, "c" last */
const struct roof_kernels *roof_pick(unsigned cpu);

#endif
