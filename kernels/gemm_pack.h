/* SPDX-License-Identifier: MIT
 *
 * Activations as a GEMM's tiles read them: a word's tokens side by side, or a token's row after the
 * other's; a call's own, or shared by threads (gemm_share). For gemm.c. */
#ifndef KERNELS_GEMM_PACK_H
#define KERNELS_GEMM_PACK_H

#include "kernels/gemm.h"

enum { CACHE_LINE = 64 };

/* A block of tokens and columns that is under way. */
struct gemm_part {
    int token, tokens;
    int k, n;
};

static inline size_t gemm_word(const struct gemm_ops *ops)
{
    return ops->word ? ops->word : GEMM_WORD;
}

/* Bytes of a token's n columns, packed. */
static inline size_t gemm_packed(const struct gemm_ops *ops, int n)
{
    const size_t word = gemm_word(ops), bytes = (size_t)n * ops->x_size;

    return (bytes + word - 1) / word * word;
}

/* Tiles of equal size, so that none is left with one token. */
static inline int gemm_tiles(const struct gemm_ops *ops, int tokens)
{
    return (tokens + ops->tokens - 1) / ops->tokens;
}

/* The first token of the i-th of them. */
static inline int gemm_tile_begin(int tokens, int tiles, int i)
{
    return (int)((int64_t)tokens * i / tiles);
}

/* The part's activations, for matrices with `cols` columns, packed: tile after tile, gemm_packed
 * bytes a token. They are in x's shared memory; or, where it has none, in `own`, which is
 * (tokens, gemm_packed). */
const char *gemm_pack(const struct gemm_ops *ops, const struct acts *x, int cols,
                      const struct gemm_part *part, char *own);

#endif
