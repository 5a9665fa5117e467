/* SPDX-License-Identifier: MIT
 *
 * f16's inner loops for every x86 instruction set, in terms of avx2.h's or avx512.h's vectors,
 * which the including file chooses. */
#include "kernels/gemv.h"

enum { LANES = PANEL_ROWS / VECS };

/* Columns at a time, with sums of their own where there are registers: eight sums hide the latency
 * of the FMA. */
enum { COLUMNS = GEMV_SUMS / (GEMV_PANELS * VECS) };

/* `panels` panels at a time, `stride` bytes apart; tokens' x are `apart` floats apart. */
static inline __attribute__((always_inline)) void sums_n(float *v, const uint16_t *w, size_t stride,
                                                         const float *x, size_t apart, int cols,
                                                         const int panels, const int tokens)
{
    const int chains = COLUMNS > tokens ? COLUMNS / tokens : 1;
    const size_t ahead = tokens == 1 ? GEMV_AHEAD : GEMV_AHEAD_TOKENS;
    vecf sum[GEMV_PANELS * VECS][GEMV_GROUP][COLUMNS];

#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
            for (int i = 0; i < chains; i++)
                sum[j][t][i] = vecf_zero();
    for (int c = 0; c < cols; c += COLUMNS, w += COLUMNS * PANEL_ROWS) {
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            const uint16_t *wp = w + (size_t)p * stride / sizeof *w;
#pragma GCC unroll 4
            for (int i = 0; i < COLUMNS; i++) {
                vecf wi[VECS];
                if (i % 2 == 0) /* two columns are a cache line */
                    gemv_fetch((const char *)(wp + i * PANEL_ROWS) + ahead);
#pragma GCC unroll 2
                for (int h = 0; h < VECS; h++)
                    wi[h] = vecf_load_f16(wp + i * PANEL_ROWS + h * LANES);
#pragma GCC unroll 4
                for (int t = 0; t < tokens; t++) {
                    const vecf xi = vecf_all(x[(size_t)t * apart + (size_t)(c + i)]);
#pragma GCC unroll 2
                    for (int h = 0; h < VECS; h++) {
                        vecf *s = &sum[p * VECS + h][t][i % chains];
                        *s = vecf_fma(wi[h], xi, *s);
                    }
                }
            }
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++) {
#pragma GCC unroll 4
            for (int i = 1; i < chains; i++)
                sum[j][t][0] = vecf_add(sum[j][t][0], sum[j][t][i]);
            vecf_store(v + (j / VECS * tokens + t) * PANEL_ROWS + j % VECS * LANES, sum[j][t][0]);
        }
}

static void sums(void *v, const void *panel, size_t stride, const struct acts *x, int tokens,
                 int cols, int panels)
{
    GEMV_FIXED(sums_n, PAIRS, tokens, panels, v, panel, stride, x->f32, (size_t)x->stride, cols);
}

static const struct gemv_ops gemv_ops = {
    .family = &f16, .group = GEMV_GROUP, .panels = GEMV_PANELS, .pairs = PAIRS, .sums = sums
};

/* 16 rows x `tokens` tokens in registers. */
static inline __attribute__((always_inline)) void
tile_n(float *c, size_t ldc, const uint16_t *w, const float *x, int n, bool fresh, const int tokens)
{
    vecf sum[TILE_TOKENS][VECS];

#pragma GCC unroll 12
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
        for (int h = 0; h < VECS; h++)
            sum[t][h] = vecf_zero();
#pragma GCC unroll 4
    for (int k = 0; k < n; k++, w += PANEL_ROWS, x += tokens) {
        vecf wk[VECS];
#pragma GCC unroll 2
        for (int h = 0; h < VECS; h++)
            wk[h] = vecf_load_f16(w + h * LANES);
#pragma GCC unroll 12
        for (int t = 0; t < tokens; t++) {
            const vecf xt = vecf_all(x[t]);
#pragma GCC unroll 2
            for (int h = 0; h < VECS; h++)
                sum[t][h] = vecf_fma(wk[h], xt, sum[t][h]);
#pragma GCC unroll 2
            for (int h = 0; h < VECS; h++)
                HERE(sum[t][h]);
        }
    }
#pragma GCC unroll 12
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
        for (int h = 0; h < VECS; h++) {
            float *at = c + (size_t)t * ldc + h * LANES;
            vecf_store(at, fresh ? sum[t][h] : vecf_add(sum[t][h], vecf_load(at)));
        }
}

static void tile(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh)
{
    VEC_TILE(tile_n, tokens, c, ldc, w, x, n, fresh);
}

static const struct gemm_ops gemm_ops = {
    .family = &f16, .tokens = TILE_TOKENS, .x_size = sizeof(float), .tile = tile, .few = &gemv_ops
};
