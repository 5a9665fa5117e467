/* SPDX-License-Identifier: MIT
 *
 * Attention against C, within the bound that attend.h states, and against itself: what a query
 * gets does not depend on those beside it. */
#include <math.h>
#include <string.h>
#include "kernels/act/act.h"
#include "tests/check_act.h"
#include "tests/check_isa.h"

static const double BOUND = 2e-6; /* of the largest element */

struct problem {
    enum kv_type type;
    int dim, count, positions[ATTEND_QUERIES];
    double magnitude; /* of the queries */
};

/* Keys or values: (positions, stride), and their scales. */
static void *random_rows(const struct problem *p, int stride, float **scale)
{
    const int rows = p->positions[p->count - 1];
    const bool half = p->type == KV_F16;
    char *x = check_alloc((size_t)(rows * stride) * (half ? sizeof(uint16_t) : sizeof(int8_t)));

    *scale = half ? NULL : check_alloc((size_t)rows * sizeof **scale);
    for (int r = 0; r < rows; r++) {
        for (int i = 0; i < stride; i++) {
            const double real = i < p->dim ? check_real() : 0;
            if (half)
                ((uint16_t *)x)[r * stride + i] = f32_to_f16((float)(2 * real));
            else
                ((int8_t *)x)[r * stride + i] = (int8_t)(127 * real);
        }
        if (!half)
            (*scale)[r] = (float)((1.5 + check_real()) / 127);
    }
    return x;
}

static float *random_queries(const struct problem *p, int stride)
{
    float *q = check_alloc((size_t)(p->count * stride) * sizeof *q);

    for (int i = 0; i < p->count * stride; i++)
        q[i] = i % stride < p->dim ? (float)(p->magnitude * check_real()) : 0;
    return q;
}

/* The largest |score|: an error of 2^-24 of it goes into the exponential, whatever the kernel. */
static double steepest(const float *q, const struct attend *a, int positions)
{
    double largest = 0;

    for (int p = 0; p < positions; p++) {
        double score = 0;
        for (int i = 0; i < a->stride; i++) {
            const int at = p * a->stride + i;
            const float k = a->k_scale ? (float)((const int8_t *)a->k)[at] * a->k_scale[p]
                                       : f16_to_f32(((const uint16_t *)a->k)[at]);
            score += (double)q[i] * (double)k;
        }
        largest = fmax(largest, fabs(score) * (double)a->scale);
    }
    return largest;
}

static void guards(const float *got, int n, const char *what)
{
    for (int i = 1; i <= CHECK_GUARD; i++)
        if (!check_is_poison(got[-i]) || !check_is_poison(got[n - 1 + i]))
            check_fail("wrote outside of its %d %s", n, what);
}

static void try_attend(const struct act_kernels *k, const struct problem *p)
{
    const int stride = (p->dim + 7) / 8 * 8, n = p->count * stride;
    const int longest = p->positions[p->count - 1];
    struct attend a = { .stride = stride, .scale = (float)(1 / sqrt(p->dim)) };
    float *k_scale, *v_scale, *q = random_queries(p, stride);

    check_context("%s, head of %d, %d queries, %d to %d positions, |q| up to %g", kv_names[p->type],
                  p->dim, p->count, p->positions[0], longest, p->magnitude);
    a.k = random_rows(p, stride, &k_scale);
    a.v = random_rows(p, stride, &v_scale);
    a.k_scale = k_scale;
    a.v_scale = v_scale;
    float *want = check_alloc((size_t)n * sizeof *want), *got = check_poisoned((size_t)n);
    float *alone = check_poisoned((size_t)stride),
          *scores = check_poisoned((size_t)(p->count * longest));
    double *bound = check_alloc((size_t)stride * sizeof *bound);

    act_pick(0)->attend[p->type](want, q, p->positions, p->count, &a, scores);
    k->attend[p->type](got, q, p->positions, p->count, &a, scores);
    guards(got, n, "elements");
    guards(scores, p->count * longest, "scores");
    for (int j = 0; j < p->count; j++) {
        const double steep = fmax(1, steepest(q + j * stride, &a, p->positions[j]));
        float largest = 0;
        for (int i = 0; i < stride; i++)
            largest = fmaxf(largest, fabsf(want[j * stride + i]));
        for (int i = 0; i < stride; i++)
            bound[i] = BOUND * steep * (double)largest;
        check_equal(want + j * stride, got + j * stride, bound, (size_t)stride);
        k->attend[p->type](alone, q + j * stride, &p->positions[j], 1, &a, scores);
        check_equal(alone, got + j * stride, NULL, (size_t)stride);
    }
    check_release(0);
}

