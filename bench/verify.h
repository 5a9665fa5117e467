/* SPDX-License-Identifier: MIT
 *
 * No speed without correctness: a kernel computes a part of a real matrix, and the C kernel
 * computes it again. */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include <stddef.h>
#include <stdint.h>
#include "kernels/kernel.h"

/* Random activations for `count` tokens of `cols` columns, f32 and quantised; one allocation behind
 * `memory`, the caller's to free. 0 or -ENOMEM. */
struct verify_acts {
    struct acts acts;
    void *memory;
};
int verify_acts(struct verify_acts *x, int count, int cols, uint64_t seed);

/* GEMV, and GEMM of few tokens and of more than streams take, of the first and the last rows of w,
 * against the C kernel. 0; -EILSEQ with a sentence in why; -ENOMEM. */
int verify_matrix(const struct family *f, const struct kernel *kernel, const struct wmat *w,
                  uint64_t seed, char *why, size_t why_size);

#endif
