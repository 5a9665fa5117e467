/* SPDX-License-Identifier: MIT
 *
 * Zeros against the quantiser's threshold: the formula, the count, and the reference's quantiser on
 * the same weights. And the router. */
#include <math.h>
#include "model/sparsity.h"
#include "reference/reference.h"
#include "tests/check.h"

enum { N = 1 << 16, SEED = 3, THRESHOLDS = 5 };
static const double thresholds[THRESHOLDS] = { 0.3, 0.5, 1.0, 1.5, 2.5 };

static int zeros_of(const int8_t *code)
{
    int zeros = 0;

    for (int k = 0; k < N; k++)
        zeros += code[k] == 0;
    return zeros;
}

static void shares(const void *arg)
{
    const enum distribution d = *(const enum distribution *)arg;
    double *w = check_alloc(N * sizeof *w), share[THRESHOLDS], scale;
    int8_t *code = check_alloc(N);

    for (int k = 0; k < N; k++)
        w[k] = sparsity_weight(d, SEED, k);
    sparsity_sample(share, thresholds, THRESHOLDS, d, SEED, N);
    for (int i = 0; i < THRESHOLDS; i++) {
        const double p = sparsity_share(d, thresholds[i]), deviation = sqrt(p * (1 - p) / N);
        check_context("threshold %g: %.5f by formula, %.5f counted", thresholds[i], p, share[i]);
        ref_quantize_threshold(code, &scale, w, N, thresholds[i]);
        check_that(fabs(share[i] * N - zeros_of(code)) < 2); /* a weight beside the threshold */
        check_that(fabs(share[i] - p) <= 5 * deviation);
    }
    ref_quantize_absmean(code, &scale, w, N);
    check_that(fabs(share[1] * N - zeros_of(code)) < 2); /* absmean's threshold is 1/2 */
}

/* The largest of all orders, ties to the first; weights of the chosen alone sum up to 1. */
static void router(const void *unused)
{
    static const double logits[] = { 1, 3, -2, 3, 0.5, 3, 2 };
    static const int want[] = { 1, 3, 5, 6, 0, 4, 2 };
    double weight[7];
    int chosen[7];

    (void)unused;
    for (int used = 1; used <= 7; used++) {
        double sum = 0;
        ref_route(chosen, weight, logits, 7, used);
        for (int i = 0; i < used; i++) {
            check_context("%d used, the choice %d is %d", used, i, chosen[i]);
            check_that(chosen[i] == want[i]);
            check_that(fabs(weight[i] / weight[0] - exp(logits[chosen[i]] - 3)) < 1e-12);
            sum += weight[i];
        }
        check_that(fabs(sum - 1) < 1e-12);
    }
}

static void group(void)
{
    for (int d = 0; d < DISTRIBUTIONS; d++) {
        const enum distribution which = (enum distribution)d;
        check_run(CHECK_PASSES, shares, &which, "sparsity: %s", distribution_names[d]);
    }
    check_run(CHECK_PASSES, router, NULL, "reference: the router");
}

int main(int argc, char **argv)
{
    static check_group *const groups[] = { group, NULL };

    return check_main(argc, argv, groups);
}
