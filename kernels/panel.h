/* SPDX-License-Identifier: MIT
 *
 * What all families share: where a panel is, and how a row's sum becomes a value. Only the C part:
 * every instruction set ends in these same operations, so that integer families agree bit for bit.
 */
#ifndef KERNELS_PANEL_H
#define KERNELS_PANEL_H

#include "kernels/kernel.h"

static inline int panel_of(int row)
{
    return row / PANEL_ROWS;
}

/* v is (PANEL_ROWS) values of the panel that begins at `row`; writes those in [first, last). */
static inline void panel_store(float *y, const float *v, int row, int first, int last)
{
    const int from = first > row ? first - row : 0;
    const int to = last < row + PANEL_ROWS ? last - row : PANEL_ROWS;

    for (int r = from; r < to; r++)
        y[row + r] = v[r];
}

/* y = (sum - zero) * (w_scale * x_scale) for rows [from, to) of the panel at `row`. zero is what
 * the codes' offset adds to every row; sum may have wrapped, sum - zero fits. */
static inline void panel_scale(float *v, const int32_t *sum, const struct wmat *w, float x_scale,
                               int32_t zero, int row, int from, int to)
{
    for (int r = from; r < to; r++) {
        const int32_t exact = (int32_t)((uint32_t)sum[r] - (uint32_t)zero);
        v[r] = (float)exact * ((w->row_scale ? w->row_scale[row + r] : w->scale) * x_scale);
    }
}

#endif
