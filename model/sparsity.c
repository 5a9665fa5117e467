/* SPDX-License-Identifier: MIT */
#include "model/sparsity.h"
#include <math.h>

const char *const distribution_names[DISTRIBUTIONS] = { "gaussian", "laplace", "uniform" };

const char *const sparsity_formulas[DISTRIBUTIONS] = { "erf(t / sqrt(pi))", "1 - exp(-t)",
                                                       "min(1, t / 2)" };

/* mean|w| is sigma sqrt(2 / pi), the scale of Laplace, half of the largest: t times that into each
 * distribution of |w|. */
double sparsity_share(enum distribution d, double threshold)
{
    switch (d) {
    case DISTRIBUTION_GAUSSIAN:
        return erf(threshold / sqrt(acos(-1)));
    case DISTRIBUTION_LAPLACE:
        return 1 - exp(-threshold);
    default:
        return fmin(1, threshold / 2);
    }
}

/* In (0, 1): the middle of one of 2^53 equal parts (splitmix64). */
static double random_part(uint64_t seed, uint64_t k)
{
    uint64_t x = seed + (k + 1) * 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return ((double)(x >> 11) + 0.5) * 0x1p-53;
}

double sparsity_weight(enum distribution d, uint64_t seed, int k)
{
    const double a = random_part(seed, 2 * (uint64_t)k), b = random_part(seed, 2 * (uint64_t)k + 1);

    switch (d) {
    case DISTRIBUTION_GAUSSIAN: /* Box and Muller */
        return sqrt(-2 * log(a)) * cos(2 * acos(-1) * b);
    case DISTRIBUTION_LAPLACE:
        return b < 0.5 ? log(a) : -log(a);
    default:
        return 2 * a - 1;
    }
}

void sparsity_sample(double *share, const double *threshold, int count, enum distribution d,
                     uint64_t seed, int n)
{
    double sum = 0;

    for (int k = 0; k < n; k++)
        sum += fabs(sparsity_weight(d, seed, k));
    for (int i = 0; i < count; i++)
        share[i] = 0;
    for (int k = 0; k < n; k++) {
        const double magnitude = fabs(sparsity_weight(d, seed, k)) / (sum / n);
        for (int i = 0; i < count; i++)
            share[i] += magnitude <= threshold[i];
    }
    for (int i = 0; i < count; i++)
        share[i] /= n;
}
