/* SPDX-License-Identifier: MIT
 *
 * The loops around a GEMV's inner loop, once for every family and instruction set: a thread's
 * panels are read as two streams, the lower and the upper half, so that two pages are open at a
 * time and both streams share the loads of x. */
#ifndef KERNELS_GEMV_H
#define KERNELS_GEMV_H

#include "kernels/kernel.h"

enum {
    GEMV_PANELS = 2,
    /* Bytes of prefetch in each stream: docs/formats.md, "Prefetch". */
    GEMV_AHEAD = 1024,
    GEMV_AHEAD_TERNARY = 3072,
    /* Bytes of look-up tables at a time, on the stack: most of an L2 cache, because columns in
     * parts break the streams, which costs more than tables beyond the L1 cache. */
    GEMV_TABLE = 256 * 1024,
};

struct gemv_ops {
    const struct family *family;
    int offset; /* codes are too high by this: so many times the token's sum is taken off */
    /* sums[p][r] over `cols` columns (padded) of `panels` panels, 1 or GEMV_PANELS, `stride` bytes
     * apart; sums are int32 where activations are int8, or f32. */
    void (*sums)(void *sums, const void *panel, size_t stride, const struct acts *x, int cols,
                 int panels);
    /* Families that look products up have these two instead: tables of columns [k, k + n), and
     * sums by them. Tables of one of the family's blocks of columns are table_bytes. */
    size_t table_bytes;
    void (*prepare)(void *table, const struct acts *x, int k, int n);
    void (*lookup)(int32_t *sums, const void *panel, size_t stride, const void *table, int cols,
                   int panels);
};

void gemv_streams(const struct gemv_ops *ops, float *y, const struct wmat *w, const struct acts *x,
                  int first, int last);

#endif
