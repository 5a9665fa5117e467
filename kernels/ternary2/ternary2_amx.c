/* SPDX-License-Identifier: MIT
 *
 * The GEMM tile of all ternary families; ternary2's unpacks as on AVX-512 BW. */
#define AMX_DOT(sum, x, w) _tile_dpbsud(sum, x, w)
#include "kernels/tile_amx.h"
#include "kernels/avx512vnni.h"
#include "kernels/ternary2/ternary2_x86.h"

gemm_fn ternary2_gemm_amx;

_Static_assert((int)AMX_TOKENS == (int)CODES_TOKENS_AMX, "codes.h");

void codes_tile_amx(void *c, size_t ldc, const void *w, const void *x, int tokens, int n,
                    bool fresh)
{
    amx_tile(c, ldc, w, x, tokens, n, fresh);
}

void codes_end_amx(void)
{
    amx_release();
}

void ternary2_gemm_amx(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                       int last)
{
    struct gemm_ops with_codes = gemm_ops;

    with_codes.unpack = unpack_block;
    codes_gemm_amx(&with_codes, y, ldy, w, x, first, last);
}
