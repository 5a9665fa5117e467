/* SPDX-License-Identifier: MIT
 *
 * A pool of pinned threads: one a physical core within the set of CPUs that this process may use
 * (hwloc), second hardware threads only when more are asked for. Thread 0 is the caller, so on a
 * small machine the thread that reads the clock is one of the workers. Workers spin for a
 * millisecond between jobs, then sleep. */
#ifndef KERNELS_THREADS_H
#define KERNELS_THREADS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct threads;

/* What a worker runs: index in [0, count). */
typedef void threads_fn(void *arg, int index, int count);

/* Physical cores and hardware threads that the caller may use; at least 1. A caller that a pool has
 * pinned may use just one: ask before threads_open, and open the largest pool first or close the
 * one before. */
int threads_cores(void);
int threads_units(void);

/* From now on pools of this process take these CPUs (the OS's numbers), in this order, instead of
 * those that hwloc shows; count 0: as before. threads_cores and threads_units are then `count`.
 * -EINVAL with a sentence in why: a CPU that the caller may not use, or one twice. */
int threads_pin(const int *cpus, int count, char *why, size_t why_size);

/* Opens a pool of `count` threads, the caller included, and pins them all; *pool is the caller's to
 * close. 0, or -errno with a sentence in why. threads_close restores the caller's affinity. */
int threads_open(struct threads **pool, int count, char *why, size_t why_size);
void threads_close(struct threads *pool);

/* From now on jobs run on threads 0 to count - 1 (1 to what threads_open started); the others
 * sleep. So thread counts can be compared in turns. */
void threads_use(struct threads *pool, int count);
int threads_count(const struct threads *pool);          /* those in use: all, after threads_open */
int threads_cpu(const struct threads *pool, int index); /* the OS's number of the CPU */

/* A counter for each thread of a job (split.h), on a cache line of its own; whose job it is sets it
 * before. */
_Atomic uint64_t *threads_counter(struct threads *pool, int index);

/* Runs fn on every thread and returns when all are done. Not reentrant. */
void threads_run(struct threads *pool, threads_fn *fn, void *arg);

/* Wakes the threads in use and returns when all of them spin: what runs within the next half
 * millisecond begins on all at once. Before a sample is timed, as jobs of a pass follow each other
 * and find the threads awake; waking one may take as long as a small matrix. */
void threads_wake(struct threads *pool);

/* The part of [0, total) that thread `index` of `count` owns, in whole multiples of `unit`: the
 * same for packing, first touch and every kernel. */
struct range {
    int first, last;
};
struct range threads_share(int total, int unit, int index, int count);

#endif
