/* SPDX-License-Identifier: MIT */
#include "kernels/gemv.h"
#include <stdbool.h>
#include <string.h>
#include "kernels/panel.h"

struct call {
    const struct gemv_ops *ops;
    float *y;
    const struct wmat *w;
    const struct acts *x;
    int first, last; /* rows */
    const void *table;
    int k, n; /* columns under way */
    bool fresh, done;
};

/* Sums of a panel's rows become values in y; or, while columns are left, partial sums in y's own
 * memory, as the bits of an int32. */
static void store(const struct call *call, const void *sums, int panel)
{
    const int row = panel * PANEL_ROWS, rows = call->w->rows - row;
    const int from = call->first > row ? call->first - row : 0;
    const int to = call->last < row + PANEL_ROWS ? call->last - row : PANEL_ROWS;
    int32_t bits[PANEL_ROWS], part[PANEL_ROWS] = { 0 };
    float v[PANEL_ROWS];

    if (call->ops->family->act == ACT_F32) {
        panel_store(call->y, sums, row, call->first, call->last);
        return;
    }
    memcpy(bits, sums, sizeof bits);
    if (!call->fresh)
        memcpy(part + from, call->y + row + from, (size_t)(to - from) * sizeof *part);
    for (int r = from; r < to; r++)
        bits[r] += part[r];
    if (!call->done) {
        memcpy(call->y + row + from, bits + from, (size_t)(to - from) * sizeof *bits);
        return;
    }
    panel_scale(v, bits, call->w, call->x->scale[0], call->ops->offset * call->x->sum[0], row, 0,
                rows < PANEL_ROWS ? rows : PANEL_ROWS);
    panel_store(call->y, v, row, call->first, call->last);
}

static void some_panels(const struct call *call, int panel, int apart, int count)
{
    const struct gemv_ops *ops = call->ops;
    const struct family *f = ops->family;
    const size_t one = panel_bytes(f, call->w->cols);
    const char *data = (const char *)call->w->data + (size_t)panel * one +
                       (size_t)(call->k / f->block_cols) * f->block_bytes;
    union {
        float f32[GEMV_PANELS * PANEL_ROWS];
        int32_t i32[GEMV_PANELS * PANEL_ROWS];
    } sums;

    if (ops->lookup)
        ops->lookup(sums.i32, data, (size_t)apart * one, call->table, call->n, count);
    else
        ops->sums(sums.f32, data, (size_t)apart * one, call->x, call->n, count);
    for (int p = 0; p < count; p++)
        store(call, sums.f32 + p * PANEL_ROWS, panel + p * apart);
}

static void all_panels(const struct call *call)
{
    const int begin = panel_of(call->first), end = panel_of(call->last + PANEL_ROWS - 1);
    const int half = (end - begin) / GEMV_PANELS;

    for (int p = begin; p < begin + half; p++)
        some_panels(call, p, half, GEMV_PANELS);
    for (int p = begin + GEMV_PANELS * half; p < end; p++)
        some_panels(call, p, 0, 1);
}

void gemv_streams(const struct gemv_ops *ops, float *y, const struct wmat *w, const struct acts *x,
                  int first, int last)
{
    const int cols = packed_cols(ops->family, w->cols), unit = ops->family->block_cols;
    struct call call = {
        .ops = ops, .y = y, .w = w, .x = x, .first = first, .last = last, .n = cols, .fresh = true
    };
    _Alignas(64) char table[GEMV_TABLE];

    if (first >= last)
        return;
    if (ops->lookup) { /* parts of equal size */
        const int blocks = cols / unit, most = (int)(GEMV_TABLE / ops->table_bytes);
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
            ops->prepare(table, x, k, call.n);
        all_panels(&call);
    }
}
