/* SPDX-License-Identifier: MIT
 *
 * Whole forward passes as cells: what `model` and `paper` measure. */
#ifndef BENCH_PASSES_H
#define BENCH_PASSES_H

#include <stdbool.h>
#include <stdint.h>
#include "bench/roof.h"
#include "bench/run.h"
#include "model/model.h"

/* A model in memory. */
struct pass_spec {
    const struct shape *shape;
    const struct family *family;
    const struct family *head; /* of the LM head */
    enum kv_type kv;
    const char *isa; /* NULL: the best */
    int resident;    /* layers in memory; fewer than the shape's: cycled */
};

/* The whole model, with the KV cache and the head that the options ask for. */
struct pass_spec pass_spec(const struct config *c, const struct shape *s, const struct family *f,
                           const char *isa);

/* What is timed on it. A prompt of n_prompt tokens, or n_gen decode steps, for each of `parallel`
 * sequences that hold n_depth positions already. One of n_prompt and n_gen is 0. */
struct pass_test {
    int n_prompt, n_gen, n_depth;
    int batch; /* tokens of a forward pass at most */
    int parallel;
    int repetitions, warmup_min, warmup_max;
};

/* Bytes that a model with its session takes for these tests. */
int64_t pass_bytes(const struct pass_spec *spec, const struct pass_test *tests, int count,
                   int threads);

/* What one pass over all layers reads and computes, of one sample. */
int64_t pass_work_bytes(const struct pass_spec *spec, const struct pass_test *test);
int64_t pass_work_ops(const struct pass_spec *spec, const struct pass_test *test);

/* The layers that a cycled model keeps: at least 8 times the last-level cache, two at least, or all
 * of them (truth rule 7). */
int pass_cycled_layers(const struct pass_spec *spec, int64_t llc_bytes);

/* How many of specs[0], specs[1], ... fit into `memory` together; at least 1. */
int pass_group(const struct pass_spec *specs, int count, const struct pass_test *tests,
               int test_count, int threads, int64_t memory);

/* The cell's row of one test, with its predictions; partner: the roof's cell, or 0. */
int64_t pass_cell(struct run *run, const struct pass_spec *spec, const struct pass_test *test,
                  int threads, int64_t predicted_ns, int64_t partner);

/* Builds all specs, checks their kernels, and measures test after test with the formats alternating
 * in each round, and the roof's bandwidth among them. predict (may be NULL) gives the ns of one
 * sample. Errors are in the cells, and in run. */
typedef double pass_predict_fn(const void *arg, const struct pass_spec *spec,
                               const struct pass_test *test);
void pass_measure(struct run *run, struct roof *roof, const struct pass_spec *specs, int count,
                  const struct pass_test *tests, int test_count, pass_predict_fn *predict,
                  const void *predict_arg);

#endif
