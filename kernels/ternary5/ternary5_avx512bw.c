/* SPDX-License-Identifier: MIT */
#include "kernels/avx512.h"
#include "kernels/ternary2/codes.h"
#include "kernels/ternary5/ternary5_x86.h"

gemv_fn ternary5_gemv_avx512bw;
gemm_fn ternary5_gemm_avx512bw, ternary5_gemm_avx512vnni, ternary5_gemm_amx;

void ternary5_gemv_avx512bw(float *y, const struct wmat *w, const struct acts *x, int first,
                            int last)
{
    gemv_streams(&gemv_ops, y, w, x, first, last);
}

static const struct gemm_ops gemm_ops = { .family = &ternary5,
                                          .w_size = 1,
                                          .x_size = 1,
                                          .unpack = ternary5_unpack_avx2,
                                          .order = ternary5_order_avx2,
                                          .few = &gemv_ops,
                                          .offset = 1 };

void ternary5_gemm_avx512bw(float *y, int ldy, const struct wmat *w, const struct acts *x,
                            int first, int last)
{
    codes_gemm(&gemm_ops, codes_tile_avx512bw, CODES_TOKENS_AVX512, y, ldy, w, x, first, last);
}

/* Newer instruction sets have tiles of their own. */
void ternary5_gemm_avx512vnni(float *y, int ldy, const struct wmat *w, const struct acts *x,
                              int first, int last)
{
    codes_gemm(&gemm_ops, codes_tile_avx512vnni, CODES_TOKENS_AVX512, y, ldy, w, x, first, last);
}

#ifdef KERNELS_AMX
void ternary5_gemm_amx(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                       int last)
{
    codes_gemm_amx(&gemm_ops, y, ldy, w, x, first, last);
}
#endif
