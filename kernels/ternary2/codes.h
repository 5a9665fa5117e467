/* SPDX-License-Identifier: MIT
 *
 * What every ternary family's GEMM unpacks to: codes 0, 1, 2 for -1, 0, +1, a byte each, in groups
 * of 4 columns, in each group row after row the 4 codes of that row. One register tile serves them
 * all, so that they give the same integers. Which 4 columns is the family's choice, if
 * gemm_ops.order puts the activations in the same order. */
#ifndef KERNELS_TERNARY2_CODES_H
#define KERNELS_TERNARY2_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include "kernels/gemm.h"

enum {
    CODES_GROUP = 4,
    CODES_BLOCK_MAX = 48,     /* columns of a family's block */
    CODES_TOKENS_AVX2 = 6,    /* of the tile at most, on vectors of 256 bits */
    CODES_TOKENS_AVX512 = 12, /* and of 512 */
    CODES_TOKENS_AMX = 32,
};

static inline size_t codes_at(int row, int col)
{
    return (size_t)(col / CODES_GROUP * CODES_GROUP * PANEL_ROWS + row * CODES_GROUP +
                    col % CODES_GROUP);
}

/* gemm_ops.tile with w_size 1, x_size 1, offset 1. n is a multiple of CODES_GROUP. */
typedef void codes_tile_fn(void *c, size_t ldc, const void *w, const void *x, int tokens, int n,
                           bool fresh);
codes_tile_fn codes_tile_c, codes_tile_avx2, codes_tile_avxvnni, codes_tile_avx512bw,
    codes_tile_avx512vnni, codes_tile_amx;
void codes_end_amx(void); /* gemm_ops.end of the last */

/* gemm_ops.few of ternary2 on Arm's newer instruction sets. */
extern const struct gemv_ops ternary2_streams_neon;

/* GEMM of a family that unpacks to codes, by one of the tiles. */
static inline void codes_gemm(const struct gemm_ops *ops, codes_tile_fn *tile, int tokens, float *y,
                              int ldy, const struct wmat *w, const struct acts *x, int first,
                              int last)
{
    struct gemm_ops with_tile = *ops;

    with_tile.tile = tile;
    with_tile.tokens = tokens;
    gemm_blocked(&with_tile, y, ldy, w, x, first, last);
}

/* The same by AMX's tile, which wants its activations in rows. */
static inline void codes_gemm_amx(const struct gemm_ops *ops, float *y, int ldy,
                                  const struct wmat *w, const struct acts *x, int first, int last)
{
    struct gemm_ops with_rows = *ops;

    with_rows.word = GEMM_ROW;
    with_rows.end = codes_end_amx;
    codes_gemm(&with_rows, codes_tile_amx, CODES_TOKENS_AMX, y, ldy, w, x, first, last);
}

/* GEMV in C: unpacks block after block, by ops->unpack. */
void codes_gemv_c(const struct gemm_ops *ops, float *y, const struct wmat *w, const struct acts *x,
                  int first, int last);

#endif
