/* SPDX-License-Identifier: MIT */
#include "kernels/gemv.h"
#include <string.h>
#include "kernels/panel.h"

static void store(const struct gemv_ops *ops, float *y, const struct wmat *w, const struct acts *x,
                  const float *sums, int panel, int first, int last)
{
    const int row = panel * PANEL_ROWS;
    const int rows = w->rows - row < PANEL_ROWS ? w->rows - row : PANEL_ROWS;
    int32_t bits[PANEL_ROWS];
    float v[PANEL_ROWS];

    if (ops->family->act == ACT_I8) {
        memcpy(bits, sums, sizeof bits);
        panel_scale(v, bits, w, x->scale[0], ops->offset * x->sum[0], row, 0, rows);
        sums = v;
    }
    panel_store(y, sums, row, first, last);
}

void gemv_streams(const struct gemv_ops *ops, float *y, const struct wmat *w, const struct acts *x,
                  int first, int last)
{
    const int cols = packed_cols(ops->family, w->cols);
    const size_t one = panel_bytes(ops->family, w->cols);
    const int begin = panel_of(first), end = panel_of(last + PANEL_ROWS - 1);
    const int half = (end - begin) / GEMV_PANELS;
    const char *data = (const char *)w->data + (size_t)begin * one;
    float sums[GEMV_PANELS * PANEL_ROWS];

    if (first >= last)
        return;
    for (int i = 0; i < half; i++) {
        ops->sums(sums, data + (size_t)i * one, (size_t)half * one, x, cols, GEMV_PANELS);
        for (int p = 0; p < GEMV_PANELS; p++)
            store(ops, y, w, x, sums + p * PANEL_ROWS, begin + p * half + i, first, last);
    }
    for (int p = begin + GEMV_PANELS * half; p < end; p++) {
        ops->sums(sums, (const char *)w->data + (size_t)p * one, 0, x, cols, 1);
        store(ops, y, w, x, sums, p, first, last);
    }
}
