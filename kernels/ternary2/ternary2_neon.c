/* SPDX-License-Identifier: MIT */
#include "kernels/gemm.h"
#include "kernels/gemv.h"
#include "kernels/i8/tile.h"
#include "kernels/neon.h"
#include "kernels/ternary2/codes.h"

gemv_fn ternary2_gemv_neon;
gemm_fn ternary2_gemm_neon;

enum { BLOCK_COLS = 16, BLOCK_BYTES = 64 };

/* Tokens whose sums of a panel, 8 registers each, are kept at a time. */
enum { TOKENS = 2 };

/* `panels` panels at a time, `stride` bytes apart; tokens' x are `apart` bytes apart. A register is
 * 4 rows of 16 columns. The codes of columns 4 .. 7 and 12 .. 15 are left where they are, times 4,
 * and have sums of their own: one shift in place of three. These sums are below
 * 4 * 2 * 127 * 2^16 < 2^27. */
static inline __attribute__((always_inline)) void sums_n(int32_t *v, const uint8_t *w,
                                                         size_t stride, const int8_t *x,
                                                         size_t apart, int cols, const int panels,
                                                         const int tokens)
{
    const uint8x16_t low = vdupq_n_u8(3), high = vdupq_n_u8(12);
    int32x4_t sum[GEMV_PANELS][TOKENS][4], sum4[GEMV_PANELS][TOKENS][4];

#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
#pragma GCC unroll 2
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
            for (int h = 0; h < 4; h++)
                sum[p][t][h] = sum4[p][t][h] = vdupq_n_s32(0);
    for (int c = 0; c < cols; c += BLOCK_COLS, w += BLOCK_BYTES) {
        int8x16_t xc[TOKENS];
#pragma GCC unroll 2
        for (int t = 0; t < tokens; t++)
            xc[t] = vld1q_s8(x + (size_t)t * apart + c);
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            const uint8_t *wp = w + (size_t)p * stride;
            __builtin_prefetch(wp + GEMV_AHEAD);
#pragma GCC unroll 4
            for (int h = 0; h < 4; h++) {
                const uint8x16_t codes = vld1q_u8(wp + 16 * h), upper = vshrq_n_u8(codes, 4);
                const int8x16_t c0 = vreinterpretq_s8_u8(vandq_u8(codes, low));
                const int8x16_t c1 = vreinterpretq_s8_u8(vandq_u8(codes, high));
                const int8x16_t c2 = vreinterpretq_s8_u8(vandq_u8(upper, low));
                const int8x16_t c3 = vreinterpretq_s8_u8(vandq_u8(upper, high));
#pragma GCC unroll 2
                for (int t = 0; t < tokens; t++) {
                    sum[p][t][h] = dot_lane(sum[p][t][h], c0, xc[t], 0);
                    sum4[p][t][h] = dot_lane(sum4[p][t][h], c1, xc[t], 1);
                    sum[p][t][h] = dot_lane(sum[p][t][h], c2, xc[t], 2);
                    sum4[p][t][h] = dot_lane(sum4[p][t][h], c3, xc[t], 3);
                }
                IN_ORDER();
            }
        }
    }
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
#pragma GCC unroll 2
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
            for (int h = 0; h < 4; h++, v += 4)
                vst1q_s32(v, vsraq_n_s32(sum[p][t][h], sum4[p][t][h], 2));
}

static void sums(void *v, const void *panel, size_t stride, const struct acts *x, int tokens,
                 int cols, int panels)
{
    const size_t apart = (size_t)x->stride;

    if (tokens == TOKENS)
        sums_n(v, panel, stride, x->q8, apart, cols, 1, TOKENS);
    else if (panels == GEMV_PANELS)
        sums_n(v, panel, stride, x->q8, apart, cols, GEMV_PANELS, 1);
    else
        sums_n(v, panel, stride, x->q8, apart, cols, 1, 1);
}

const struct gemv_ops ternary2_streams_neon = { .family = &ternary2,
                                                .offset = 1,
                                                .group = TOKENS,
                                                .panels = GEMV_PANELS,
                                                .pairs = 1,
                                                .sums = sums };

void ternary2_gemv_neon(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&ternary2_streams_neon, y, w, x, first, last);
}

/* Codes as bytes: groups of 4 columns, row after row. */
static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *from = (const uint8_t *)panel + (size_t)(k / BLOCK_COLS) * BLOCK_BYTES;
    const uint8x16_t low = vdupq_n_u8(3);
    uint8_t *to = w;

    for (int b = 0; b < n / BLOCK_COLS; b++, from += BLOCK_BYTES, to += 4 * BLOCK_BYTES)
        for (int h = 0; h < 4; h++) {
            const uint8x16_t codes = vld1q_u8(from + 16 * h);
            vst1q_u8(to + 16 * h, vandq_u8(codes, low));
            vst1q_u8(to + 64 + 16 * h, vandq_u8(vshrq_n_u8(codes, 2), low));
            vst1q_u8(to + 128 + 16 * h, vandq_u8(vshrq_n_u8(codes, 4), low));
            vst1q_u8(to + 192 + 16 * h, vshrq_n_u8(codes, 6));
        }
}

static const struct gemm_ops gemm_neon = { .family = &ternary2,
                                           .tokens = NEON_TOKENS,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = unpack_block,
                                           .tile = i8_tile_neon,
                                           .few = &ternary2_streams_neon,
                                           .offset = 1 };

void ternary2_gemm_neon(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    gemm_blocked(&gemm_neon, y, ldy, w, x, first, last);
}
