/* SPDX-License-Identifier: MIT
 *
 * i8: int8 weights with one scale a row, int8 activations with one scale a token. A panel is groups
 * of 4 columns, each row after row the 4 weights of that row (docs/formats.md). */
#include <string.h>
#include "kernels/cpu.h"
#include "kernels/gemm.h"
#include "kernels/panel.h"

gemv_fn i8_gemv_c, i8_gemv_avx2, i8_gemv_avxvnni, i8_gemv_avx512bw, i8_gemv_avx512vnni;
gemm_fn i8_gemm_amx;
gemm_fn i8_gemm_c, i8_gemm_avx2, i8_gemm_avxvnni, i8_gemm_avx512bw, i8_gemm_avx512vnni;
gemv_fn i8_gemv_neon;
gemm_fn i8_gemm_neon, i8_gemm_i8mm;

enum { GROUP = 4, GROUP_BYTES = GROUP * PANEL_ROWS };

static size_t place(int row, int col)
{
    return (size_t)(col / GROUP) * GROUP_BYTES + (size_t)(row * GROUP + col % GROUP);
}

/* By blocks of columns, so that source and panel both stay in the L1 cache. */
static void pack(void *panel, const void *src, int rows, int cols)
{
    enum { BLOCK = 64 };
    const int8_t *from = src;
    int8_t *to = panel;

    memset(panel, 0, panel_bytes(&i8, cols));
    for (int block = 0; block < cols; block += BLOCK)
        for (int r = 0; r < rows; r++) {
            const int8_t *row = from + (size_t)r * (size_t)cols;
            int c = block;
            for (; c < block + BLOCK && c + GROUP <= cols; c += GROUP)
                memcpy(&to[place(r, c)], row + c, GROUP);
            for (; c < block + BLOCK && c < cols; c++)
                to[place(r, c)] = row[c];
        }
}

static void unpack(void *dst, const void *panel, int rows, int cols)
{
    const int8_t *from = panel;
    int8_t *to = dst;

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            to[(size_t)r * (size_t)cols + (size_t)c] = from[place(r, c)];
}

/* sum[r] += the products of n columns, a multiple of GROUP; x's groups are `stride` bytes apart. */
static void add_columns(int32_t *sum, const int8_t *w, const int8_t *x, int n, int stride)
{
    for (int k = 0; k < n; k += GROUP, w += GROUP_BYTES, x += stride)
        for (int r = 0; r < PANEL_ROWS; r++)
            for (int i = 0; i < GROUP; i++)
                sum[r] += w[r * GROUP + i] * x[i];
}

void i8_gemv_c(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    const int cols = packed_cols(&i8, w->cols);

    for (int p = panel_of(first); p * PANEL_ROWS < last; p++) {
        const int row = p * PANEL_ROWS;
        const int rows = w->rows - row < PANEL_ROWS ? w->rows - row : PANEL_ROWS;
        int32_t sum[PANEL_ROWS] = { 0 };
        float v[PANEL_ROWS];

        add_columns(sum, (const int8_t *)w->data + (size_t)row * (size_t)cols, x->q8, cols, GROUP);
        panel_scale(v, sum, w, x->scale[0], 0, row, 0, rows);
        panel_store(y, v, row, first, last);
    }
}

static void unpack_block(void *w, const void *panel, int k, int n)
{
    memcpy(w, (const int8_t *)panel + (size_t)k * PANEL_ROWS, (size_t)n * PANEL_ROWS);
}

static void tile(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh)
{
    for (int t = 0; t < tokens; t++) {
        int32_t *sum = (int32_t *)c + (size_t)t * ldc;

        if (fresh)
            memset(sum, 0, PANEL_ROWS * sizeof *sum);
        add_columns(sum, w, (const int8_t *)x + t * GROUP, n, tokens * GROUP);
    }
}

static const struct gemm_ops gemm_c = {
    .family = &i8, .tokens = 6, .w_size = 1, .x_size = 1, .unpack = unpack_block, .tile = tile
};

void i8_gemm_c(float *y, int ldy, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemm_blocked(&gemm_c, y, ldy, w, x, first, last);
}

static const struct kernel kernels[] = {
#if defined(__x86_64__)
#ifdef KERNELS_AMX
    { "amx", CPU_AMX | CPU_AVX512BW | CPU_AVX512VNNI, i8_gemv_avx512vnni, i8_gemm_amx },
#endif
    { "avx512vnni", CPU_AVX512BW | CPU_AVX512VNNI, i8_gemv_avx512vnni, i8_gemm_avx512vnni },
    { "avx512bw", CPU_AVX512BW, i8_gemv_avx512bw, i8_gemm_avx512bw },
    { "avxvnni", CPU_AVXVNNI, i8_gemv_avxvnni, i8_gemm_avxvnni },
    { "avx2", CPU_AVX2, i8_gemv_avx2, i8_gemm_avx2 },
#elif defined(__aarch64__)
    { "i8mm", CPU_NEON | CPU_DOTPROD | CPU_I8MM, i8_gemv_neon, i8_gemm_i8mm },
    { "neon", CPU_NEON | CPU_DOTPROD, i8_gemv_neon, i8_gemm_neon },
#endif
    { "c", 0, i8_gemv_c, i8_gemm_c },
};

const struct family i8 = {
    .name = "i8",
    .summary = "int8 weights, a scale a row; int8 activations, a scale a token",
    .bits_per_weight = 8,
    .block_cols = 16,
    .block_bytes = 16 * PANEL_ROWS,
    .act = ACT_I8,
    .element = ELEMENT_I8,
    .part_bytes = 512 * 1024,
    .part_panels = 8,
    .pack = pack,
    .unpack = unpack,
    .kernels = kernels,
};
