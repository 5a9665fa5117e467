/* SPDX-License-Identifier: MIT */
#include "kernels/gemm.h"
#include <string.h>
#include "kernels/gemm_pack.h"
#include "kernels/panel.h"

/* Bytes of packed weights to a tile, where x is packed whole: measured. */
enum { GEMM_STEP = 2048 };

static struct {
    size_t l1d, l2;
} caches = { 32 * 1024, 512 * 1024 };

/* What is done at a time. */
struct blocks {
    int cols; /* of x that are packed */
    int step; /* columns of a panel that are unpacked */
    int tokens;
};

struct call {
    const struct gemm_ops *ops;
    float *y;
    size_t ldy;
    const struct wmat *w;
    const struct acts *x;
    int first, last; /* rows */
    int cols;        /* padded */
    struct blocks block;
    size_t panel_bytes;
};

void gemm_caches(size_t l1d, size_t l2)
{
    caches.l1d = l1d ? l1d : caches.l1d;
    caches.l2 = l2 ? l2 : caches.l2;
}

static int least(size_t a, size_t b)
{
    return (int)(a < b ? a : b);
}

/* Of a panel's first columns. */
static size_t bytes_of(const struct gemm_ops *ops, int columns)
{
    return (size_t)(columns / ops->family->block_cols) * ops->family->block_bytes;
}

/* The least common multiple. */
static int common_multiple(int a, int b)
{
    int n = a;

    while (n % b)
        n += a;
    return n;
}

/* Parts of equal size, none larger than `limit`, in whole units, one at least. */
static int equal_part(int total, int limit, int unit)
{
    const int most = limit > unit ? limit / unit * unit : unit;
    const int parts = (total + most - 1) / most;
    const int part = (total + parts - 1) / parts;

    return (part + unit - 1) / unit * unit;
}

/* Where x fits the L2 cache whole, the panels are one stream, as in a GEMV, and a tile's sums are
 * added to by one step after the other. */
static struct blocks blocks_of(const struct gemm_ops *ops, int cols, int tokens)
{
    /* Measured: a block that was unpacked to bytes may fill the L1 cache, one of wider weights
     * seven eighths of it, and one that is read where it lies half. */
    const size_t most = (size_t)least(caches.l1d, GEMM_W_BYTES);
    const size_t w = !ops->unpack ? caches.l1d / 2 : ops->w_size > 1 ? most * 7 / 8 : most;
    const size_t x = (size_t)least(caches.l2 / 2, GEMM_X_BYTES);
    const struct family *f = ops->family;
    const int unit = common_multiple(f->block_cols, (int)(gemm_word(ops) / ops->x_size));
    const int fit = ops->unpack ? (int)(w / (PANEL_ROWS * ops->w_size))
                                : (int)(w / f->block_bytes) * f->block_cols;
    const int tiles = gemm_tiles(ops, tokens);
    const int fetched = (int)((size_t)(tiles * f->block_cols) * GEMM_STEP / f->block_bytes);

    if ((size_t)tokens * gemm_packed(ops, cols) <= x)
        return (struct blocks){ cols, equal_part(cols, fetched < fit ? fetched : fit, unit),
                                tokens };
    const int part = equal_part(cols, fit, unit);
    const int fits = (int)(x / gemm_packed(ops, part)) / ops->tokens * ops->tokens;
    return (struct blocks){
        part, part, equal_part(tokens, fits > ops->tokens ? fits : ops->tokens, ops->tokens)
    };
}

