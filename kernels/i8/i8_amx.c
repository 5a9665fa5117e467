/* SPDX-License-Identifier: MIT */
#define AMX_DOT(sum, x, w) _tile_dpbssd(sum, x, w)
#include "kernels/tile_amx.h"

gemm_fn i8_gemm_amx;

/* The tile reads packed weights where they lie. */
static const struct gemm_ops gemm_ops = { .family = &i8,
                                          .tokens = AMX_TOKENS,
                                          .x_size = 1,
                                          .word = GEMM_ROW,
                                          .tile = amx_tile,
                                          .end = amx_release };

void i8_gemm_amx(float *y, int ldy, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemm_blocked(&gemm_ops, y, ldy, w, x, first, last);
}