/* With --brief more are tried with one query and with all, of one magnitude. */
enum { BRIEF_POSITIONS = 512 };

void check_attend_body(const void *kernels)
{
    static const int dims[] = { 8, 10, 64, 80, 100, 128, 256 };
    static const int positions[] = { 1, 2, 7, 8, 9, 100, 513, 2049 };
    static const double magnitudes[] = { 0, 1, 20 }; /* 20: one position has nearly all weight */
    const bool brief = check_brief();

    for (int type = 0; type < KV_TYPES; type++)
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
            for (size_t at = 0; at < sizeof positions / sizeof *positions; at++)
                for (int i = 0; i < 12; i++) {
                    struct problem p = { .type = (enum kv_type)type,
                                         .dim = dims[d],
                                         .count = 1 + i % ATTEND_QUERIES,
                                         .magnitude = magnitudes[i / ATTEND_QUERIES] };
                    if (brief && positions[at] > BRIEF_POSITIONS &&
                        (p.magnitude != 1 || (p.count > 1 && p.count < ATTEND_QUERIES)))
                        continue;
                    for (int j = 0; j < p.count; j++) /* causal, or heads of one token */
                        p.positions[j] = positions[at] + (d % 2 ? j : 0);
                    try_attend(kernels, &p);
                }
}

/* ---- timing: one query a head, heads enough to defeat the caches ---- */

enum { TIMED_HEADS = 128, TIMED_DIM = 128, TIMED_POSITIONS = 2048 };

struct timed {
    const struct act_kernels *k;
    enum kv_type type;
    size_t heads;
    float *q, *out, *scores, *scale;
    char *rows;
};

static size_t timed_bytes(enum kv_type type)
{
    return (size_t)TIMED_POSITIONS * TIMED_DIM * (type == KV_F16 ? 2 : 1);
}

static void call_attend(void *arg)
{
    static const int positions = TIMED_POSITIONS;
    const struct timed *t = arg;
    const size_t bytes = timed_bytes(t->type);

    for (size_t h = 0; h < t->heads; h++) {
        const struct attend a = { .k = t->rows + 2 * h * bytes,
                                  .v = t->rows + (2 * h + 1) * bytes,
                                  .k_scale = t->scale,
                                  .v_scale = t->scale,
                                  .stride = TIMED_DIM,
                                  .scale = 0.1f };
        t->k->attend[t->type](t->out, t->q, &positions, 1, &a, t->scores);
    }
}

static void time_attend(const void *kernels)
{
    for (int type = 0; type < KV_TYPES; type++) {
        const size_t heads = (size_t)check_timed(TIMED_HEADS);
        const size_t bytes = 2 * heads * timed_bytes((enum kv_type)type);
        struct timed t = { .k = kernels,
                           .type = (enum kv_type)type,
                           .heads = heads,
                           .q = check_alloc(TIMED_DIM * sizeof(float)),
                           .out = check_alloc(TIMED_DIM * sizeof(float)),
                           .scores = check_alloc(TIMED_POSITIONS * sizeof(float)),
                           .scale = check_alloc(TIMED_POSITIONS * sizeof(float)),
                           .rows = check_alloc(bytes) };
        memset(t.rows, 0x11, bytes);
        memset(t.q, 0, TIMED_DIM * sizeof(float));
        memset(t.scale, 0, TIMED_POSITIONS * sizeof(float));
        check_context("timing %s", kv_names[type]);
        const double ns = check_time(call_attend, &t);
        if (ns > 0)
            check_note("attend_%s_%s %d heads, %d positions %.0f ns %.2f GB/s", kv_names[type],
                       t.k->isa, (int)heads, TIMED_POSITIONS, ns, (double)bytes / ns);
    }
}

void check_attend(void)
{
    for (const struct act_kernels *k = act_kernels;; k++) {
        const char *why_not = check_why_not(k->needs);
        if (check_emulator() && !k->needs)
            break; /* C against itself */
        if (why_not) {
            check_skip(why_not, "attend_%s", k->isa);
        } else {
            check_run(CHECK_PASSES, check_attend_body, k, "attend_%s", k->isa);
            check_run(CHECK_PASSES, time_attend, k, "attend_time_%s", k->isa);
        }
        if (!k->needs)
            break;
    }
}
