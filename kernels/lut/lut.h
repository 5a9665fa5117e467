/* SPDX-License-Identifier: MIT
 *
 * The layout of lut's blocks, for its kernels (docs/formats.md). */
#ifndef KERNELS_LUT_LUT_H
#define KERNELS_LUT_LUT_H

#include <stddef.h>
#include <stdint.h>
#include "kernels/gemv.h"

enum {
    LUT_GROUPS = 16, /* of three columns, in a block */
    LUT_COLS = 3 * LUT_GROUPS,
    LUT_SIGNS = 128, /* where a block's signs begin */
    LUT_BYTES = LUT_SIGNS + 32,
};

/* Trit i of magnitude v. */
extern const int8_t lut_digits[3][16];

/* gemm_ops.unpack and .order on x86. */
void lut_unpack_avx2(void *w, const void *panel, int k, int n);
void lut_order_avx2(int8_t *to, const int8_t *from, int n);

/* A block's lines, some blocks ahead. */
static inline void lut_fetch(const uint8_t *block)
{
    gemv_fetch_ternary(block);
    gemv_fetch_ternary(block + 64);
    gemv_fetch_ternary(block + 128);
}

#endif
