/* SPDX-License-Identifier: MIT */
#include "kernels/avx512.h"
#include "kernels/f16/f16_x86.h"

gemv_fn f16_gemv_avx512bw;
gemm_fn f16_gemm_avx512bw;

void f16_gemv_avx512bw(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_ops, y, w, x, first, last);
}

void f16_gemm_avx512bw(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                       int last)
{
    gemm_blocked(&gemm_ops, y, ldy, w, x, first, last);
}
