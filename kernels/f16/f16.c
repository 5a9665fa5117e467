/* SPDX-License-Identifier: MIT
 *
 * f16: FP16 weights, f32 activations and accumulation; the paper's baseline. A panel is column
 * after column, each the FP16 values of its 16 rows (docs/formats.md). */
#include <string.h>
#include "kernels/act/half.h"
#include "kernels/cpu.h"
#include "kernels/gemm.h"
#include "kernels/panel.h"

gemv_fn f16_gemv_c, f16_gemv_avx2, f16_gemv_avx512bw;
gemm_fn f16_gemm_c, f16_gemm_avx2, f16_gemm_avx512bw;
gemv_fn f16_gemv_neon;
gemm_fn f16_gemm_neon;

/* By blocks of columns, so that source and panel both stay in the L1 cache. */
static void pack(void *panel, const void *src, int rows, int cols)
{
    enum { BLOCK = 32 };
    const uint16_t *from = src;
    uint16_t *to = panel;

    memset(panel, 0, panel_bytes(&f16, cols));
    for (int block = 0; block < cols; block += BLOCK)
        for (int r = 0; r < rows; r++)
            for (int c = block; c < block + BLOCK && c < cols; c++)
                to[(size_t)c * PANEL_ROWS + (size_t)r] = from[(size_t)r * (size_t)cols + (size_t)c];
}

static void unpack(void *dst, const void *panel, int rows, int cols)
{
    const uint16_t *from = panel;
    uint16_t *to = dst;

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            to[(size_t)r * (size_t)cols + (size_t)c] = from[(size_t)c * PANEL_ROWS + (size_t)r];
}

void f16_unpack_row(uint16_t *dst, const struct wmat *w, int row)
{
    const uint16_t *from = (const uint16_t *)w->data +
                           (size_t)panel_of(row) * PANEL_ROWS * (size_t)packed_cols(&f16, w->cols) +
                           row % PANEL_ROWS;

    for (int c = 0; c < w->cols; c++)
        dst[c] = from[(size_t)c * PANEL_ROWS];
}

void f16_gemv_c(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    for (int p = panel_of(first); p * PANEL_ROWS < last; p++) {
        const uint16_t *data =
            (const uint16_t *)w->data + (size_t)p * PANEL_ROWS * (size_t)packed_cols(&f16, w->cols);
        float sum[PANEL_ROWS] = { 0 };

        for (int c = 0; c < w->cols; c++, data += PANEL_ROWS)
            for (int r = 0; r < PANEL_ROWS; r++)
                sum[r] += f16_to_f32(data[r]) * x->f32[c];
        panel_store(y, sum, p * PANEL_ROWS, first, last);
    }
}

static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint16_t *from = (const uint16_t *)panel + (size_t)k * PANEL_ROWS;
    float *to = w;

    for (int i = 0; i < n * PANEL_ROWS; i++)
        to[i] = f16_to_f32(from[i]);
}

static void tile(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh)
{
    for (int t = 0; t < tokens; t++) {
        float *sum = (float *)c + (size_t)t * ldc;
        const float *xt = (const float *)x + t, *wk = w;

        if (fresh)
            memset(sum, 0, PANEL_ROWS * sizeof *sum);
        for (int k = 0; k < n; k++, wk += PANEL_ROWS, xt += tokens)
            for (int r = 0; r < PANEL_ROWS; r++)
                sum[r] += wk[r] * *xt;
    }
}

static const struct gemm_ops gemm_c = { .family = &f16,
                                        .tokens = 6,
                                        .w_size = sizeof(float),
                                        .x_size = sizeof(float),
                                        .unpack = unpack_block,
                                        .tile = tile };

void f16_gemm_c(float *y, int ldy, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemm_blocked(&gemm_c, y, ldy, w, x, first, last);
}

static const struct kernel kernels[] = {
#if defined(__x86_64__)
    { "avx512bw", CPU_AVX512BW, f16_gemv_avx512bw, f16_gemm_avx512bw },
    { "avx2", CPU_AVX2, f16_gemv_avx2, f16_gemm_avx2 },
#elif defined(__aarch64__)
    { "neon", CPU_NEON, f16_gemv_neon, f16_gemm_neon },
#endif
    { "c", 0, f16_gemv_c, f16_gemm_c },
};

/* Any order of n additions is within n * 2^-24 * sum |w x| of the exact value (Higham 2002, 3.1):
 * two orders are within twice that, and products that are not rounded (FMA) only lessen it. */
const struct family f16 = {
    .name = "f16",
    .summary = "FP16 weights, f32 activations and sums",
    .bits_per_weight = 16,
    .block_cols = 16,
    .block_bytes = 16 * PANEL_ROWS * sizeof(uint16_t),
    .act = ACT_F32,
    .element = ELEMENT_F16,
    .error_per_column = 0x1p-23,
    .part_bytes = 512 * 1024,
    .part_panels = 96,
    .pack = pack,
    .unpack = unpack,
    .kernels = kernels,
};