/* The values are ready: integers become floats, in place. */
static void finish(const struct call *call, float *c, size_t ldc, int row, int token, int tokens)
{
    if (call->ops->family->act == ACT_F32)
        return;
    for (int t = 0; t < tokens; t++, c += ldc) {
        int32_t sums[PANEL_ROWS];
        const int32_t zero = call->ops->offset * call->x->sum[token + t];
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

static void one_tile(const struct call *call, int row, int k, int n, const void *w, const void *x,
                     int token, int tokens)
{
    const bool fresh = k == 0, done = k + n == call->cols;
    const bool whole = row >= call->first && row + PANEL_ROWS <= call->last;
    union { /* sums of either kind */
        float f32[GEMM_TOKENS_MAX * PANEL_ROWS];
        int32_t i32[GEMM_TOKENS_MAX * PANEL_ROWS];
    } edge;
    float *c = whole ? call->y + (size_t)token * call->ldy + row : edge.f32;
    const size_t ldc = whole ? call->ldy : PANEL_ROWS;

    if (!whole) {
        memset(&edge, 0, sizeof edge);
        if (!fresh)
            copy_part(call, edge.f32, row, token, tokens, false);
    }
    if (whole) /* the tile comes to c at its end: by then it is here */
        for (int t = 0; t < tokens; t++) {
            __builtin_prefetch(c + (size_t)t * ldc, 1);
            __builtin_prefetch(c + (size_t)t * ldc + PANEL_ROWS - 1, 1);
        }
    call->ops->tile(c, ldc, w, x, tokens, n, fresh);
    if (done)
        finish(call, c, ldc, row, token, tokens);
    if (!whole)
        copy_part(call, edge.f32, row, token, tokens, true);
}

/* Asks for the i-th of `parts` parts of `bytes` bytes. */
static void fetch(const char *from, size_t bytes, int i, int parts)
{
    const size_t lines = bytes / CACHE_LINE;
    const size_t end = lines * (size_t)(i + 1) / (size_t)parts;

    for (size_t line = lines * (size_t)i / (size_t)parts; line < end; line++)
        gemv_fetch(from + line * CACHE_LINE);
}

/* Columns [k, k + n) of the panel that begins at `row`, for all of the part's tokens. */
static void one_step(const struct call *call, const struct gemm_part *part, const char *packed,
                     int row, int k, int n, const void *w, const char *next, size_t next_bytes)
{
    const int tiles = gemm_tiles(call->ops, part->tokens);

    for (int i = 0; i < tiles; i++) {
        const int begin = gemm_tile_begin(part->tokens, tiles, i);
        const int tokens = gemm_tile_begin(part->tokens, tiles, i + 1) - begin;
        const char *x = packed + (size_t)begin * gemm_packed(call->ops, part->n) +
                        (size_t)(k - part->k) * call->ops->x_size * (size_t)tokens;
        fetch(next, next_bytes, i, tiles);
        one_tile(call, row, k, n, w, x, part->token + begin, tokens);
    }
}

static void all_panels(const struct call *call, const struct gemm_part *part, const char *packed)
{
    const struct gemm_ops *ops = call->ops;
    const int begin = panel_of(call->first), end = panel_of(call->last + PANEL_ROWS - 1);
    const int until = part->k + part->n, step = call->block.step;
    _Alignas(CACHE_LINE) char w[GEMM_W_BYTES];

    for (int p = begin; p < end; p++) {
        const char *panel = (const char *)call->w->data + (size_t)p * call->panel_bytes;
        for (int k = part->k; k < until; k += step) {
            const int n = least((size_t)step, (size_t)(until - k));
            const bool turn = k + n == until; /* to the next panel */
            const char *next = turn ? panel + call->panel_bytes + bytes_of(ops, part->k)
                                    : panel + bytes_of(ops, k + n);
            const int left = turn ? (p + 1 < end ? part->n : 0) : until - k - n;
            if (ops->unpack)
                ops->unpack(w, panel, k, n);
            one_step(call, part, packed, p * PANEL_ROWS, k, n,
                     ops->unpack ? w : (const void *)(panel + bytes_of(ops, k)), next,
                     bytes_of(ops, least((size_t)left, (size_t)step)));
        }
    }
}

void gemm_blocked(const struct gemm_ops *ops, float *y, int ldy, const struct wmat *w,
                  const struct acts *x, int first, int last)
{
    const int cols = packed_cols(ops->family, w->cols);
    const struct call call = { .ops = ops,
                               .y = y,
                               .ldy = (size_t)ldy,
                               .w = w,
                               .x = x,
                               .first = first,
                               .last = last,
                               .cols = cols,
                               .block = blocks_of(ops, cols, x->count),
                               .panel_bytes = panel_bytes(ops->family, w->cols) };
    _Alignas(CACHE_LINE) char own[GEMM_X_BYTES];

    if (first >= last)
        return;
    if (ops->few && x->count <= GEMV_TOKENS) {
        gemv_tokens(ops->few, y, ldy, w, x, x->count, first, last);
        return;
    }
    for (int token = 0; token < x->count; token += call.block.tokens)
        for (int k = 0; k < cols; k += call.block.cols) {
            const struct gemm_part part = {
                .token = token,
                .tokens = least((size_t)(x->count - token), (size_t)call.block.tokens),
                .k = k,
                .n = least((size_t)(cols - k), (size_t)call.block.cols)
            };
            all_panels(&call, &part, gemm_pack(ops, x, w->cols, &part, own));
        }
    if (ops->end)
        ops->end();
}
