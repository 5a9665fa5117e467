/* SPDX-License-Identifier: MIT */
#include "kernels/gemm.h"
#include "kernels/i8/tile.h"
#include "kernels/neon.h"

gemm_fn i8_gemm_i8mm;

enum { GROUP = 4, PAIR_COLS = 2 * GROUP, PAIR_BYTES = PAIR_COLS * PANEL_ROWS };

/* Two groups of 4 columns become one of 8. */
static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *from = (const uint8_t *)panel + (size_t)k * PANEL_ROWS;
    uint8_t *to = w;

    for (int c = 0; c < n; c += PAIR_COLS, from += PAIR_BYTES, to += PAIR_BYTES)
        for (int h = 0; h < 4; h++)
            store_pair(to + 32 * h, vld1q_u8(from + 16 * h), vld1q_u8(from + 64 + 16 * h));
}

/* A sum is rows 2 j, 2 j + 1 x tokens 2 p, 2 p + 1; a token that is not there is zeros. */
static inline __attribute__((always_inline)) void tile_n(int32_t *c, size_t ldc, const int8_t *w,
                                                         const int32_t *x, int n, bool fresh,
                                                         const int tokens)
{
    const int pairs = (tokens + 1) / 2;
    int32x4_t sum[PANEL_ROWS / 2][NEON_TOKENS / 2];

#pragma GCC unroll 8
    for (int j = 0; j < PANEL_ROWS / 2; j++)
#pragma GCC unroll 3
        for (int p = 0; p < pairs; p++)
            sum[j][p] = vdupq_n_s32(0);
    for (int k = 0; k < n; k += PAIR_COLS, w += PAIR_BYTES, x += 2 * tokens) {
        uint32x4_t a[2], b[2];
        load_words(a, x, tokens);
        load_words(b, x + tokens, tokens);
        const uint32x4_t xs[3] = { vzip1q_u32(a[0], b[0]), vzip2q_u32(a[0], b[0]),
                                   vzip1q_u32(a[1], b[1]) };
#pragma GCC unroll 8
        for (int j = 0; j < PANEL_ROWS / 2; j++) {
            const int8x16_t wj = vld1q_s8(w + 16 * j);
#pragma GCC unroll 3
            for (int p = 0; p < pairs; p++)
                sum[j][p] = vmmlaq_s32(sum[j][p], wj, vreinterpretq_s8_u32(xs[p]));
            IN_ORDER();
        }
    }
#pragma GCC unroll 6
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
        for (int h = 0; h < 4; h++) {
            const int32x4_t low = sum[2 * h][t / 2], high = sum[2 * h + 1][t / 2];
            const int32x4_t rows = t % 2 ? vuzp2q_s32(low, high) : vuzp1q_s32(low, high);
            int32_t *at = c + (size_t)t * ldc + 4 * h;
            vst1q_s32(at, fresh ? rows : vaddq_s32(rows, vld1q_s32(at)));
        }
}

void i8_tile_i8mm(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh)
{
    GEMM_TILE_6(tile_n, tokens, c, ldc, w, x, n, fresh);
}

static const struct gemm_ops gemm_i8mm = { .family = &i8,
                                           .tokens = NEON_TOKENS,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_block,
                                           .tile = i8_tile_i8mm,
                                           .few = &i8_streams_neon };

void i8_gemm_i8mm(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                  int last)
{
    gemm_blocked(&gemm_i8mm, y, ldy, w, x, first, last);
}
