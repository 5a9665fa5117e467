/* SPDX-License-Identifier: MIT */
#include "bench/verify.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "kernels/act/act.h"

enum { ROWS = 3 * PANEL_ROWS, TOKENS = 7 };

int verify_acts(struct verify_acts *x, int count, int cols, uint64_t seed)
{
    const int padded = padded_cols(cols), stride = padded % 1024 ? padded : padded + 32;
    const size_t n = (size_t)count * (size_t)stride;
    char *memory =
        calloc(1, n * (sizeof(float) + sizeof(int8_t)) + (size_t)count * 2 * sizeof(float));
    float *f32 = (float *)memory, *scale = f32 + n;
    int32_t *sum = (int32_t *)(scale + count);
    int8_t *q8 = (int8_t *)(sum + count);

    if (!memory)
        return -ENOMEM;
    for (int t = 0; t < count; t++) {
        float *row = f32 + (size_t)t * (size_t)stride;
        for (int c = 0; c < cols; c++) { /* uniform in [-2, 2) */
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            row[c] = (float)(int32_t)(seed >> 32) * 0x1p-30f;
        }
        act_pick(0)->quantise(q8 + (size_t)t * (size_t)stride, &scale[t], &sum[t], row, cols,
                              padded);
    }
    x->acts = (struct acts){
        .f32 = f32, .q8 = q8, .scale = scale, .sum = sum, .count = count, .stride = stride
    };
    x->memory = memory;
    return 0;
}

/* Rows [first, last) of one token by GEMV, and of all tokens by GEMM. */
static int verify_rows(const struct family *f, const struct kernel *kernel, const struct wmat *w,
                       const struct acts *x, float *y, int first, int last, char *why, size_t size)
{
    struct acts one = *x;
    char detail[160];

    one.count = 1;
    kernel_run(kernel, y, w->rows, w, &one, first, last);
    int error = kernel_verify(f, w, x, 0, y, first, last, detail, sizeof detail);
    const char *op = "gemv";
    if (!error) {
        op = "gemm";
        kernel_run(kernel, y, w->rows, w, x, first, last);
        for (int t = 0; t < TOKENS && !error; t += TOKENS - 1)
            error = kernel_verify(f, w, x, t, y + (size_t)t * (size_t)w->rows, first, last, detail,
                                  sizeof detail);
    }
    if (error)
        snprintf(why, size, "%s %s %s, %d x %d: %s", f->name, kernel->isa, op, w->rows, w->cols,
                 detail);
    return error;
}

int verify_matrix(const struct family *f, const struct kernel *kernel, const struct wmat *w,
                  uint64_t seed, char *why, size_t why_size)
{
    struct verify_acts x = { .memory = NULL };
    float *y = malloc((size_t)w->rows * TOKENS * sizeof *y);
    const int last = w->rows < ROWS ? w->rows : ROWS;
    int error = y ? verify_acts(&x, TOKENS, w->cols, seed) : -ENOMEM;

    if (error)
        snprintf(why, why_size, "no memory to check %d x %d", w->rows, w->cols);
    if (!error)
        error = verify_rows(f, kernel, w, &x.acts, y, 0, last, why, why_size);
    if (!error)
        error = verify_rows(f, kernel, w, &x.acts, y, w->rows - last, w->rows, why, why_size);
    free(x.memory);
    free(y);
    return error;
}
