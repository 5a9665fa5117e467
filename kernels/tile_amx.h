/* SPDX-License-Identifier: MIT
 *
 * The register tile of integer GEMMs by AMX: 32 tokens at most, as two tiles of sums, each 16
 * tokens x 16 rows of int32. A step takes GEMM_ROW columns: of the activations a tile has a token's
 * columns in a row (gemm_ops.word = GEMM_ROW), of the weights 16 groups of 4 columns, as every
 * integer format's panel has them. The including file says before
 *     AMX_DOT(sum, x, w)   sum += x . w, on three numbers of tiles */
#ifndef KERNELS_TILE_AMX_H
#define KERNELS_TILE_AMX_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "kernels/gemm.h"

enum { AMX_ROWS = 16, AMX_TOKENS = 2 * AMX_ROWS, AMX_W_BYTES = GEMM_ROW * PANEL_ROWS };

/* Tiles by number. */
#define AMX_SUM0 0
#define AMX_SUM1 1
#define AMX_X0   2
#define AMX_X1   3
#define AMX_W    4

/* LDTILECFG's memory, palette 1. */
struct amx_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16]; /* of a row */
    uint8_t rows[16];
};

/* Tokens that this thread's tiles are set up for; 0: they are not in use. */
static _Thread_local int amx_tokens;

/* A token's row of sums is as long as one of its activations. */
static inline void amx_configure(int tokens)
{
    struct amx_config config;
    const int first = tokens < AMX_ROWS ? tokens : AMX_ROWS;
    const int rows[] = { first, tokens - first, first, tokens - first, AMX_ROWS };

    if (tokens == amx_tokens)
        return;
    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int i = 0; i < 5; i++) {
        config.rows[i] = (uint8_t)rows[i];
        config.bytes[i] = rows[i] ? GEMM_ROW : 0;
    }
    _tile_loadconfig(&config);
    amx_tokens = tokens;
}

/* The operating system need not save them any more. */
static inline void amx_release(void)
{
    _tile_release();
    amx_tokens = 0;
}

static inline __attribute__((always_inline)) void amx_steps(int32_t *c, size_t ldc, const char *w,
                                                            const int8_t *x, int tokens, int n,
                                                            bool fresh, const bool two)
{
    const size_t stride = ldc * sizeof *c, step = (size_t)tokens * GEMM_ROW;
    int32_t *second = c + AMX_ROWS * ldc;

    if (fresh) {
        _tile_zero(AMX_SUM0);
        if (two)
            _tile_zero(AMX_SUM1);
    } else {
        _tile_loadd(AMX_SUM0, c, stride);
        if (two)
            _tile_loadd(AMX_SUM1, second, stride);
    }
    for (int k = 0; k < n; k += GEMM_ROW, w += AMX_W_BYTES, x += step) {
        char rest[AMX_W_BYTES];
        const char *wk = w;
        if (n - k < GEMM_ROW) { /* behind the columns are zeros: x has anything there */
            const size_t bytes = (size_t)(n - k) * PANEL_ROWS;
            memcpy(rest, w, bytes);
            memset(rest + bytes, 0, sizeof rest - bytes);
            wk = rest;
        }
        _tile_loadd(AMX_W, wk, GEMM_ROW);
        _tile_loadd(AMX_X0, x, GEMM_ROW);
        AMX_DOT(AMX_SUM0, AMX_X0, AMX_W);
        if (two) {
            _tile_loadd(AMX_X1, x + AMX_ROWS * GEMM_ROW, GEMM_ROW);
            AMX_DOT(AMX_SUM1, AMX_X1, AMX_W);
        }
    }
    _tile_stored(AMX_SUM0, c, stride);
    if (two)
        _tile_stored(AMX_SUM1, second, stride);
}

/* gemm_ops.tile. */
static void amx_tile(void *c, size_t ldc, const void *w, const void *x, int tokens, int n,
                     bool fresh)
{
    amx_configure(tokens);
    if (tokens > AMX_ROWS)
        amx_steps(c, ldc, w, x, tokens, n, fresh, true);
    else
        amx_steps(c, ldc, w, x, tokens, n, fresh, false);
}

#endif
