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
    int positions; /* of each sequence in the cache, all of them filled; 0: what the test needs */
    int repetitions, warmup_min, warmup_max; /* repetitions 0: left out of the plan */
};

/* The session that all of these tests need. */
struct session_plan pass_session(const struct pass_spec *spec, const struct pass_test *tests,
                                 int count);

/* Bytes that a model with its session takes for these tests. */
int64_t pass_bytes(const struct pass_spec *spec, const struct pass_test *tests, int count,
                   int threads);

/* The same of the whole model, also where it is cycled. */
int64_t pass_whole_bytes(const struct pass_spec *spec, const struct pass_test *tests, int count,
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

/* The ISA of its kernels. */
const char *pass_isa(const struct pass_spec *spec, unsigned cpu);

/* The cell's row of one test, with its predictions; partner: the roof's cell, or 0. */
int64_t pass_cell(struct run *run, const struct pass_spec *spec, const struct pass_test *test,
                  int threads, int64_t predicted_ns, int64_t partner, const char *item);

enum { PASS_SPECS_MAX = 32, PASS_TESTS_MAX = 64 };

/* Models of one shape that are measured together, and the tests. */
struct pass_block {
    int spec_count, test_count;
    struct pass_spec specs[PASS_SPECS_MAX];
    struct pass_test tests[PASS_TESTS_MAX];
    int64_t build_ns[PASS_SPECS_MAX];                     /* predicted; 0: not known */
    int64_t predicted_ns[PASS_TESTS_MAX][PASS_SPECS_MAX]; /* of a sample */
    const char *item;                                     /* of the cells, or NULL */
    int64_t budget_bytes; /* Table 3: test 0 is the largest batch within it; 0: another item */
    int compare_tokens;   /* Table 3: the prompt that tells KV caches apart; 0: none */
    int64_t compare_ns;   /* predicted, of that */
};

/* Builds all specs that have something left to do, checks their kernels, and measures test after
 * test with the formats alternating in each round, and the roof's bandwidth (roof may be NULL)
 * among them. Errors are in the cells, and in run. */
void pass_measure(struct run *run, struct roof *roof, const struct pass_block *block);
/* Adds all cells, with status skipped. */
void pass_skip(struct run *run, const struct pass_block *block, int threads, const char *reason);

#endif
