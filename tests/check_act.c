/* SPDX-License-Identifier: MIT
 *
 * Every activation kernel against C: the quantiser, the sum and the FP16 conversions bit for bit,
 * the others within the bound that act.h states. */
#include "tests/check_act.h"
#include <float.h>
#include <math.h>
#include <string.h>
#include "kernels/act/act.h"
#include "kernels/kernel.h"
#include "tests/check_isa.h"

static const int lengths[] = { 1, 7, 8, 9, 15, 31, 32, 33, 100, 5460, 45568 };
enum { LENGTHS = sizeof lengths / sizeof *lengths };
static const double BOUND = 2e-6;    /* of the largest element: act.h */
static const double NOTHING = 1e-30; /* as good as zero: silu far below zero */

static const struct act_kernels *act_c(void)
{
    return act_pick(0);
}

static float *floats(int n)
{
    return check_alloc((size_t)n * sizeof(float));
}

static float *reals(int n, double magnitude)
{
    float *x = floats(n);

    for (int i = 0; i < n; i++)
        x[i] = (float)(magnitude * check_real());
    return x;
}

static float *copy(const float *x, int n)
{
    return memcpy(floats(n), x, (size_t)n * sizeof *x);
}

/* got is an output of check_poisoned(n): within `share` of the largest element, or the same bits
 * with a share of 0; and nothing written around it. */
static void verify(const float *want, const float *got, int n, double share)
{
    double *bound = NULL;
    float largest = 0;

    if (share > 0) {
        bound = check_alloc((size_t)n * sizeof *bound);
        for (int i = 0; i < n; i++)
            largest = fmaxf(largest, fabsf(want[i]));
        for (int i = 0; i < n; i++)
            bound[i] = share * (double)largest + NOTHING;
    }
    for (int i = 1; i <= CHECK_GUARD; i++)
        if (!check_is_poison(got[-i]) || !check_is_poison(got[n - 1 + i]))
            check_fail("wrote outside of its %d elements", n);
    check_equal(want, got, bound, (size_t)n);
}

/* ---- quantise ---- */

static const struct {
    const char *name;
    double magnitude; /* of random elements; 0: see fill_quantise */
} quantise_fills[] = {
    { "random", 4 },        { "zeros", 0 },
    { "halves", 0 },        { "quarters", 0 },
    { "outlier", 0 },       { "negative", 0 },
    { "below 1e-5", 9e-6 }, { "just above 1e-5", 1.01e-5 },
    { "subnormal", 1e-40 }, { "huge", 3e38 },
    { "a NaN", 0 },         { "infinity", 0 },
};

static void fill_quantise(float *x, int n, size_t fill)
{
    const char *name = quantise_fills[fill].name;
    const double magnitude = quantise_fills[fill].magnitude;

    for (int i = 0; i < n; i++)
        if (magnitude > 0)
            x[i] = (float)(magnitude * check_real());
        else if (!strcmp(name, "halves")) /* half way between two codes when the largest is 127 */
            x[i] = i == n / 2 ? 127.0f : (float)check_below(254) - 126.5f;
        else if (!strcmp(name, "quarters")) /* ... and when it is 63.5 */
            x[i] = i == n / 2 ? -63.5f : ((float)check_below(254) - 126.5f) / 2;
        else if (!strcmp(name, "negative") || !strcmp(name, "zeros"))
            x[i] = !strcmp(name, "negative") ? -3.0f : 0.0f;
        else /* one that is not like the others */
            x[i] = i != n / 2                  ? (float)check_real()
                   : !strcmp(name, "a NaN")    ? NAN
                   : !strcmp(name, "infinity") ? INFINITY
                                               : 1000.0f;
}

static void try_quantise(const struct act_kernels *k, int n, int padded, size_t fill)
{
    check_context("n %d, padded %d, %s", n, padded, quantise_fills[fill].name);
    float *x = floats(n), want_scale, scale = -1;
    int8_t *want = check_alloc((size_t)padded), *q = check_guarded((size_t)padded);
    int32_t want_sum, sum = -1;

    fill_quantise(x, n, fill);
    act_c()->quantise(want, &want_scale, &want_sum, x, n, padded);
    k->quantise(q, &scale, &sum, x, n, padded);
    check_guards(q, (size_t)padded);
    for (int i = 0; i < padded; i++)
        if (want[i] != q[i])
            check_fail("q[%d] want %d got %d", i, want[i], q[i]);
    check_equal(&want_scale, &scale, NULL, 1);
    if (want_sum != sum)
        check_fail("sum want %d got %d", want_sum, sum);
    check_release(0);
}

