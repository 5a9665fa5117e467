/* SPDX-License-Identifier: MIT
 *
 * The roof as workloads: what `roof` prints, and what `kernel`, `model` and `paper` measure beside
 * their own cells, in the same rounds. */
#ifndef BENCH_ROOF_H
#define BENCH_ROOF_H

#include <stddef.h>
#include <stdint.h>
#include "bench/run.h"
#include "kernels/kernel.h"
#include "kernels/roof/roof.h"

enum roof_metric { ROOF_READ, ROOF_F32, ROOF_I8, ROOF_TERNARY, ROOF_METRICS };
extern const char *const roof_names[ROOF_METRICS]; /* read_gbps, ... */

/* The peak that holds for a family's multiply-adds, by what its weights are. */
enum roof_metric roof_metric_of(const struct family *f);
/* The loops for a kernel of `isa`: those of the same name, else the best that the CPU has. */
const struct roof_kernels *roof_loops(const char *isa, unsigned cpu);

/* What is read: the same number of bytes on 4 KiB and on 2 MiB pages, each part touched first by
 * the thread that reads it. Roofs of several thread counts share one on a machine with one node. */
enum roof_page { ROOF_SMALL, ROOF_HUGE, ROOF_PAGES };
struct roof_memory {
    size_t bytes; /* at least 8 times the last-level cache */
    char *data[ROOF_PAGES];
};
/* 0 or -ENOMEM. */
int roof_memory_open(struct roof_memory *memory, const struct run *run, struct threads *pool);
void roof_memory_close(struct roof_memory *memory);

/* The ceilings at one thread count, from the loops of one ISA. */
struct roof {
    struct run *run;
    struct threads *pool;
    int threads; /* of the pool's */
    const struct roof_kernels *kernels;
    struct roof_memory memory; /* roof_open's own, else a copy of the caller's */
    enum roof_page page;       /* the fastest way to read, found by roof_tune */
    int streams;
    size_t prefetch;
    int passes;                    /* over the memory, of one sample */
    uint64_t rounds[ROOF_METRICS]; /* of one sample; 0: not found yet */
};

/* A roof on the caller's memory; roof_tune comes before its read is measured. */
void roof_begin(struct roof *roof, struct run *run, struct threads *pool, int threads,
                const struct roof_kernels *kernels, const struct roof_memory *memory);

/* The best ISA's roof on all threads of the pool in use, tuned, with memory of its own, of which
 * only the faster pages are kept. 0 or -ENOMEM. roof_close frees the memory; pool outlives it. */
int roof_open(struct roof *roof, struct run *run, struct threads *pool);
void roof_close(struct roof *roof);

/* Finds the fastest read (again), about a second: a shared machine drifts. From then on one sample
 * of the read takes `passes` passes over the memory, to last about as long as what it is held
 * against. */
void roof_tune(struct roof *roof, int passes);

/* One metric as a workload and its cell's row. The argument lives as long as the workload. partner:
 * the cell whose rounds it shares, or 0. */
struct roof_arg {
    struct roof *roof;
    enum roof_metric metric;
};
struct workload roof_workload(struct roof_arg *arg);
int64_t roof_cell(struct roof *roof, enum roof_metric metric, int64_t partner);
/* What one sample does: bytes or operations. Divided by ns it is GB/s or Gop/s. */
double roof_work(const struct roof *roof, enum roof_metric metric);

#endif
