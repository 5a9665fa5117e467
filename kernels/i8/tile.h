/* SPDX-License-Identifier: MIT
 *
 * What i8's instruction sets share, and the register tiles of Arm's integer families: products of
 * int8, be they weights or codes. */
#ifndef KERNELS_I8_TILE_H
#define KERNELS_I8_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include "kernels/gemv.h"

/* gemm_ops.tile with NEON_TOKENS tokens, w_size 1 and x_size 1. w is, for neon, groups of 4
 * columns, in each row after row the 4 columns of that row; for i8mm, groups of 8 columns alike,
 * and n a multiple of 8 (so are all families' blocks). */
typedef void i8_tile_fn(void *c, size_t ldc, const void *w, const void *x, int tokens, int n,
                        bool fresh);
i8_tile_fn i8_tile_neon, i8_tile_i8mm;

/* gemm_ops.few of i8mm, too. */
extern const struct gemv_ops i8_streams_neon;

#endif
