/* SPDX-License-Identifier: MIT
 *
 * The first step of truth: each family's packing and C kernels against reference/, which knows
 * nothing of panels. (The second, SIMD against C, is check.) */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "kernels/kernel.h"
#include "reference/reference.h"
#include "tests/check.h"
#include "tests/check_linear.h"

static const double ULP = 0x1p-24; /* of a float, relative, rounded to nearest */

/* ---- packing ---- */

static size_t element_size(const struct family *f)
{
    return f->element == ELEMENT_F16 ? sizeof(uint16_t) : sizeof(int8_t);
}

/* One panel of `rows` rows there and back; what is padding reads as zero weights; every byte of the
 * panel is written, whatever was there. */
static void try_panel(const struct family *f, int rows, int cols)
{
    check_context("%s, %d rows of %d columns", f->name, rows, cols);
    const struct matrix m = matrix_make(f, rows, cols, WEIGHTS_RANDOM);
    const size_t size = element_size(f), bytes = panel_bytes(f, cols);
    const size_t padded = (size_t)packed_cols(f, cols), row = (size_t)cols * size;
    char *back = check_guarded((size_t)rows * row), *again = check_guarded(bytes);
    char *all = check_guarded(PANEL_ROWS * padded * size);

    f->unpack(back, m.w.data, rows, cols);
    check_guards(back, (size_t)rows * row);
    check_that(!memcmp(back, m.latent, (size_t)rows * row));

    memset(again, 0x5a, bytes);
    f->pack(again, m.latent, rows, cols);
    check_guards(again, bytes);
    check_that(!memcmp(again, m.w.data, bytes));

    f->unpack(all, m.w.data, PANEL_ROWS, (int)padded);
    for (size_t r = 0; r < PANEL_ROWS; r++)
        for (size_t i = 0; i < padded * size; i++)
            if ((r >= (size_t)rows || i >= row) && all[r * padded * size + i])
                check_fail("row %zu, byte %zu of padding is not zero", r, i);
    check_release(0);
}

static void packing(const void *arg)
{
    static const int columns[] = { 1, 2, 5, 15, 16, 17, 31, 100, 1030, 5460 };
    const struct family *f = arg;

    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        for (int rows = 1; rows <= PANEL_ROWS; rows++)
            try_panel(f, rows, columns[c]);
}

static void sizes(const void *arg)
{
    const struct family *f = arg;

    for (int rows = 1; rows < 50; rows++)
        for (int cols = 1; cols < 100; cols++) {
            check_context("%s, %dx%d", f->name, rows, cols);
            const int panels = (rows + PANEL_ROWS - 1) / PANEL_ROWS;
            const double weights = (double)panels * PANEL_ROWS * packed_cols(f, cols);
            const double bytes = (double)packed_bytes(f, rows, cols);
            check_that(packed_cols(f, cols) >= cols && packed_cols(f, cols) % f->block_cols == 0);
            check_that(padded_cols(cols) >= packed_cols(f, cols) && ACT_BLOCK % f->block_cols == 0);
            check_that(f->block_cols >= BLOCK_COLS_LEAST);
            check_that(packed_bytes(f, rows, cols) == (size_t)panels * panel_bytes(f, cols));
            check_that(bytes * 8 >= weights * f->bits_per_weight - 1e-6);
            check_that(bytes - panels < weights * f->bits_per_weight / 8);
        }
}

/* ---- linear kernels ---- */

/* What y may differ from the reference by, of which `sum` is sum |w x|. */
static double allowed(const struct family *f, double y, double sum, int cols)
{
    if (f->act == ACT_I8) /* the sum as a float, the product of the scales, their product */
        return 4 * ULP * fabs(y);
    return (cols + 1) * ULP * sum; /* a rounding a column, and its product's */
}

/* Reference outputs (tokens, rows), and how far away the kernel may be. */
static void expect(double *want, double *bound, const struct matrix *m, const struct acts *x)
{
    const size_t rows = (size_t)m->w.rows, cols = (size_t)m->w.cols;
    double *w = check_alloc(rows * cols * sizeof *w), *real = check_alloc(cols * sizeof *real);
    double *scale = check_alloc(rows * sizeof *scale);

    for (size_t r = 0; r < rows; r++) {
        scale[r] = (double)(m->w.row_scale ? m->w.row_scale[r] : m->w.scale);
        for (size_t c = 0; c < cols; c++)
            w[r * cols + c] = matrix_at(m, (int)r, (int)c);
    }
    for (size_t t = 0; t < (size_t)x->count; t++) {
        double *y = want + t * rows;
        for (size_t c = 0; c < cols; c++)
            real[c] = inputs_at(x, (int)t, (int)c);
        if (x->q8)
            ref_linear_int(y, m->latent, scale, x->q8 + t * (size_t)x->stride, (double)x->scale[t],
                           m->w.rows, m->w.cols);
        else
            ref_linear_real(y, w, real, m->w.rows, m->w.cols);
        for (size_t r = 0; r < rows; r++) {
            double sum = 0;
            for (size_t c = 0; c < cols; c++)
                sum += fabs(w[r * cols + c] * real[c]);
            bound[t * rows + r] = allowed(m->family, y[r], sum, m->w.cols);
        }
    }
}

