/* SPDX-License-Identifier: MIT
 *
 * The loops around a GEMV's inner loop, once for every family and instruction set: a thread's
 * panels are read as two streams, the lower and the upper half, so that two pages are open at a
 * time and both streams share the loads of x; or as four, that share look-up tables. A GEMM of a
 * few tokens is done by the same streams: its time is that of the weights' way from memory, and
 * tiles would be waiting for it. */
#ifndef KERNELS_GEMV_H
#define KERNELS_GEMV_H

#include <stdbool.h>
#include "kernels/kernel.h"

enum {
    GEMV_PANELS = 2,     /* that are read at a time */
    GEMV_PANELS_MAX = 4, /* by look-up formats */
    GEMV_TOKENS = 8,     /* of a GEMM at most that is done by these streams: measured */
    GEMV_GROUP = 4,      /* tokens at most whose sums are in registers at a time */
    GEMV_SUMS = 8,       /* vectors of sums in registers, of 16 or more */
    /* Bytes of prefetch in each stream: docs/formats.md, "Prefetch". */
    GEMV_AHEAD = 1024,        /* of one token */
    GEMV_AHEAD_TOKENS = 4096, /* of more, whose products take longer */
    GEMV_TERNARY_FAR = 6144,  /* of ternary weights, three requests each: gemv_fetch_ternary */
    GEMV_TERNARY_AGAIN = 3072,
    GEMV_TERNARY_NEAR = 768,
    /* Bytes of look-up tables at a time, on the stack: most of an L2 cache, because columns in
     * parts break the streams, which costs more than tables beyond the L1 cache. */
    GEMV_TABLE = 256 * 1024,
};

/* Asks for the line of a stream that comes in a while, into the L2 cache and no further: lines on
 * their way to the L1 cache hold its few buffers of misses for as long as memory takes, and what is
 * in the L2 cache, as look-up tables are, waits behind them. */
static inline void gemv_fetch(const void *line)
{
    __builtin_prefetch(line, 0, 2);
}

/* The same in a ternary format's stream that has come to `block`; again half way, which is faster
 * than once; and what has come to the L2 cache by now goes on to the L1 cache. */
static inline void gemv_fetch_ternary(const uint8_t *block)
{
    gemv_fetch(block + GEMV_TERNARY_FAR);
    gemv_fetch(block + GEMV_TERNARY_AGAIN);
    __builtin_prefetch(block + GEMV_TERNARY_NEAR, 0, 3);
}

/* sums_n(..., panels, tokens) with these two as constants, so that its sums stay in registers.
 * pairs is gemv_ops.pairs. */
#define GEMV_FIXED(sums_n, pairs, tokens, panels, ...)                                             \
    do {                                                                                           \
        const bool pair = (panels) == GEMV_PANELS;                                                 \
        switch (tokens) {                                                                          \
            GEMV_CASE(sums_n, 1, pairs, pair, __VA_ARGS__)                                         \
            GEMV_CASE(sums_n, 2, pairs, pair, __VA_ARGS__)                                         \
            GEMV_CASE(sums_n, 3, pairs, pair, __VA_ARGS__)                                         \
        default:                                                                                   \
            GEMV_CASE(sums_n, 4, pairs, pair, __VA_ARGS__)                                         \
        }                                                                                          \
    } while (0)
#define GEMV_CASE(sums_n, tokens, pairs, pair, ...)                                                \
    case tokens:                                                                                   \
        if ((tokens) <= (pairs) && (pair))                                                         \
            sums_n(__VA_ARGS__, GEMV_PANELS, tokens);                                              \
        else                                                                                       \
            sums_n(__VA_ARGS__, 1, tokens);                                                        \
        break;

struct gemv_ops {
    const struct family *family;
    int offset; /* codes are too high by this: so many times the token's sum is taken off */
    int group;  /* tokens at most that sums takes at a time; at most GEMV_GROUP */
    int panels; /* that are read at a time */
    int pairs;  /* tokens for which sums of so many panels fit the registers; with more of them a
                 * panel is read at a time */
    /* sums[p][t][r] over `cols` columns (padded) of `panels` panels, 1 or as many, `stride`
     * bytes apart, for x's first `tokens` tokens; sums are int32 where activations are int8, or
     * f32. */
    void (*sums)(void *sums, const void *panel, size_t stride, const struct acts *x, int tokens,
                 int cols, int panels);
    /* Families that look products up have these two instead, for one token, x's first: tables of
     * columns [k, k + n), and sums by them. A block of columns has tables of table_bytes. */
    size_t table_bytes;
    void (*prepare)(void *table, const struct acts *x, int k, int n);
    void (*lookup)(int32_t *sums, const void *panel, size_t stride, const void *table, int cols,
                   int panels);
};

/* GEMV of x's first token. */
void gemv_streams(const struct gemv_ops *ops, float *y, const struct wmat *w, const struct acts *x,
                  int first, int last);

/* GEMM of x's first `tokens` tokens, GEMV_TOKENS at most: y is (tokens, rows), tokens ldy floats
 * apart. */
void gemv_tokens(const struct gemv_ops *ops, float *y, int ldy, const struct wmat *w,
                 const struct acts *x, int tokens, int first, int last);

#endif
