/* SPDX-License-Identifier: MIT */
#include "kernels/gemv.h"
#include <stdbool.h>
#include <string.h>
#include "kernels/panel.h"

struct call {
    const struct gemv_ops *ops;
    float *y;
    size_t ldy;
    const struct wmat *w;
    const struct acts *x;
    int tokens;
    int first, last;   /* rows */
    const char *table; /* a token's after the other's */
    int k, n;          /* columns under way */
    bool fresh, done;
};

/* Sums of a panel's rows become values in y; or, while columns are left, partial sums in y's own
 * memory, as the bits of an int32. */
static void store(const struct call *call, const void *sums, int panel, int token)
{
    float *y = call->y + (size_t)token * call->ldy;
    const int row = panel * PANEL_ROWS;
    const int from = call->first > row ? call->first - row : 0;
    const int to = call->last < row + PANEL_ROWS ? call->last - row : PANEL_ROWS;
    const int32_t *bits = sums;
    int32_t total[PANEL_ROWS];

    if (call->ops->family->act == ACT_F32) {
        panel_store(y, sums, row, call->first, call->last);
        return;
    }
    const float x_scale = call->x->scale[token];
    const int32_t zero = call->ops->offset * call->x->sum[token];
    if (!call->fresh) {
        memcpy(total + from, y + row + from, (size_t)(to - from) * sizeof *total);
        for (int r = from; r < to; r++)
            total[r] += bits[r];
        bits = total;
    }
    if (!call->done)
        memcpy(y + row + from, bits + from, (size_t)(to - from) * sizeof *bits);
    else if (to - from == PANEL_ROWS) /* nearly always: so many as a constant become vectors */
        panel_scale(y + row, bits, call->w, x_scale, zero, row, 0, PANEL_ROWS);
    else
        panel_scale(y + row, bits, call->w, x_scale, zero, row, from, to);
}

/* Of a token's tables for the columns under way. */
static size_t table_bytes(const struct gemv_ops *ops, int columns)
{
    return (size_t)(columns / ops->family->block_cols) * ops->table_bytes;
}

/* Tokens whose sums are in registers at a time: groups of equal size. */
static int group_of(const struct gemv_ops *ops, int tokens)
{
    const int groups = (tokens + ops->group - 1) / ops->group;

    return (tokens + groups - 1) / groups;
}

static void some_panels(const struct call *call, int panel, int apart, int count)
{
    const struct gemv_ops *ops = call->ops;
    const struct family *f = ops->family;
    const size_t one = panel_bytes(f, call->w->cols), stride = (size_t)apart * one;
    const char *data = (const char *)call->w->data + (size_t)panel * one +
                       (size_t)(call->k / f->block_cols) * f->block_bytes;
    const int group = group_of(ops, call->tokens);
    union {
        float f32[GEMV_GROUP * GEMV_PANELS * PANEL_ROWS];
        int32_t i32[GEMV_PANELS_MAX * PANEL_ROWS];
    } sums;

    /* For the second group the panels are in the cache. */
    for (int token = 0; token < call->tokens; token += group) {
        const int tokens = call->tokens - token < group ? call->tokens - token : group;
        const struct acts x = acts_from(call->x, token);
        if (ops->lookup)
            ops->lookup(sums.i32, data, stride,
                        call->table + (size_t)token * table_bytes(ops, call->n), call->n, count);
        else
            ops->sums(sums.f32, data, stride, &x, tokens, call->n, count);
        for (int i = 0; i < count * tokens; i++)
            store(call, sums.f32 + i * PANEL_ROWS, panel + i / tokens * apart, token + i % tokens);
    }
}

static void all_panels(const struct call *call)
{
    const int begin = panel_of(call->first), end = panel_of(call->last + PANEL_ROWS - 1);
    const bool several = group_of(call->ops, call->tokens) <= call->ops->pairs;
    const int streams = call->ops->panels;
    const int stream = several ? (end - begin) / streams : 0; /* panels of it */

    for (int p = begin; p < begin + stream; p++)
        some_panels(call, p, stream, streams);
    for (int p = begin + streams * stream; p < end; p++)
        some_panels(call, p, 0, 1);
}

static void prepare(const struct call *call, char *table)
{
    for (int token = 0; token < call->tokens; token++) {
        const struct acts x = acts_from(call->x, token);
        call->ops->prepare(table + (size_t)token * table_bytes(call->ops, call->n), &x, call->k,
                           call->n);
    }
}

void gemv_tokens(const struct gemv_ops *ops, float *y, int ldy, const struct wmat *w,
                 const struct acts *x, int tokens, int first, int last)
{
    const int cols = packed_cols(ops->family, w->cols), unit = ops->family->block_cols;
    struct call call = { .ops = ops,
                         .y = y,
                         .ldy = (size_t)ldy,
                         .w = w,
                         .x = x,
                         .tokens = tokens,
                         .first = first,
                         .last = last,
                         .n = cols };
    _Alignas(64) char table[GEMV_TABLE];

    if (first >= last)
        return;
    if (ops->lookup) { /* parts of equal size */
        const int blocks = cols / unit;
        const int most = (int)(GEMV_TABLE / ops->table_bytes) / tokens;
        const int parts = (blocks + most - 1) / most;
        call.table = table;
        call.n = (blocks + parts - 1) / parts * unit;
    }
    for (int k = 0; k < cols; k += call.n) {
        call.k = k;
        call.n = cols - k < call.n ? cols - k : call.n;
        call.fresh = k == 0;
        call.done = k + call.n == cols;
        if (ops->lookup)
            prepare(&call, table);
        all_panels(&call);
    }
}

void gemv_streams(const struct gemv_ops *ops, float *y, const struct wmat *w, const struct acts *x,
                  int first, int last)
{
    gemv_tokens(ops, y, 0, w, x, 1, first, last);
}
