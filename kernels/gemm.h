/* SPDX-License-Identifier: MIT
 *
 * The loops around a GEMM's register tile, once for every family and instruction set:
 *
 *     for each block of columns            (a block of x stays in the L2 cache)
 *         for each group of panels         (unpacked once, then used by every token)
 *             for each tile of tokens
 *                 for each panel: c += tile
 *
 * Partial sums live in y itself, between blocks of columns, as f32 or as the bits of an int32. */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

#include <stdbool.h>
#include "kernels/kernel.h"

enum {
    GEMM_TOKENS = 6,            /* of a register tile, at most */
    GEMM_SCRATCH = 128 * 1024,  /* bytes of unpacked weights, on the stack */
    GEMM_X_SCRATCH = 16 * 1024, /* bytes of packed activations, on the stack */
};

struct gemm_ops {
    size_t block_bytes; /* of COLUMN_BLOCK columns of one packed panel */
    int k_block;        /* columns, a multiple of COLUMN_BLOCK */
    int panels;         /* panels unpacked at a time */
    size_t
        w_size; /* bytes of one unpacked weight: panels * 16 * k_block * w_size <= GEMM_SCRATCH */
    size_t x_size; /* bytes of one packed activation; 0: the tile reads x as it is */
    /* One panel's columns [k, k + n) into the tile's own layout; panel is the panel's first byte.
     */
    void (*unpack)(void *w, const void *panel, int k, int n);
    /* `tokens` tokens' columns into (tokens, k_block) elements of x_size; NULL with x_size 0. */
    void (*pack)(void *xt, const struct acts *x, int token, int tokens, int k, int n, int stride);
    /* c[t][r] += sum over n columns, t < tokens, r < PANEL_ROWS, c's tokens ldc elements apart, x's
     * x_stride elements apart. fresh: c holds nothing yet. */
    void (*tile)(void *c, size_t ldc, const void *w, const void *x, size_t x_stride, int tokens,
                 int n, bool fresh);
    bool integer; /* c is int32 and wants panel_scale at the end */
    bool offset;  /* codes are one too high: the tokens' sums are taken off */
};

/* Keeps the order of a tile's steps as written: a compiler that loads all of x first runs out of
 * registers, and every sum goes through memory. */
#define IN_REGISTERS(sums) __asm__ volatile("" : "+x"((sums)[0]), "+x"((sums)[1]))

/* tile_n with `tokens` as a constant, so that its sums stay in registers. */
#define GEMM_TILE(tile_n, tokens, ...)                                                             \
    do {                                                                                           \
        switch (tokens) {                                                                          \
        case 1:                                                                                    \
            tile_n(__VA_ARGS__, 1);                                                                \
            break;                                                                                 \
        case 2:                                                                                    \
            tile_n(__VA_ARGS__, 2);                                                                \
            break;                                                                                 \
        case 3:                                                                                    \
            tile_n(__VA_ARGS__, 3);                                                                \
            break;                                                                                 \
        case 4:                                                                                    \
            tile_n(__VA_ARGS__, 4);                                                                \
            break;                                                                                 \
        case 5:                                                                                    \
            tile_n(__VA_ARGS__, 5);                                                                \
            break;                                                                                 \
        default:                                                                                   \
            tile_n(__VA_ARGS__, GEMM_TOKENS);                                                      \
        }                                                                                          \
    } while (0)

void gemm_blocked(const struct gemm_ops *ops, float *y, int ldy, const struct wmat *w,
                  const struct acts *x, int first, int last);

#endif
