/* SPDX-License-Identifier: MIT
 *
 * Matrices and activations that are hard on kernels, and the comparison of a kernel with its
 * family's C kernel on the same packed bytes. All memory is the running test's. */
#ifndef TESTS_CHECK_LINEAR_H
#define TESTS_CHECK_LINEAR_H

#include <stdbool.h>
#include "kernels/kernel.h"
#include "tests/check.h"

enum weights {
    WEIGHTS_RANDOM,
    WEIGHTS_PLUS,  /* all +1 */
    WEIGHTS_MINUS, /* all -1 */
    WEIGHTS_ZERO,
    WEIGHTS_MAX, /* all the largest: f16 65504, i8 127 */
    WEIGHTS_MIN,
    WEIGHTS_TINY, /* f16: among the subnormals */
    WEIGHTS_COUNT
};
extern const char *const weights_names[WEIGHTS_COUNT];

enum inputs {
    INPUTS_RANDOM,
    INPUTS_PLUS,        /* all +127 */
    INPUTS_MINUS,       /* all -127 */
    INPUTS_ALTERNATING, /* +127, -127, ... */
    INPUTS_OUTLIER,     /* one of 127 among 0 and 1 */
    INPUTS_ZERO,
    INPUTS_COUNT
};
extern const char *const inputs_names[INPUTS_COUNT];

struct matrix {
    const struct family *family;
    struct wmat w;
    void *latent;      /* (rows, cols) elements of the family's kind: what was packed */
    double *magnitude; /* (rows, cols) |W|, of float families only, for their bound */
};

/* Whether the family's elements can be filled so, in a way that no other fill is. */
bool matrix_has(const struct family *f, enum weights fill);
/* Integer families get a scale, of the tensor or of each row; f16 has none. */
struct matrix matrix_make(const struct family *f, int rows, int cols, enum weights fill);
double matrix_at(const struct matrix *m, int row, int col);

/* `count` tokens: token t is filled by `fill` + t. Noise from padded_cols(cols) to the stride. */
struct acts inputs_make(const struct family *f, int cols, int count, enum inputs fill);
double inputs_at(const struct acts *x, int token, int col);

/* (tokens, rows): what the family allows, error_per_column * cols * sum over c of
 * |W[r][c] x[t][c]|; NULL when it allows nothing. */
double *linear_bound(const struct matrix *m, const struct acts *x);

/* A kernel and the family that it claims to belong to; the argument of the two bodies. */
struct suspect {
    const struct family *family;
    const struct kernel *kernel;
};

/* Many shapes, fills and row ranges against the family's C kernel. */
check_body check_gemv_body, check_gemm_body;
/* Runs the body for every kernel of every family, "c" included, that this program checks. */
void check_kernels(const char *op, check_body *body);

check_group check_gemv, check_gemm;

#endif
