/* SPDX-License-Identifier: MIT */
#include "kernels/gemm.h"
#include <string.h>
#include "kernels/panel.h"

struct call {
    const struct gemm_ops *ops;
    float *y;
    size_t ldy;
    const struct wmat *w;
    const struct acts *x;
    int first, last; /* rows */
    int cols;        /* padded */
};

/* The values are ready: integers become floats, in place. */
static void finish(const struct call *call, float *c, size_t ldc, int row, int token, int tokens)
{
    if (!call->ops->integer)
        return;
    for (int t = 0; t < tokens; t++, c += ldc) {
        int32_t sums[PANEL_ROWS];
        const int32_t zero = call->ops->offset ? call->x->sum[token + t] : 0;
        const int rows = call->w->rows - row < PANEL_ROWS ? call->w->rows - row : PANEL_ROWS;

        memcpy(sums, c, sizeof sums);
        panel_scale(c, sums, call->w, call->x->scale[token + t], zero, row, 0, rows);
    }
}

/* The rows of `c` that y owns, between y and a tile of a panel that y has only in part. */
static void copy_part(const struct call *call, float *tile, int row, int token, int tokens,
                      bool out)
{
    const int from = call->first > row ? call->first - row : 0;
    const int to = call->last < row + PANEL_ROWS ? call->last - row : PANEL_ROWS;

    for (int t = 0; t < tokens; t++) {
        float *y = call->y + (size_t)(token + t) * call->ldy + row + from;
        float *c = tile + t * PANEL_ROWS + from;
        memcpy(out ? y : c, out ? c : y, (size_t)(to - from) * sizeof *y);
    }
}

static void one_panel(const struct call *call, int row, const void *w, const void *x,
                      size_t x_stride, int token, int tokens, int k, int n)
{
    const bool fresh = k == 0, done = k + n == call->cols;
    const bool whole = row >= call->first && row + PANEL_ROWS <= call->last;
    union { /* sums of either kind */
        float f32[GEMM_TOKENS * PANEL_ROWS];
        int32_t i32[GEMM_TOKENS * PANEL_ROWS];
    } part = { .f32 = { 0 } };
    float *c = whole ? call->y + (size_t)token * call->ldy + row : part.f32;
    const size_t ldc = whole ? call->ldy : PANEL_ROWS;

    if (!whole && !fresh)
        copy_part(call, part.f32, row, token, tokens, false);
    call->ops->tile(c, ldc, w, x, x_stride, tokens, n, fresh);
    if (done)
        finish(call, c, ldc, row, token, tokens);
    if (!whole)
        copy_part(call, part.f32, row, token, tokens, true);
}

/* All tokens against `count` unpacked panels from `panel` on. */
static void all_tokens(const struct call *call, int panel, int count, const char *w, int k, int n)
{
    const struct gemm_ops *ops = call->ops;
    const struct acts *x = call->x;
    const size_t w_panel = (size_t)PANEL_ROWS * (size_t)ops->k_block * ops->w_size;
    const int tiles = (x->count + GEMM_TOKENS - 1) / GEMM_TOKENS;
    _Alignas(64) char packed[GEMM_X_SCRATCH];

    for (int i = 0; i < tiles; i++) { /* tiles of equal size, so that none is left with one token */
        const int token = (int)((int64_t)x->count * i / tiles);
        const int tokens = (int)((int64_t)x->count * (i + 1) / tiles) - token;
        const size_t at = (size_t)token * (size_t)x->stride + (size_t)k;
        const void *from = ops->integer ? (const void *)(x->q8 + at) : (const void *)(x->f32 + at);
        size_t stride = (size_t)x->stride;
        if (ops->x_size) {
            ops->pack(packed, x, token, tokens, k, n, ops->k_block);
            from = packed;
            stride = (size_t)ops->k_block;
        }
        for (int p = 0; p < count; p++)
            one_panel(call, (panel + p) * PANEL_ROWS, w + (size_t)p * w_panel, from, stride, token,
                      tokens, k, n);
    }
}

void gemm_blocked(const struct gemm_ops *ops, float *y, int ldy, const struct wmat *w,
                  const struct acts *x, int first, int last)
{
    const struct call call = { .ops = ops,
                               .y = y,
                               .ldy = (size_t)ldy,
                               .w = w,
                               .x = x,
                               .first = first,
                               .last = last,
                               .cols = padded_cols(w->cols) };
    const size_t one = (size_t)(call.cols / COLUMN_BLOCK) * ops->block_bytes;
    const size_t w_panel = (size_t)PANEL_ROWS * (size_t)ops->k_block * ops->w_size;
    const int begin = panel_of(first), end = panel_of(last + PANEL_ROWS - 1);
    _Alignas(64) char unpacked[GEMM_SCRATCH];

    if (first >= last)
        return;
    for (int k = 0; k < call.cols; k += ops->k_block) {
        const int n = call.cols - k < ops->k_block ? call.cols - k : ops->k_block;
        for (int p = begin; p < end; p += ops->panels) {
            const int count = end - p < ops->panels ? end - p : ops->panels;
            for (int i = 0; i < count; i++)
                ops->unpack(unpacked + (size_t)i * w_panel,
                            (const char *)w->data + (size_t)(p + i) * one, k, n);
            all_tokens(&call, p, count, unpacked, k, n);
        }
    }
}
