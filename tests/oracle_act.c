/* SPDX-License-Identifier: MIT
 *
 * The first step of truth for what is between linear layers: the C activation kernels against
 * reference/. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/act/act.h"
#include "kernels/kernel.h"
#include "reference/reference.h"
#include "tests/check.h"

static const int lengths[] = { 1, 7, 16, 33, 5460, 45568 };
enum { LENGTHS = sizeof lengths / sizeof *lengths };
static const double BOUND = 2e-6;    /* of the largest element, as between instruction sets */
static const double NOTHING = 1e-30; /* as good as zero: silu far below zero */

static float *reals(int n, double magnitude)
{
    float *x = check_alloc((size_t)n * sizeof *x);

    for (int i = 0; i < n; i++)
        x[i] = (float)(magnitude * check_real());
    return x;
}

static double *doubles(const float *x, int n)
{
    double *d = check_alloc((size_t)n * sizeof *d);

    for (int i = 0; i < n; i++)
        d[i] = x ? (double)x[i] : 0;
    return d;
}

static void compare(const double *want, const float *got, int n, double bound)
{
    double largest = 0;

    for (int i = 0; i < n; i++)
        largest = fmax(largest, fabs(want[i]));
    for (int i = 0; i < n; i++)
        if (!(fabs(want[i] - (double)got[i]) <= bound * largest + NOTHING))
            check_fail("element %d is %.9g, the reference %.17g, off by %g of %g", i,
                       (double)got[i], want[i], fabs(want[i] - (double)got[i]) / largest, bound);
}

/* ---- quantise ---- */

/* A float may fall on the other side of a tie that it is this close to, in units of a code. */
static const double NEAR_TIE = 3e-5;

static void try_quantise(const float *x, int n)
{
    const int padded = padded_cols(n) + 3;
    int8_t *got = check_alloc((size_t)padded), *want = check_alloc((size_t)n);
    double scale, *d = doubles(x, n);
    float got_scale;
    int32_t got_sum, sum = 0;

    ref_quantize_absmax(want, &scale, d, (size_t)n);
    act_pick(0)->quantise(got, &got_scale, &got_sum, x, n, padded);
    if (fabs((double)got_scale / scale - 1) > 1e-7)
        check_fail("scale is %.9g, the reference %.17g", (double)got_scale, scale);
    for (int i = 0; i < n; i++) {
        const double exact = d[i] / scale, tie = fabs(fabs(exact - trunc(exact)) - 0.5);
        if (got[i] != want[i] && (abs(got[i] - want[i]) > 1 || tie > NEAR_TIE))
            check_fail("%.9g becomes %d, the reference %d from %.9g", d[i], got[i], want[i], exact);
        sum += got[i];
    }
    if (sum != got_sum)
        check_fail("sum is %d, its elements' %d", got_sum, sum);
    for (int i = n; i < padded; i++)
        check_that(got[i] == 0);
}

static void quantise(const void *unused)
{
    static const double magnitudes[] = { 0, 1e-38, 9e-6, 1.1e-5, 1, 1e4, 3e38 };

    (void)unused;
    for (int i = 0; i < LENGTHS; i++)
        for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++) {
            check_context("n %d, |x| up to %g", lengths[i], magnitudes[m]);
            try_quantise(reals(lengths[i], magnitudes[m]), lengths[i]);
            check_release(0);
        }
}

/* With the largest 127 the factor is 1, and nothing but the rounding is in question. */
static void quantise_ties(const void *unused)
{
    enum { N = 255 };
    float x[N], scale;
    int8_t q[N + 1], want[N];
    double d[N], want_scale;
    int32_t sum;

    (void)unused;
    for (int i = 0; i < N; i++)
        d[i] = x[i] = i == 0 ? 127 : (float)i - 127.5f;
    ref_quantize_absmax(want, &want_scale, d, N);
    act_pick(0)->quantise(q, &scale, &sum, x, N, N + 1);
    for (int i = 0; i < N; i++)
        if (q[i] != want[i])
            check_fail("%g becomes %d, not %d", d[i], q[i], want[i]);
    check_that(scale == 1);
}

/* ---- norm, gates, residual ---- */

