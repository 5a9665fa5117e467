/* SPDX-License-Identifier: MIT
 *
 * The roof as workloads: what `roof` prints, and what `kernel`, `model` and `paper` measure beside
 * their own cells, in the same rounds. */
#ifndef BENCH_ROOF_H
#define BENCH_ROOF_H

#include <stddef.h>
#include <stdint.h>
#include "bench/run.h"
#include "kernels/roof/roof.h"

enum roof_metric { ROOF_READ, ROOF_F32, ROOF_I8, ROOF_TERNARY, ROOF_METRICS };
extern const char *const roof_names[ROOF_METRICS]; /* read_gbps, ... */

struct roof {
    struct run *run;
    struct threads *pool;
    const struct roof_kernels *kernels;
    char *data;
    size_t bytes; /* at least 8 times the last-level cache */
    int streams;  /* the fastest way to read, found by roof_open */
    size_t prefetch;
    int passes;                    /* over the buffer, of one sample */
    uint64_t rounds[ROOF_METRICS]; /* of one sample */
};

/* Allocates and touches the buffer, each part by the thread that reads it, and finds the fastest
 * read. 0 or -ENOMEM. roof_close frees the buffer; pool outlives it. */
int roof_open(struct roof *roof, struct run *run, struct threads *pool);
void roof_close(struct roof *roof);

/* Finds the fastest read again, about a second: a shared machine drifts. From then on one sample of
 * the read takes `passes` passes over the buffer, to last about as long as what it is held against.
 */
void roof_tune(struct roof *roof, int passes);

/* One metric as a workload and its cell's row. The argument lives as long as the workload. */
struct roof_arg {
    struct roof *roof;
    enum roof_metric metric;
};
struct workload roof_workload(struct roof_arg *arg);
int64_t roof_cell(struct roof *roof, enum roof_metric metric);
/* What one sample does: bytes or operations. Divided by ns it is GB/s or Gop/s. */
double roof_work(const struct roof *roof, enum roof_metric metric);

#endif
