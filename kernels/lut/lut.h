/* SPDX-License-Identifier: MIT
 *
 * The layout of lut's blocks, for its kernels (docs/formats.md). */
#ifndef KERNELS_LUT_LUT_H
#define KERNELS_LUT_LUT_H

#include "kernels/kernel.h"

enum {
    LUT_GROUPS = 16, /* of three columns, in a block */
    LUT_COLS = 3 * LUT_GROUPS,
    LUT_SIGNS = 128, /* where a block's signs begin */
    LUT_BYTES = LUT_SIGNS + 32,
};

/* Trit i of magnitude v. */
extern const int8_t lut_digits[3][16];

#endif