static void rmsnorm(const void *unused)
{
    static const double magnitudes[] = { 0, 1e-6, 1, 1e4, 1e12 };

    (void)unused;
    for (int i = 0; i < LENGTHS; i++)
        for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++) {
            const int n = lengths[i];
            const float eps = 1e-5f;
            check_context("n %d, |x| up to %g", n, magnitudes[m]);
            const float *x = reals(n, magnitudes[m]), *gain = reals(n, 2);
            float *got = check_alloc((size_t)n * sizeof *got);
            double *want = doubles(NULL, n);

            ref_rmsnorm(want, doubles(x, n), doubles(gain, n), n, (double)eps);
            act_pick(0)->rmsnorm(got, x, gain, n, eps);
            compare(want, got, n, BOUND);
            check_release(0);
        }
}

static void gates(const void *unused)
{
    static const double magnitudes[] = { 0, 1e-3, 1, 10, 100, 1e4 };

    (void)unused;
    for (int i = 0; i < LENGTHS; i++)
        for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++) {
            const int n = lengths[i];
            const float *gate = reals(n, magnitudes[m]), *up = reals(n, 3);
            float *got = check_alloc((size_t)n * sizeof *got);
            double *want = doubles(NULL, n);

            check_context("silu, n %d, |gate| up to %g", n, magnitudes[m]);
            ref_swiglu(want, doubles(gate, n), doubles(up, n), n);
            act_pick(0)->silu(got, gate, up, n);
            compare(want, got, n, BOUND);
            check_context("relu2, n %d, |gate| up to %g", n, magnitudes[m]);
            ref_relu2(want, doubles(gate, n), doubles(up, n), n);
            act_pick(0)->relu2(got, gate, up, n);
            compare(want, got, n, BOUND);
            check_release(0);
        }
}

static void add(const void *unused)
{
    enum { N = 33 };
    const float *x = reals(N, 2);
    float *y = reals(N, 2);
    const double *before = doubles(y, N);

    (void)unused;
    act_pick(0)->add(y, x, N);
    for (int i = 0; i < N; i++)
        check_that(y[i] == (float)(before[i] + (double)x[i]));
}

/* ---- attention ---- */

/* Keys or values for act, and as the reference wants them: (positions, dim). */
static void *random_rows(enum kv_type type, int dim, int positions, int stride, float **scale,
                         double *real)
{
    const size_t n = (size_t)(positions * stride);
    uint16_t *half = check_alloc(n * sizeof *half);
    int8_t *q8 = check_alloc(n);

    *scale = check_alloc((size_t)positions * sizeof **scale);
    memset(half, 0, n * sizeof *half);
    memset(q8, 0, n);
    for (int p = 0; p < positions; p++) {
        (*scale)[p] = (float)((1.5 + check_real()) / 127);
        for (int i = 0; i < dim; i++) {
            const int at = p * stride + i;
            half[at] = ref_f16_encode(2 * check_real());
            q8[at] = (int8_t)(127 * check_real());
            real[p * dim + i] =
                type == KV_F16 ? ref_f16_decode(half[at]) : (double)(*scale)[p] * q8[at];
        }
    }
    return type == KV_F16 ? (void *)half : q8;
}

static void try_attend(enum kv_type type, int dim, int positions, double magnitude)
{
    const int stride = (dim + 7) / 8 * 8;
    struct attend a = { .stride = stride, .scale = (float)(1 / sqrt(dim)) };
    float *q = reals(stride, magnitude), *k_scale, *v_scale;
    double *k = doubles(NULL, positions * dim), *v = doubles(NULL, positions * dim);
    double *want = doubles(NULL, dim), *scores = doubles(NULL, positions);
    float *got = check_alloc((size_t)stride * sizeof *got);
    float *scratch = check_alloc((size_t)positions * sizeof *scratch);

    check_context("%s, head of %d, %d positions, |q| up to %g", kv_names[type], dim, positions,
                  magnitude);
    memset(q + dim, 0, (size_t)(stride - dim) * sizeof *q);
    a.k = random_rows(type, dim, positions, stride, &k_scale, k);
    a.v = random_rows(type, dim, positions, stride, &v_scale, v);
    a.k_scale = type == KV_F16 ? NULL : k_scale;
    a.v_scale = type == KV_F16 ? NULL : v_scale;
    ref_attention(want, doubles(q, dim), k, v, 1, 1, dim, positions, scores);
    act_pick(0)->attend[type](got, q, &positions, 1, &a, scratch);
    /* A score s carries an error of some 2^-24 |s| into its exponential. */
    compare(want, got, dim, BOUND * fmax(1, 2 * magnitude));
    for (int i = dim; i < stride; i++)
        check_that(got[i] == 0);
    check_release(0);
}

