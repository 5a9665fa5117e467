/* SPDX-License-Identifier: MIT
 *
 * Every GEMV kernel against its family's C kernel: the same bits, or within the family's bound, and
 * nothing written outside of the rows asked for. */
#include "tests/check_linear.h"

/* 131071 columns of 127 * 127 are what 32 bits hold. Of long rows there are few. */
static const struct {
    int cols, rows_max;
} columns[] = { { 1, 131 },   { 7, 131 },   { 100, 131 },  { 1000, 131 },
                { 5460, 48 }, { 8640, 17 }, { 45568, 17 }, { 131071, 1 } };
/* Longer rows are there for their sums: with --brief, of integers the largest and random ones, of
 * floats none. */
enum { BRIEF_COLUMNS = 5460 };
/* Nine panels are streams of two and one that is left, whether two or four are read at a time. */
static const int row_counts[] = { 1, 3, 13, 16, 17, 48, 131 };

struct job {
    const struct suspect *suspect;
    const struct matrix *m;
    const struct acts *x;
};

static void try_range(const struct job *job, const float *want, const double *bound, int first,
                      int last)
{
    const size_t mark = check_mark();
    const int rows = job->m->w.rows;
    float *y = check_poisoned((size_t)rows);

    job->suspect->kernel->gemv(y, &job->m->w, job->x, first, last);
    for (int r = -CHECK_GUARD; r < rows + CHECK_GUARD; r++)
        if ((r < first || r >= last) && !check_is_poison(y[r]))
            check_fail("wrote row %d of [%d, %d)", r, first, last);
    check_equal(want + first, y + first, bound ? bound + first : NULL, (size_t)(last - first));
    check_release(mark);
}

static void try_matrix(const struct suspect *s, const struct matrix *m, enum weights weights,
                       enum inputs inputs)
{
    const size_t mark = check_mark();
    const int rows = m->w.rows, tokens = 1 + check_below(2);
    const int a = check_below(rows + 1), b = check_below(rows + 1);
    const int first = a < b ? a : b, last = a < b ? b : a;

    check_context("%dx%d, weights %s, inputs %s, rows [%d, %d)", rows, m->w.cols,
                  weights_names[weights], inputs_names[inputs], first, last);
    const struct acts x = inputs_make(m->family, m->w.cols, tokens, inputs);
    float *want = check_alloc((size_t)rows * sizeof *want);
    const double *bound = linear_bound(m, &x);
    const struct job job = { .suspect = s, .m = m, .x = &x };

    kernel_pick(s->family, 0)->gemv(want, &m->w, &x, 0, rows);
    try_range(&job, want, bound, 0, rows);
    try_range(&job, want, bound, first, last);
    check_release(mark);
}

static void try_shape(const struct suspect *s, int rows, int cols)
{
    const bool brief = check_brief() && cols > BRIEF_COLUMNS;

    if (brief && s->family->act == ACT_F32)
        return;
    for (int weights = 0; weights < WEIGHTS_COUNT; weights++) {
        if (!matrix_has(s->family, (enum weights)weights) || (brief && weights == WEIGHTS_ZERO))
            continue;
        check_context("%dx%d", rows, cols);
        const struct matrix m = matrix_make(s->family, rows, cols, (enum weights)weights);
        for (int inputs = 0; inputs < INPUTS_COUNT; inputs++) {
            const bool telling = weights == WEIGHTS_RANDOM
                                     ? inputs == INPUTS_RANDOM
                                     : inputs == INPUTS_PLUS || inputs == INPUTS_MINUS;
            if (telling || !brief)
                try_matrix(s, &m, (enum weights)weights, (enum inputs)inputs);
        }
        check_release(0);
    }
}

void check_gemv_body(const void *suspect)
{
    const struct suspect *s = suspect;

    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        for (size_t r = 0; r < sizeof row_counts / sizeof *row_counts; r++)
            if (row_counts[r] <= columns[c].rows_max)
                try_shape(s, row_counts[r], columns[c].cols);
}

void check_gemv(void)
{
    check_kernels("gemv", check_gemv_body);
}
