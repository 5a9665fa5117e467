/* SPDX-License-Identifier: MIT */
#include "kernels/kernel.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/act/act.h"
#include "kernels/gemv.h"

const struct family *const families[] = { &f16, &i8, &ternary2, &ternary5, &lut, NULL };

const struct family *family_find(const char *name)
{
    for (const struct family *const *f = families; *f; f++)
        if (!strcmp((*f)->name, name))
            return *f;
    return NULL;
}

const struct kernel *kernel_pick(const struct family *f, unsigned cpu)
{
    const struct kernel *k = f->kernels;

    while ((k->needs & cpu) != k->needs)
        k++; /* "c" needs 0, so this ends */
    return k;
}

const struct kernel *kernel_find(const struct family *f, const char *isa, unsigned cpu)
{
    for (const struct kernel *k = f->kernels;; k++) {
        if (!strcmp(k->isa, isa))
            return (k->needs & cpu) == k->needs ? k : NULL;
        if (!k->needs)
            return NULL;
    }
}

struct acts acts_from(const struct acts *x, int token)
{
    const size_t at = (size_t)token * (size_t)x->stride;

    return (struct acts){ .f32 = x->f32 ? x->f32 + at : NULL,
                          .q8 = x->q8 ? x->q8 + at : NULL,
                          .scale = x->scale ? x->scale + token : NULL,
                          .sum = x->sum ? x->sum + token : NULL,
                          .count = x->count - token,
                          .stride = x->stride };
}

/* The first outlier of row `row` or a later one. */
static int find_outlier(const struct wmat *w, int row)
{
    int low = 0, high = w->outlier_count;

    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (w->outliers[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void kernel_run(const struct kernel *k, float *y, int ldy, const struct wmat *w,
                const struct acts *x, int first, int last)
{
    if (x->count == 1)
        k->gemv(y, w, x, first, last);
    else
        k->gemm(y, ldy, w, x, first, last);
    if (!w->outlier_count)
        return;
    for (int i = find_outlier(w, first); i < w->outlier_count && w->outliers[i].row < last; i++) {
        const struct outlier *o = &w->outliers[i];
        for (int t = 0; t < x->count; t++)
            y[(size_t)t * (size_t)ldy + (size_t)o->row] +=
                o->delta *
                ((float)x->q8[(size_t)t * (size_t)x->stride + (size_t)o->col] * x->scale[t]);
    }
}

int kernel_part(const struct family *f, int cols, int tokens)
{
    return tokens <= GEMV_TOKENS ? (int)(f->part_bytes / panel_bytes(f, cols)) + 1 : f->part_panels;
}

int padded_cols(int cols)
{
    return (cols + ACT_BLOCK - 1) / ACT_BLOCK * ACT_BLOCK;
}

int packed_cols(const struct family *f, int cols)
{
    return (cols + f->block_cols - 1) / f->block_cols * f->block_cols;
}

size_t panel_bytes(const struct family *f, int cols)
{
    return (size_t)(packed_cols(f, cols) / f->block_cols) * f->block_bytes;
}

size_t packed_bytes(const struct family *f, int rows, int cols)
{
    return (size_t)((rows + PANEL_ROWS - 1) / PANEL_ROWS) * panel_bytes(f, cols);
}

/* The bound of a float kernel for one row: error_per_column * cols * sum |w x|. */
static double row_bound(const struct family *f, const struct wmat *w, const float *x, int row,
                        uint16_t *panel)
{
    const char *data = (const char *)w->data + (size_t)(row / PANEL_ROWS) * panel_bytes(f, w->cols);
    double sum = 0;

    f->unpack(panel, data, PANEL_ROWS, w->cols);
    for (int c = 0; c < w->cols; c++)
        sum += fabs(
            (double)f16_to_f32(panel[(size_t)(row % PANEL_ROWS) * (size_t)w->cols + (size_t)c]) *
            (double)x[c]);
    return f->error_per_column * w->cols * sum;
}

int kernel_verify(const struct family *f, const struct wmat *w, const struct acts *x, int token,
                  const float *y, int first, int last, char *why, size_t why_size)
{
    struct acts one = acts_from(x, token);
    const int exact = f->error_per_column == 0;
    float *want = malloc((size_t)w->rows * sizeof *want);
    uint16_t *panel = malloc((size_t)PANEL_ROWS * (size_t)w->cols * sizeof *panel);
    int error = want && panel ? 0 : -ENOMEM;

    one.count = 1;
    if (error)
        snprintf(why, why_size, "no memory to verify %d x %d", w->rows, w->cols);
    else
        kernel_run(kernel_pick(f, 0), want, w->rows, w, &one, first, last);
    for (int r = first; !error && r < last; r++) {
        const double off = fabs((double)y[r] - (double)want[r]);
        /* off is NaN when y is: the comparison must fail then */
        if (exact ? memcmp(&y[r], &want[r], sizeof *y) == 0
                  : off <= row_bound(f, w, one.f32, r, panel))
            continue;
        snprintf(why, why_size, "row %d of token %d is %.9g where the C kernel has %.9g", r, token,
                 (double)y[r], (double)want[r]);
        error = -EILSEQ;
    }
    free(want);
    free(panel);
    return error;
}