static void attend(const void *unused)
{
    static const int dims[] = { 8, 10, 64, 100, 128 };
    static const int positions[] = { 1, 2, 9, 513 };
    static const double magnitudes[] = { 0, 1, 20 };

    (void)unused;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
        for (size_t p = 0; p < sizeof positions / sizeof *positions; p++)
            for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++)
                for (int type = 0; type < KV_TYPES; type++)
                    try_attend((enum kv_type)type, dims[d], positions[p], magnitudes[m]);
}

/* ---- rotation ---- */

static void rotate(const void *unused)
{
    enum { HEADS = 3, DIM = 10 };
    static const int positions[] = { 0, 1, 7, 2047 };

    (void)unused;
    for (size_t p = 0; p < sizeof positions / sizeof *positions; p++) {
        float *x = reals(HEADS * DIM, 2), cosine[DIM / 2], sine[DIM / 2];
        double *want = doubles(x, HEADS * DIM);

        check_context("position %d", positions[p]);
        for (int i = 0; i < DIM / 2; i++) {
            const double angle = positions[p] * pow(10000, -2.0 * i / DIM);
            cosine[i] = (float)cos(angle);
            sine[i] = (float)sin(angle);
        }
        ref_rope(want, HEADS, DIM, positions[p], 10000);
        act_pick(0)->rotate(x, HEADS, DIM, cosine, sine);
        compare(want, x, HEADS * DIM, BOUND);
    }
}

/* ---- FP16 ---- */

static void from_f16(const void *unused)
{
    (void)unused;
    for (int i = 0; i < 65536; i++) {
        const uint16_t half = (uint16_t)i;
        const double want = ref_f16_decode(half);
        float got;

        act_pick(0)->from_f16(&got, &half, 1);
        check_context("%04x", (unsigned)half);
        check_that(got == f16_to_f32(half) || isnan(got));
        check_that(isnan(want) ? isnan(got)
                               : (double)got == want && !signbit(got) == !signbit(want));
    }
}

static void try_to_f16(float x)
{
    const uint16_t want = ref_f16_encode((double)x), got = f32_to_f16(x);
    uint16_t act;

    act_pick(0)->to_f16(&act, &x, 1);
    if (got != act)
        check_fail("%a: to_f16 has %04x, f32_to_f16 %04x", (double)x, act, got);
    if (isnan(x) ? (got & 0x7fff) <= 0x7c00 : got != want)
        check_fail("%a becomes %04x, the reference %04x", (double)x, got, want);
}

static void to_f16(const void *unused)
{
    (void)unused;
    for (int i = 0; i < 0x7c00; i++) { /* every number, the middle to the next, and beside it */
        const double next = i == 0x7bff ? 65536 : ref_f16_decode((uint16_t)(i + 1));
        const double low = ref_f16_decode((uint16_t)i);
        const float middle = (float)((low + next) / 2);

        for (int sign = -1; sign <= 1; sign += 2) {
            try_to_f16((float)(sign * low));
            try_to_f16((float)sign * middle);
            try_to_f16((float)sign * nextafterf(middle, 0));
            try_to_f16((float)sign * nextafterf(middle, INFINITY));
        }
    }
    for (int i = 0; i < 1000000; i++) {
        const uint32_t bits = (uint32_t)check_random();
        float x;
        memcpy(&x, &bits, sizeof x);
        try_to_f16(x);
    }
}

static void group(void)
{
    check_run(CHECK_PASSES, quantise, NULL, "oracle: act_quantise_c");
    check_run(CHECK_PASSES, quantise_ties, NULL, "oracle: act_quantise_c, ties");
    check_run(CHECK_PASSES, rmsnorm, NULL, "oracle: act_rmsnorm_c");
    check_run(CHECK_PASSES, gates, NULL, "oracle: act_silu_c, act_relu2_c");
    check_run(CHECK_PASSES, add, NULL, "oracle: act_add_c");
    check_run(CHECK_PASSES, attend, NULL, "oracle: attend_f16_c, attend_i8_c");
    check_run(CHECK_PASSES, rotate, NULL, "oracle: act_rotate_c");
    check_run(CHECK_PASSES, from_f16, NULL, "oracle: act_from_f16_c");
    check_run(CHECK_PASSES, to_f16, NULL, "oracle: act_to_f16_c");
}

int main(int argc, char **argv)
{
    static check_group *const groups[] = { group, NULL };

    return check_main(argc, argv, groups);
}