static void compare(const double *want, const double *bound, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)y[i] - want[i]) <= bound[i]))
            check_fail("y[%zu] is %.9g, the reference %.17g, bound %g", i, (double)y[i], want[i],
                       bound[i]);
}

static void try_kernels(const struct matrix *m, const struct acts *x)
{
    const size_t mark = check_mark(), rows = (size_t)m->w.rows, n = (size_t)x->count * rows;
    const struct kernel *c = kernel_pick(m->family, 0);
    double *want = check_alloc(n * sizeof *want), *bound = check_alloc(n * sizeof *bound);
    float *y = check_alloc(n * sizeof *y);

    expect(want, bound, m, x);
    c->gemv(y, &m->w, x, 0, m->w.rows);
    compare(want, bound, y, rows);
    c->gemm(y, m->w.rows, &m->w, x, 0, m->w.rows);
    compare(want, bound, y, n);
    check_release(mark);
}

/* With both scales 1 the output is the integer sum, rounded to a float once. */
static void try_sums(struct matrix *m, struct acts *x)
{
    const size_t mark = check_mark();
    const int rows = m->w.rows;
    const struct kernel *c = kernel_pick(m->family, 0);
    float *y = check_alloc((size_t)x->count * (size_t)rows * sizeof *y);
    float *one = check_alloc((size_t)x->count * sizeof *one);

    for (int t = 0; t < x->count; t++)
        one[t] = 1;
    x->scale = one;
    m->w.scale = 1;
    m->w.row_scale = NULL;
    c->gemm(y, rows, &m->w, x, 0, rows);
    for (int t = 0; t < x->count; t++)
        for (int r = 0; r < rows; r++) {
            const int8_t *w = (const int8_t *)m->latent + (size_t)r * (size_t)m->w.cols;
            const int64_t sum = ref_dot(w, x->q8 + t * x->stride, m->w.cols);
            if (y[t * rows + r] != (float)sum)
                check_fail("row %d of token %d sums up to %.9g, not %lld", r, t,
                           (double)y[t * rows + r], (long long)sum);
        }
    check_release(mark);
}

static void try_shape(const struct family *f, int rows, int cols, int tokens)
{
    for (int weights = 0; weights < WEIGHTS_COUNT; weights++)
        for (int inputs = 0; inputs < INPUTS_COUNT; inputs++) {
            if (!matrix_has(f, (enum weights)weights))
                continue;
            check_context("%s, %dx%d, %d tokens, weights %s, inputs %s", f->name, rows, cols,
                          tokens, weights_names[weights], inputs_names[inputs]);
            struct matrix m = matrix_make(f, rows, cols, (enum weights)weights);
            struct acts x = inputs_make(f, cols, tokens, (enum inputs)inputs);
            try_kernels(&m, &x);
            if (f->act == ACT_I8)
                try_sums(&m, &x);
            check_release(0);
        }
}

static void kernels(const void *arg)
{
    static const struct {
        int rows, cols, tokens;
    } shapes[] = { { 1, 1, 1 },     { 3, 7, 2 },    { 16, 16, 7 },   { 17, 100, 13 },
                   { 33, 1030, 6 }, { 5, 5460, 3 }, { 2, 45568, 2 }, { 1, 131071, 1 } };

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        try_shape(arg, shapes[i].rows, shapes[i].cols, shapes[i].tokens);
}

/* ---- outliers ---- */

/* Each token's reference output with what `o` restores; the roundings of one float product more. */
static void restore(double *want, double *bound, const struct matrix *m, const struct acts *x,
                    const struct outlier *o)
{
    const int rows = m->w.rows, cols = m->w.cols;
    double *real = check_alloc((size_t)cols * sizeof *real);

    for (int t = 0; t < x->count; t++) {
        for (int c = 0; c < cols; c++)
            real[c] = inputs_at(x, t, c) * (double)x->scale[t];
        ref_restore(want + t * rows, o->row, o->col, (double)o->delta, real);
        bound[t * rows + o->row] +=
            4 * ULP * (fabs((double)o->delta * real[o->col]) + fabs(want[t * rows + o->row]));
    }
}

/* By every kernel, in one piece or in two that part the rows with outliers; and kernel_verify knows
 * of them. */