void check_quantise_body(const void *kernels)
{
    for (int i = 0; i < LENGTHS; i++)
        for (size_t fill = 0; fill < sizeof quantise_fills / sizeof *quantise_fills; fill++) {
            try_quantise(kernels, lengths[i], padded_cols(lengths[i]), fill);
            try_quantise(kernels, lengths[i], padded_cols(lengths[i]) + ACT_BLOCK, fill);
        }
}

/* ---- norm, gates, residual ---- */

static void try_rmsnorm(const struct act_kernels *k, int n, double magnitude)
{
    check_context("n %d, |x| up to %g", n, magnitude);
    const float *gain = reals(n, 2), *x = reals(n, magnitude);
    float *want = floats(n), *got = check_poisoned((size_t)n), *in_place;

    act_c()->rmsnorm(want, x, gain, n, 1e-5f);
    k->rmsnorm(got, x, gain, n, 1e-5f);
    verify(want, got, n, BOUND);
    in_place = memcpy(check_poisoned((size_t)n), x, (size_t)n * sizeof *x);
    k->rmsnorm(in_place, in_place, gain, n, 1e-5f);
    verify(want, in_place, n, BOUND);
    check_release(0);
}

void check_rmsnorm_body(const void *kernels)
{
    static const double magnitudes[] = { 0, 1e-6, 1, 1e4, 1e12 };

    for (int i = 0; i < LENGTHS; i++)
        for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++)
            try_rmsnorm(kernels, lengths[i], magnitudes[m]);
}

static void try_gate(gate_fn *reference, gate_fn *fn, const char *name, int n, double magnitude)
{
    check_context("%s, n %d, |gate| up to %g", name, n, magnitude);
    const float *gate = reals(n, magnitude), *up = reals(n, 3);
    float *want = floats(n), *got = check_poisoned((size_t)n), *in_place;

    reference(want, gate, up, n);
    fn(got, gate, up, n);
    verify(want, got, n, BOUND);
    in_place = memcpy(check_poisoned((size_t)n), gate, (size_t)n * sizeof *gate);
    fn(in_place, in_place, up, n);
    verify(want, in_place, n, BOUND);
    check_release(0);
}

void check_gates_body(const void *kernels)
{
    static const double magnitudes[] = { 0, 1e-3, 1, 10, 100, 1e4 }; /* exp(100) is no float */
    const struct act_kernels *k = kernels;

    for (int i = 0; i < LENGTHS; i++)
        for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++) {
            try_gate(act_c()->silu, k->silu, "silu", lengths[i], magnitudes[m]);
            try_gate(act_c()->relu2, k->relu2, "relu2", lengths[i], magnitudes[m]);
        }
}

void check_add_body(const void *kernels)
{
    const struct act_kernels *k = kernels;

    for (int i = 0; i < LENGTHS; i++) {
        const int n = lengths[i];
        check_context("n %d", n);
        const float *x = reals(n, 3), *y = reals(n, 3);
        float *want = copy(y, n);
        float *got = memcpy(check_poisoned((size_t)n), y, (size_t)n * sizeof *y);

        act_c()->add(want, x, n);
        k->add(got, x, n);
        verify(want, got, n, 0);
        check_release(0);
    }
}

/* ---- rotation ---- */

static void try_rotate(const struct act_kernels *k, int heads, int dim)
{
    check_context("%d heads of %d", heads, dim);
    const int n = heads * dim;
    const float *cosine = reals(dim / 2, 1), *sine = reals(dim / 2, 1), *x = reals(n, 3);
    float *want = copy(x, n);
    float *got = memcpy(check_poisoned((size_t)n), x, (size_t)n * sizeof *x);

    act_c()->rotate(want, heads, dim, cosine, sine);
    k->rotate(got, heads, dim, cosine, sine);
    verify(want, got, n, 0);
    check_release(0);
}

void check_rotate_body(const void *kernels)
{
    static const int dims[] = { 2, 8, 10, 14, 64, 100, 128, 256 };

    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
        for (int heads = 1; heads < 6; heads++)
            try_rotate(kernels, heads, dims[d]);
}

/* ---- FP16 ---- */

static bool half_is_nan(uint16_t half)
{
    return (half & 0x7fff) > 0x7c00;
}

