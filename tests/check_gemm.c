/* SPDX-License-Identifier: MIT
 *
 * Every GEMM kernel against its family's C kernel, as check_gemv.c does for one token; and with
 * activations that its calls share. */
#include "kernels/gemm.h"
#include "tests/check_linear.h"

static const struct {
    int cols, rows_max;
} columns[] = { { 1, 131 }, { 7, 131 }, { 100, 131 }, { 5460, 48 }, { 8640, 48 }, { 45568, 48 } };
/* Nine panels are streams of two and one that is left, whether two or four are read at a time. */
static const int row_counts[] = { 1, 3, 13, 16, 17, 48, 131 };
static const int batches[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 33, 64 };
/* Multiply-adds of one case, so that slow C kernels end, too: up to the first every fill,
 * up to the second random and the largest numbers. */
static const long WORK_LITTLE = 200000, WORK_MAX = 4000000;
static const long WORK_BRIEF = 800000; /* of floats with --brief, in place of WORK_MAX */
enum { SMALL_CACHE = 16 * 1024 };

struct job {
    const struct suspect *suspect;
    const struct matrix *m;
    const struct acts *x;
    int ldy;
};

static void try_range(const struct job *job, const float *want, const double *bound, int first,
                      int last)
{
    const size_t mark = check_mark();
    const int rows = job->m->w.rows, ldy = job->ldy, count = job->x->count;
    const int elements = (count - 1) * ldy + rows;
    float *y = check_poisoned((size_t)elements);

    job->suspect->kernel->gemm(y, ldy, &job->m->w, job->x, first, last);
    for (int i = -CHECK_GUARD; i < elements + CHECK_GUARD; i++) {
        const bool inside = i >= 0 && i < elements && i % ldy >= first && i % ldy < last;
        if (!inside && !check_is_poison(y[i]))
            check_fail("wrote y[%d], ldy %d, rows [%d, %d)", i, ldy, first, last);
    }
    for (int t = 0; t < count; t++)
        check_equal(want + t * rows + first, y + t * ldy + first,
                    bound ? bound + t * rows + first : NULL, (size_t)(last - first));
    check_release(mark);
}

static void try_batch(const struct suspect *s, const struct matrix *m, enum weights weights,
                      enum inputs inputs, int count)
{
    const size_t mark = check_mark();
    const int rows = m->w.rows, ldy = rows + 3 * check_below(4);
    const int a = check_below(rows + 1), b = check_below(rows + 1);
    const int first = a < b ? a : b, last = a < b ? b : a;

    const struct acts x = inputs_make(m->family, m->w.cols, count, inputs);
    float *want = check_alloc((size_t)count * (size_t)rows * sizeof *want);
    const double *bound = linear_bound(m, &x);
    void *memory = check_alloc(gemm_share_bytes(m->w.cols, count));
    const struct acts shared = gemm_share(&x, memory, m->w.cols);
    const struct job jobs[] = { { s, m, &x, ldy }, { s, m, &shared, ldy } };

    kernel_pick(s->family, 0)->gemm(want, rows, &m->w, &x, 0, rows);
    for (int i = 0; i < 2; i++) {
        const struct job *job = &jobs[i];
        check_context("%dx%d, weights %s, inputs %s and on, %d tokens, %s, ldy %d, rows [%d, %d)",
                      rows, m->w.cols, weights_names[weights], inputs_names[inputs], count,
                      job->x->shared ? "shared" : "a call's own", ldy, first, last);
        try_range(job, want, bound, first, last);
        try_range(job, want, bound, 0, rows);
    }
    check_release(mark);
}

static void try_shape(const struct suspect *s, int rows, int cols)
{
    const int padded = (rows + PANEL_ROWS - 1) / PANEL_ROWS * PANEL_ROWS;
    const long most = check_brief() && s->family->act == ACT_F32 ? WORK_BRIEF : WORK_MAX;

    for (int weights = 0; weights < WEIGHTS_COUNT; weights++) {
        if (!matrix_has(s->family, (enum weights)weights))
            continue;
        check_context("%dx%d", rows, cols);
        const struct matrix m = matrix_make(s->family, rows, cols, (enum weights)weights);
        const bool random = weights == WEIGHTS_RANDOM;
        const bool largest = weights == WEIGHTS_PLUS || weights == WEIGHTS_MAX;
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            const long work = (long)padded * cols * batches[b];
            if (work > most)
                continue;
            if (random || work <= WORK_LITTLE)
                try_batch(s, &m, (enum weights)weights, INPUTS_RANDOM, batches[b]);
            if (largest || work <= WORK_LITTLE)
                try_batch(s, &m, (enum weights)weights, INPUTS_PLUS, batches[b]);
        }
        check_release(0);
    }
}

void check_gemm_body(const void *suspect)
{
    const struct suspect *s = suspect;

    gemm_caches(SMALL_CACHE, SMALL_CACHE); /* many blocks of tokens and of columns */
    try_shape(s, 48, 1000);
    try_shape(s, 17, 3000);
    gemm_caches(32 * 1024, 512 * 1024);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
        for (size_t r = 0; r < sizeof row_counts / sizeof *row_counts; r++)
            if (row_counts[r] <= columns[c].rows_max)
                try_shape(s, row_counts[r], columns[c].cols);
}

void check_gemm(void)
{
    check_kernels("gemm", check_gemm_body);
}
