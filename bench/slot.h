/* SPDX-License-Identifier: MIT
 *
 * One format and ISA at one shape: a packed matrix, in as many copies as it takes to find each out
 * of the cache when its turn comes again, and calls of its kernel as a workload. */
#ifndef BENCH_SLOT_H
#define BENCH_SLOT_H

#include <stddef.h>
#include <stdint.h>
#include "bench/run.h"
#include "kernels/kernel.h"
#include "model/model.h"

struct slot {
    struct run *run;
    const struct family *family;
    const struct kernel *kernel;
    int zeros;           /* percent of the weights; -1: as they come, a third of the trits */
    int outliers;        /* restored on top */
    struct slot *shares; /* whose packed weights these are; NULL: its own */
    struct dims dims;
    struct wmat *copies; /* (count) */
    int count, next;
    char *data;
    size_t bytes; /* of all copies */
    float *row_scale;
    float *y;     /* (batch_max, rows) */
    void *packed; /* a call's activations (gemm_share), of batch_max tokens */
    size_t packed_bytes;
    struct outlier *restored; /* (outliers) */
    double zero_share;        /* of the weights, counted */
    struct reading huge_share;
    struct locality locality;
};

/* n random elements to be packed; about a third of the trits are 0. */
void slot_elements(const struct family *f, void *dst, size_t n, uint64_t seed);

/* What the copies of a shape take: --cache cold rotates over 8 times the last-level cache. */
int64_t slot_bytes(const struct slot *s, const struct run *run, struct dims d);

/* Fills the copies with seeded weights, each thread of the pool in use its own panels. 0 or
 * -ENOMEM; slot_close comes after either. What stands before
 * dims is the caller's to set; a slot that shares is opened after the other and closed before it
 * or after it. */
int slot_open(struct slot *s, struct run *run, struct dims d, int batch_max);
void slot_close(struct slot *s);

/* Calls on some threads; the argument of its workload, and lives as long. */
struct slot_calls {
    struct slot *slot;
    const struct acts *acts;
    int threads;
    int calls;       /* of one sample, found by slot_calls_begin to take some ms; at least 1 */
    int64_t call_ns; /* about what one takes */
    char name[96];   /* of the workload: format, ISA, operation, shape, batch, threads */
};
void slot_calls_begin(struct slot_calls *c);
struct workload slot_workload(struct slot_calls *c);
/* Its cell's row. partner: the read roof of the same rounds and threads. */
int64_t slot_cell(const struct slot_calls *c, const char *model, int64_t partner);

#endif
