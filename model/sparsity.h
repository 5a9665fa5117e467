/* SPDX-License-Identifier: MIT
 *
 * How many weights become 0 when a quantiser like b1.58's has another threshold: 0 for
 * |w| <= threshold * mean|w|, else the sign. Absmean itself (b1.58, equations 1 to 3) rounds
 * w / mean|w| and so has a threshold of 1/2. */
#ifndef MODEL_SPARSITY_H
#define MODEL_SPARSITY_H

#include <stdint.h>

enum distribution {
    DISTRIBUTION_GAUSSIAN,
    DISTRIBUTION_LAPLACE,
    DISTRIBUTION_UNIFORM,
    DISTRIBUTIONS
};
extern const char *const distribution_names[DISTRIBUTIONS];
extern const char *const sparsity_formulas[DISTRIBUTIONS]; /* of sparsity_share, t: threshold */

/* The share of zeros of infinitely many weights. */
double sparsity_share(enum distribution d, double threshold);

/* The k-th of a sequence of random weights: mean 0, no particular deviation. */
double sparsity_weight(enum distribution d, uint64_t seed, int k);

/* The same, counted: share[i] of the first n weights at threshold[i], with their own mean. */
void sparsity_sample(double *share, const double *threshold, int count, enum distribution d,
                     uint64_t seed, int n);

#endif
