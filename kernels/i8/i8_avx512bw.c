/* SPDX-License-Identifier: MIT */
#include "kernels/avx512.h"
#include "kernels/i8/i8_x86.h"

gemv_fn i8_gemv_avx512bw;
gemm_fn i8_gemm_avx512bw;

void i8_gemv_avx512bw(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_ops, y, w, x, first, last);
}

void i8_gemm_avx512bw(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                      int last)
{
    gemm_blocked(&gemm_ops, y, ldy, w, x, first, last);
}
