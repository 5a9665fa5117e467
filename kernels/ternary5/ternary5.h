/* SPDX-License-Identifier: MIT
 *
 * The layout and the code of ternary5's bytes, for its kernels (docs/formats.md). */
#ifndef KERNELS_TERNARY5_TERNARY5_H
#define KERNELS_TERNARY5_TERNARY5_H

#include "kernels/kernel.h"

enum {
    TERNARY5_GROUP = 5,  /* columns of a byte */
    TERNARY5_GROUPS = 8, /* in a block */
    TERNARY5_COLS = TERNARY5_GROUP * TERNARY5_GROUPS,
    TERNARY5_BYTES = PANEL_ROWS * TERNARY5_GROUPS,
};

/* Byte s << 7 | m << 4 | n holds the trits (s ? -1 : 1) * (first[n] + second[(start[n] + m) % 16]),
 * element by element. The arrays are (5 trits, 16) and (16). */
extern const int8_t ternary5_first[TERNARY5_GROUP][16], ternary5_second[TERNARY5_GROUP][16];
extern const uint8_t ternary5_start[16];

/* gemm_ops.unpack and .order on x86. */
void ternary5_unpack_avx2(void *w, const void *panel, int k, int n);
void ternary5_order_avx2(int8_t *to, const int8_t *from, int n);

#endif