static void outliers(const void *arg)
{
    enum { ROWS = 37, COLS = 100, TOKENS = 3, COUNT = 6 };
    static const struct outlier list[COUNT] = {
        { 0, 0, 8 },      { 0, 99, -3.5f }, { 15, 7, 100 },
        { 16, 7, 0.25f }, { 16, 7, 0.25f }, { 36, 50, -8 }
    };
    const struct family *f = arg;
    char why[200];

    check_context("%s", f->name);
    struct matrix m = matrix_make(f, ROWS, COLS, WEIGHTS_RANDOM);
    struct acts x = inputs_make(f, COLS, TOKENS, INPUTS_RANDOM);
    double *want = check_alloc(TOKENS * ROWS * sizeof *want);
    double *bound = check_alloc(TOKENS * ROWS * sizeof *bound);
    float *y = check_alloc(TOKENS * ROWS * sizeof *y);
    expect(want, bound, &m, &x);
    for (int i = 0; i < COUNT; i++)
        restore(want, bound, &m, &x, &list[i]);
    m.w.outliers = list;
    m.w.outlier_count = COUNT;
    for (int split = 0; split < ROWS; split++)
        for (x.count = 1; x.count <= TOKENS; x.count += TOKENS - 1) {
            check_context("%s, %d tokens, rows from %d", f->name, x.count, split);
            kernel_run(kernel_pick(f, 0), y, ROWS, &m.w, &x, 0, split);
            kernel_run(kernel_pick(f, 0), y, ROWS, &m.w, &x, split, ROWS);
            compare(want, bound, y, (size_t)(x.count * ROWS));
        }
    check_that(!kernel_verify(f, &m.w, &x, 2, y + 2 * ROWS, 0, ROWS, why, sizeof why));
    m.w.outlier_count = COUNT - 1;
    check_that(kernel_verify(f, &m.w, &x, 2, y + 2 * ROWS, 0, ROWS, why, sizeof why) == -EILSEQ);
}

/* ---- the guard in front of every timing ---- */

static void verification(const void *arg)
{
    enum { ROWS = 21, COLS = 100, TOKENS = 3 };
    const struct family *f = arg;
    char why[200] = "";
    float y[TOKENS * ROWS];

    check_context("%s", f->name);
    const struct matrix m = matrix_make(f, ROWS, COLS, WEIGHTS_RANDOM);
    const struct acts x = inputs_make(f, COLS, TOKENS, INPUTS_RANDOM);
    kernel_pick(f, 0)->gemm(y, ROWS, &m.w, &x, 0, ROWS);
    for (int t = 0; t < TOKENS; t++)
        check_that(!kernel_verify(f, &m.w, &x, t, y + t * ROWS, 0, ROWS, why, sizeof why));

    float *last = &y[2 * ROWS + 20];
    *last += 1 + fabsf(*last) / 100;
    check_that(kernel_verify(f, &m.w, &x, 2, y + 2 * ROWS, 0, ROWS, why, sizeof why) == -EILSEQ);
    check_that(strstr(why, "20"));
    check_that(!kernel_verify(f, &m.w, &x, 2, y + 2 * ROWS, 0, 20, why, sizeof why));
    *last = NAN;
    check_that(kernel_verify(f, &m.w, &x, 2, y + 2 * ROWS, 3, ROWS, why, sizeof why) == -EILSEQ);
    check_that(kernel_verify(f, &m.w, &x, 0, y + ROWS, 0, ROWS, why, sizeof why) == -EILSEQ);
}

static void tables(const void *unused)
{
    (void)unused;
    for (const struct family *const *f = families; *f; f++) {
        const struct kernel *c = kernel_pick(*f, 0);
        check_context("%s", (*f)->name);
        check_that(family_find((*f)->name) == *f);
        check_that(!strcmp(c->isa, "c") && c->needs == 0);
        check_that(kernel_find(*f, "c", 0) == c);
        check_that(!kernel_find(*f, "nosuch", ~0u));
        check_that(kernel_pick(*f, ~0u) == (*f)->kernels);
        for (const struct kernel *k = (*f)->kernels; k < c; k++)
            check_that(k->needs && k->gemv && k->gemm && !kernel_find(*f, k->isa, 0));
    }
    check_that(!family_find("nosuch"));
}

static void group(void)
{
    check_run(CHECK_PASSES, tables, NULL, "oracle: tables");
    for (const struct family *const *f = families; *f; f++) {
        check_run(CHECK_PASSES, sizes, *f, "oracle: %s sizes", (*f)->name);
        check_run(CHECK_PASSES, packing, *f, "oracle: %s packing", (*f)->name);
        check_run(CHECK_PASSES, kernels, *f, "oracle: %s_gemv_c, %s_gemm_c", (*f)->name,
                  (*f)->name);
        if ((*f)->act == ACT_I8)
            check_run(CHECK_PASSES, outliers, *f, "oracle: %s outliers", (*f)->name);
        check_run(CHECK_PASSES, verification, *f, "oracle: %s kernel_verify", (*f)->name);
    }
}

int main(int argc, char **argv)
{
    static check_group *const groups[] = { group, NULL };

    return check_main(argc, argv, groups);
}