/* A float half way between two binary16 numbers, 2^-26 to 65536, or beside it. */
static uint32_t near_tie(void)
{
    const uint32_t low = 0x32800000, high = 0x47800000, step = 0x2000, tie = 0x1000;
    const uint32_t sign = (uint32_t)check_below(2) << 31;

    return sign | (low + step * (uint32_t)check_below((int)((high - low) / step)) + tie - 1 +
                   (uint32_t)check_below(3));
}

static void try_to_f16(const struct act_kernels *k, int n)
{
    check_context("to_f16, n %d", n);
    uint32_t *bits = check_alloc((size_t)n * sizeof *bits);
    float *x = floats(n);
    uint16_t *want = check_alloc((size_t)n * sizeof *want);
    uint16_t *got = check_guarded((size_t)n * sizeof *got);

    for (int i = 0; i < n; i++)
        bits[i] = i % 3 ? near_tie() : (uint32_t)check_random();
    memcpy(x, bits, (size_t)n * sizeof *x);
    act_c()->to_f16(want, x, n);
    k->to_f16(got, x, n);
    check_guards(got, (size_t)n * sizeof *got);
    for (int i = 0; i < n; i++)
        if (want[i] != got[i] && !(half_is_nan(want[i]) && half_is_nan(got[i])))
            check_fail("%a want %04x got %04x", (double)x[i], want[i], got[i]);
    check_release(0);
}

static void try_from_f16(const struct act_kernels *k, int n)
{
    check_context("from_f16, n %d", n);
    uint16_t *x = check_alloc((size_t)n * sizeof *x);
    float *want = floats(n), *got = check_poisoned((size_t)n);

    for (int i = 0; i < n; i++)
        x[i] = (uint16_t)i;
    act_c()->from_f16(want, x, n);
    k->from_f16(got, x, n);
    for (int i = 0; i < n; i++)
        if (isnan(want[i]) && isnan(got[i]))
            got[i] = want[i]; /* a NaN's payload is not promised */
    verify(want, got, n, 0);
    check_release(0);
}

void check_f16_body(const void *kernels)
{
    for (int i = 0; i < LENGTHS; i++) {
        try_to_f16(kernels, lengths[i]);
        try_from_f16(kernels, lengths[i]);
    }
    try_from_f16(kernels, 65536); /* every number there is */
}

/* ---- the group ---- */

struct timed {
    const struct act_kernels *k;
    float *y, *x, *gain;
    int8_t *q;
    int n;
};

static void call_quantise(void *arg)
{
    const struct timed *t = arg;
    float scale;
    int32_t sum;

    t->k->quantise(t->q, &scale, &sum, t->x, t->n, t->n);
}

static void call_rmsnorm(void *arg)
{
    const struct timed *t = arg;

    t->k->rmsnorm(t->y, t->x, t->gain, t->n, 1e-5f);
}

static void call_silu(void *arg)
{
    const struct timed *t = arg;

    t->k->silu(t->y, t->x, t->gain, t->n);
}

static void call_relu2(void *arg)
{
    const struct timed *t = arg;

    t->k->relu2(t->y, t->x, t->gain, t->n);
}

static void time_body(const void *kernels)
{
    static const struct {
        const char *name;
        void (*fn)(void *);
    } calls[] = { { "quantise", call_quantise },
                  { "rmsnorm", call_rmsnorm },
                  { "silu", call_silu },
                  { "relu2", call_relu2 } };
    enum { N = 8640 };
    struct timed t = { .k = kernels, .x = reals(N, 4), .gain = reals(N, 1), .n = N };

    t.y = floats(N);
    t.q = check_alloc(N);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        check_context("timing %s", calls[i].name);
        const double ns = check_time(calls[i].fn, &t);
        if (ns > 0)
            check_note("act_%s_%s %d elements %.0f ns %.2f GB/s", calls[i].name, t.k->isa, N, ns,
                       N * (double)sizeof(float) / ns);
    }
}

void check_act(void)
{
    static const struct {
        const char *name;
        check_body *body;
    } bodies[] = { { "quantise", check_quantise_body },
                   { "rmsnorm", check_rmsnorm_body },
                   { "gates", check_gates_body },
                   { "add", check_add_body },
                   { "rotate", check_rotate_body },
                   { "f16", check_f16_body },
                   { "time", time_body } };

    for (const struct act_kernels *k = act_kernels;; k++) {
        const char *why_not = check_why_not(k->needs);
        for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
            if (why_not)
                check_skip(why_not, "act_%s_%s", bodies[i].name, k->isa);
            else
                check_run(CHECK_PASSES, bodies[i].body, k, "act_%s_%s", bodies[i].name, k->isa);
        if (!k->needs)
            break;
    }
}
