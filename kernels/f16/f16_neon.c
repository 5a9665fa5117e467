/* SPDX-License-Identifier: MIT */
#include "kernels/gemm.h"
#include "kernels/gemv.h"
#include "kernels/neon.h"

gemv_fn f16_gemv_neon;
gemm_fn f16_gemm_neon;

enum { GROUP = 4 }; /* columns, as many as a register has activations */

/* The 16 FP16 values of a column. */
static inline void column(float32x4_t w[4], const uint16_t *from)
{
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const float16x8_t half = vreinterpretq_f16_u16(vld1q_u16(from + 8 * h));
        w[2 * h] = vcvt_f32_f16(vget_low_f16(half));
        w[2 * h + 1] = vcvt_high_f32_f16(half);
    }
}

/* `panels` panels at a time, `stride` bytes apart; tokens' x are `apart` floats apart. */
static inline __attribute__((always_inline)) void sums_n(float *v, const uint16_t *w, size_t stride,
                                                         const float *x, size_t apart, int cols,
                                                         const int panels, const int tokens)
{
    float32x4_t sum[GEMV_PANELS][GEMV_GROUP][4];

#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
            for (int h = 0; h < 4; h++)
                sum[p][t][h] = vdupq_n_f32(0);
    for (int c = 0; c < cols; c += GROUP) {
        float32x4_t xc[GEMV_GROUP];
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
            xc[t] = vld1q_f32(x + (size_t)t * apart + c);
#pragma GCC unroll 4
        for (int i = 0; i < GROUP; i++, w += PANEL_ROWS)
#pragma GCC unroll 2
            for (int p = 0; p < panels; p++) {
                const uint16_t *wp = w + (size_t)p * stride / sizeof *w;
                float32x4_t wi[4];
                if (i % 2 == 0)
                    __builtin_prefetch((const char *)wp + GEMV_AHEAD);
                column(wi, wp);
#pragma GCC unroll 4
                for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
                    for (int h = 0; h < 4; h++)
                        sum[p][t][h] = fma_lane(sum[p][t][h], wi[h], xc[t], i);
            }
    }
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
            for (int h = 0; h < 4; h++, v += 4)
                vst1q_f32(v, sum[p][t][h]);
}

static void sums(void *v, const void *panel, size_t stride, const struct acts *x, int tokens,
                 int cols, int panels)
{
    GEMV_FIXED(sums_n, NEON_PAIRS, tokens, panels, v, panel, stride, x->f32, (size_t)x->stride,
               cols);
}

static const struct gemv_ops gemv_neon = {
    .family = &f16, .group = GEMV_GROUP, .panels = GEMV_PANELS, .pairs = NEON_PAIRS, .sums = sums
};

void f16_gemv_neon(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_neon, y, w, x, first, last);
}

static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint16_t *from = (const uint16_t *)panel + (size_t)k * PANEL_ROWS;
    float *to = w;

    for (int c = 0; c < n; c++, from += PANEL_ROWS, to += PANEL_ROWS) {
        float32x4_t wc[4];
        column(wc, from);
        for (int h = 0; h < 4; h++)
            vst1q_f32(to + 4 * h, wc[h]);
    }
}

/* 16 rows x `tokens` tokens in registers. */
static inline __attribute__((always_inline)) void
tile_n(float *c, size_t ldc, const float *w, const float *x, int n, bool fresh, const int tokens)
{
    float32x4_t sum[NEON_TOKENS][4];

#pragma GCC unroll 6
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
        for (int h = 0; h < 4; h++)
            sum[t][h] = vdupq_n_f32(0);
    for (int k = 0; k < n; k++, w += PANEL_ROWS, x += tokens) {
        uint32x4_t words[2];
        load_words(words, x, tokens);
#pragma GCC unroll 4
        for (int h = 0; h < 4; h++) {
            const float32x4_t wh = vld1q_f32(w + 4 * h);
#pragma GCC unroll 6
            for (int t = 0; t < tokens; t++)
                sum[t][h] = fma_lane(sum[t][h], wh, vreinterpretq_f32_u32(words[t / 4]), t % 4);
        }
    }
#pragma GCC unroll 6
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
        for (int h = 0; h < 4; h++) {
            float *at = c + (size_t)t * ldc + 4 * h;
            vst1q_f32(at, fresh ? sum[t][h] : vaddq_f32(sum[t][h], vld1q_f32(at)));
        }
}

static void tile(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh)
{
    GEMM_TILE_6(tile_n, tokens, c, ldc, w, x, n, fresh);
}

static const struct gemm_ops gemm_neon = { .family = &f16,
                                           .tokens = NEON_TOKENS,
                                           .w_size = sizeof(float),
                                           .x_size = sizeof(float),
                                           .unpack = unpack_block,
                                           .tile = tile,
                                           .few = &gemv_neon };

void f16_gemm_neon(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                   int last)
{
    gemm_blocked(&gemm_neon, y, ldy, w, x, first, last);
}
