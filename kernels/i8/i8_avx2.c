/* SPDX-License-Identifier: MIT */
#include "kernels/avx2.h"
#include "kernels/i8/i8_x86.h"

gemv_fn i8_gemv_avx2;
gemm_fn i8_gemm_avx2;

void i8_gemv_avx2(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_ops, y, w, x, first, last);
}

void i8_gemm_avx2(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                  int last)
{
    gemm_blocked(&gemm_ops, y, ldy, w, x, first, last);
}
