/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "kernels/gemm.h"
#include "kernels/gemv.h"
#include "kernels/i8/tile.h"
#include "kernels/neon.h"

gemv_fn i8_gemv_neon;
gemm_fn i8_gemm_neon;

enum { GROUP = 4, GROUP_BYTES = GROUP * PANEL_ROWS, BLOCK_COLS = 16 };

/* `panels` panels at a time, `stride` bytes apart; tokens' x are `apart` bytes apart. A register is
 * 4 rows of 4 columns. */
static inline __attribute__((always_inline)) void sums_n(int32_t *v, const int8_t *w, size_t stride,
                                                         const int8_t *x, size_t apart, int cols,
                                                         const int panels, const int tokens)
{
    int32x4_t sum[GEMV_PANELS][GEMV_GROUP][4];

#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
            for (int h = 0; h < 4; h++)
                sum[p][t][h] = vdupq_n_s32(0);
    for (int c = 0; c < cols; c += BLOCK_COLS) {
        int8x16_t xc[GEMV_GROUP];
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
            xc[t] = vld1q_s8(x + (size_t)t * apart + c);
#pragma GCC unroll 4
        for (int i = 0; i < BLOCK_COLS / GROUP; i++, w += GROUP_BYTES)
#pragma GCC unroll 2
            for (int p = 0; p < panels; p++) {
                const int8_t *wp = w + (size_t)p * stride;
                __builtin_prefetch(wp + GEMV_AHEAD);
#pragma GCC unroll 4
                for (int h = 0; h < 4; h++) {
                    const int8x16_t wh = vld1q_s8(wp + 16 * h);
#pragma GCC unroll 4
                    for (int t = 0; t < tokens; t++)
                        sum[p][t][h] = dot_lane(sum[p][t][h], wh, xc[t], i);
                }
            }
    }
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
            for (int h = 0; h < 4; h++, v += 4)
                vst1q_s32(v, sum[p][t][h]);
}

static void sums(void *v, const void *panel, size_t stride, const struct acts *x, int tokens,
                 int cols, int panels)
{
    GEMV_FIXED(sums_n, NEON_PAIRS, tokens, panels, v, panel, stride, x->q8, (size_t)x->stride,
               cols);
}

const struct gemv_ops i8_streams_neon = {
    .family = &i8, .group = GEMV_GROUP, .panels = GEMV_PANELS, .pairs = NEON_PAIRS, .sums = sums
};

void i8_gemv_neon(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&i8_streams_neon, y, w, x, first, last);
}

static void unpack_block(void *w, const void *panel, int k, int n)
{
    memcpy(w, (const int8_t *)panel + (size_t)k * PANEL_ROWS, (size_t)n * PANEL_ROWS);
}

static inline __attribute__((always_inline)) void tile_n(int32_t *c, size_t ldc, const int8_t *w,
                                                         const int32_t *x, int n, bool fresh,
                                                         const int tokens)
{
    int32x4_t sum[NEON_TOKENS][4];

#pragma GCC unroll 6
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
        for (int h = 0; h < 4; h++)
            sum[t][h] = vdupq_n_s32(0);
    for (int k = 0; k < n; k += GROUP, w += GROUP_BYTES, x += tokens) {
        uint32x4_t words[2];
        load_words(words, x, tokens);
#pragma GCC unroll 4
        for (int h = 0; h < 4; h++) {
            const int8x16_t wh = vld1q_s8(w + 16 * h);
#pragma GCC unroll 6
            for (int t = 0; t < tokens; t++)
                sum[t][h] = dot_lane(sum[t][h], wh, vreinterpretq_s8_u32(words[t / 4]), t % 4);
        }
    }
#pragma GCC unroll 6
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
        for (int h = 0; h < 4; h++) {
            int32_t *at = c + (size_t)t * ldc + 4 * h;
            vst1q_s32(at, fresh ? sum[t][h] : vaddq_s32(sum[t][h], vld1q_s32(at)));
        }
}

void i8_tile_neon(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh)
{
    GEMM_TILE_6(tile_n, tokens, c, ldc, w, x, n, fresh);
}

static const struct gemm_ops gemm_neon = { .family = &i8,
                                           .tokens = NEON_TOKENS,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_block,
                                           .tile = i8_tile_neon,
                                           .few = &i8_streams_neon };

void i8_gemm_neon(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                  int last)
{
    gemm_blocked(&gemm_neon, y, ldy, w, x, first, last);
}
