/* SPDX-License-Identifier: MIT */
#include "kernels/gemm.h"
#include "kernels/i8/tile.h"
#include "kernels/neon.h"
#include "kernels/ternary2/codes.h"

gemm_fn ternary2_gemm_i8mm;

enum { BLOCK_COLS = 16, BLOCK_BYTES = 64 };

/* Codes as bytes: groups of 8 columns, row after row. */
static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *from = (const uint8_t *)panel + (size_t)(k / BLOCK_COLS) * BLOCK_BYTES;
    const uint8x16_t low = vdupq_n_u8(3);
    uint8_t *to = w;

    for (int b = 0; b < n / BLOCK_COLS; b++, from += BLOCK_BYTES, to += 4 * BLOCK_BYTES)
        for (int h = 0; h < 4; h++) {
            const uint8x16_t codes = vld1q_u8(from + 16 * h);
            store_pair(to + 32 * h, vandq_u8(codes, low), vandq_u8(vshrq_n_u8(codes, 2), low));
            store_pair(to + 128 + 32 * h, vandq_u8(vshrq_n_u8(codes, 4), low),
                       vshrq_n_u8(codes, 6));
        }
}

static const struct gemm_ops gemm_i8mm = { .family = &ternary2,
                                           .tokens = NEON_TOKENS,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_block,
                                           .tile = i8_tile_i8mm,
                                           .few = &ternary2_streams_neon,
                                           .offset = 1 };

void ternary2_gemm_i8mm(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    gemm_blocked(&gemm_i8mm, y, ldy, w, x, first, last);
}
