/* SPDX-License-Identifier: MIT
 *
 * The loops around a GEMM's register tile, once for every family and instruction set:
 *
 *     for each block of tokens
 *         for each block of columns: pack x, unless done   (the block of x stays in the L2 cache)
 *             for each panel, and each step of its columns: unpack w     (stays in the L1 cache)
 *                 for each tile of tokens: c += tile   (what is next of w is fetched meanwhile)
 *
 * as in Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with the
 * panel of 16 rows as the register tile's rows. Partial sums live in y itself, between steps and
 * blocks of columns, as f32 or as the bits of an int32. */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

#include <stdbool.h>
#include "kernels/gemv.h"

enum {
    GEMM_TOKENS_MAX = 32,         /* of a register tile */
    GEMM_W_BYTES = 32 * 1024,     /* of an unpacked panel's block at most, on the stack */
    GEMM_X_BYTES = 512 * 1024,    /* of a block of packed activations at most */
    GEMM_WORD = sizeof(uint32_t), /* packed activations: 1 f32, 2 int16 or 4 int8, or ... */
    GEMM_ROW = 64,                /* ... 64 int8: a row of AMX's tiles */
    GEMM_ORDER = 960,             /* columns put in order at a time: a multiple of all blocks' */
};

struct gemm_ops {
    const struct family *family;
    int tokens;    /* of a register tile, at most */
    size_t w_size; /* bytes of one weight that unpack has written */
    size_t x_size; /* bytes of one packed activation: 4 (f32), 2 or 1 */
    /* One panel's columns [k, k + n) into the tile's own layout; panel is its first byte. NULL: the
     * tile reads packed weights where they lie. */
    void (*unpack)(void *w, const void *panel, int k, int n);
    /* n columns of a token's x, int8, in the order of those that unpack writes; n is a multiple of
     * the family's block. NULL: the order that they have. */
    void (*order)(int8_t *to, const int8_t *from, int n);
    size_t word; /* GEMM_WORD or GEMM_ROW, whose last has columns in part. 0: GEMM_WORD */
    /* c[t][r] (+)= sum over n columns, t < tokens, r < PANEL_ROWS, c's tokens ldc elements apart.
     * c is int32 where activations are int8. x is (n * x_size / word, tokens) words. fresh: c
     * holds nothing yet. */
    void (*tile)(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh);
    const struct gemv_ops *few; /* for GEMV_TOKENS tokens at most; NULL: tiles for any number */
    int offset;        /* codes are too high by this: so many times the token's sum is taken off */
    void (*end)(void); /* of a thread, after its last tile; NULL: nothing */
};

/* Sizes of a core's caches that the blocks are cut for, in bytes; 0: unknown, stays as it is. Set
 * by threads_open, before any GEMM. Blocks stay within GEMM_W_BYTES and GEMM_X_BYTES. */
void gemm_caches(size_t l1d, size_t l2);

/* Activations are packed once for all threads, all parts of the rows and all matrices that read
 * them, if they are shared: by whoever comes to them first. gemm_share is x with `memory`, which
 * the caller owns, of gemm_share_bytes(cols, x->count), aligned to 64 bytes. It is called before
 * each set of products by one kernel of matrices with `cols` columns, while no thread works on the
 * one before. */
size_t gemm_share_bytes(int cols, int tokens);
struct acts gemm_share(const struct acts *x, void *memory, int cols);

/* tile_n with `tokens` as a constant, so that its sums stay in registers. */
#define GEMM_TILE_6(tile_n, tokens, ...)                                                           \
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
            tile_n(__VA_ARGS__, 6);                                                                \
        }                                                                                          \
    } while (0)

#define GEMM_TILE_12(tile_n, tokens, ...)                                                          \
    do {                                                                                           \
        switch (tokens) {                                                                          \
        case 7:                                                                                    \
            tile_n(__VA_ARGS__, 7);                                                                \
            break;                                                                                 \
        case 8:                                                                                    \
            tile_n(__VA_ARGS__, 8);                                                                \
            break;                                                                                 \
        case 9:                                                                                    \
            tile_n(__VA_ARGS__, 9);                                                                \
            break;                                                                                 \
        case 10:                                                                                   \
            tile_n(__VA_ARGS__, 10);                                                               \
            break;                                                                                 \
        case 11:                                                                                   \
            tile_n(__VA_ARGS__, 11);                                                               \
            break;                                                                                 \
        case 12:                                                                                   \
            tile_n(__VA_ARGS__, 12);                                                               \
            break;                                                                                 \
        default:                                                                                   \
            GEMM_TILE_6(tile_n, tokens, __VA_ARGS__);                                              \
        }                                                                                          \
    } while (0)

void gemm_blocked(const struct gemm_ops *ops, float *y, int ldy, const struct wmat *w,
                  const struct acts *x, int first, int last);

#endif
