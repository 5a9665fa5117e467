/* SPDX-License-Identifier: MIT */
#include "kernels/avx512vnni.h"
#include "kernels/ternary2/ternary2_x86.h"

gemv_fn ternary2_gemv_avx512vnni;
gemm_fn ternary2_gemm_avx512vnni;

void ternary2_gemv_avx512vnni(float *y, const struct wmat *w, const struct acts *x, int first,
                              int last)
{
    gemv_streams(&gemv_ops, y, w, x, first, last);
}

void codes_tile_avx512vnni(void *c, size_t ldc, const void *w, const void *x, int tokens, int n,
                           bool fresh)
{
    codes_tile(c, ldc, w, x, tokens, n, fresh);
}

void ternary2_gemm_avx512vnni(float *y, int ldy, const struct wmat *w, const struct acts *x,
                              int first, int last)
{
    gemm_blocked(&gemm_ops, y, ldy, w, x, first, last);
}
