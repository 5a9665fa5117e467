/* SPDX-License-Identifier: MIT */
#include "bench/verify.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "kernels/act/act.h"
#include "kernels/gemm.h"

/* Tokens for the two ways of a GEMM: streams, and tiles. */
enum { ROWS = 3 * PANEL_ROWS, FEW = GEMV_TOKENS - 1, TOKENS = GEMV_TOKENS + 5 };

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

struct check {
    const struct family *family;
    const struct kernel *kernel;
    const struct wmat *w;
    struct acts x;
    void *shared; /* of gemm_share_bytes */
    float *y;
};

/* Rows [first, last) of the first `count` tokens at once; looks at the first and at the last. */
static int verify_tokens(const struct check *c, int count, int first, int last, char *why,
                         size_t size)
{
    const struct wmat *w = c->w;
    struct acts x = c->x;
    char detail[160];
    int error = 0;

    x.count = count;
    x = gemm_share(&x, c->shared, w->cols);
    kernel_run(c->kernel, c->y, w->rows, w, &x, first, last);
    for (int t = 0; t < count && !error; t += count > 1 ? count - 1 : 1)
        error = kernel_verify(c->family, w, &x, t, c->y + (size_t)t * (size_t)w->rows, first, last,
                              detail, sizeof detail);
    if (error)
        snprintf(why, size, "%s %s %s, %d x %d: %s", c->family->name, c->kernel->isa,
                 count == 1 ? "gemv" : "gemm", w->rows, w->cols, detail);
    return error;
}

/* By GEMV, and by GEMM in both of its ways. */
static int verify_rows(const struct check *c, int first, int last, char *why, size_t size)
{
    int error = verify_tokens(c, 1, first, last, why, size);

    if (!error)
        error = verify_tokens(c, FEW, first, last, why, size);
    if (!error)
        error = verify_tokens(c, TOKENS, first, last, why, size);
    return error;
}

int verify_matrix(const struct family *f, const struct kernel *kernel, const struct wmat *w,
                  uint64_t seed, char *why, size_t why_size)
{
    struct check c = { .family = f, .kernel = kernel, .w = w };
    struct verify_acts x = { .memory = NULL };
    const int last = w->rows < ROWS ? w->rows : ROWS;

    c.y = malloc((size_t)w->rows * TOKENS * sizeof *c.y);
    c.shared = aligned_alloc(64, gemm_share_bytes(w->cols, TOKENS));
    int error = c.y && c.shared ? verify_acts(&x, TOKENS, w->cols, seed) : -ENOMEM;
    if (error)
        snprintf(why, why_size, "no memory to check %d x %d", w->rows, w->cols);
    c.x = x.acts;
    if (!error)
        error = verify_rows(&c, 0, last, why, why_size);
    if (!error)
        error = verify_rows(&c, w->rows - last, w->rows, why, why_size);
    free(x.memory);
    free(c.shared);
    free(c.y);
    return error;
}
