/* SPDX-License-Identifier: MIT
 *
 * A pool of pinned threads: one a physical core within the set of CPUs that this process may use
 * (hwloc), second hardware threads only when more are asked for. Thread 0 is the caller, so on a
 * small machine the thread that reads the clock is one of the workers. Workers spin for a
 * millisecond between jobs, then sleep. */
#ifndef KERNELS_THREADS_H
#define KERNELS_THREADS_H

#include <stddef.h>

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

/* Work on several ranges, [0, totals[item]) each, that threads do in parts. */
struct split {
    const int *totals;
    int items;
    int unit;  /* parts begin at multiples of it */
    int least; /* units of a part, if so many are there; 1 or more */
};
typedef void split_fn(void *arg, int item, struct range part);

/* Runs fn on parts that together are all of every range, each once, and returns when all are done.
 * A thread does its own shares (threads_share), most of them at once; when it is through, it takes
 * from the ends of the others': so a thread whose CPU is slower, or was taken away for a while,
 * does not make the others wait. With one thread, or with fewer than 4 * least units a thread, each
 * does its own shares whole, for looking at the others' would cost more. Who does what is different
 * each time: what fn computes must not depend on it, and must not need that an item is done before
 * the next one begins. Not reentrant. */
void threads_split(struct threads *pool, const struct split *split, split_fn *fn, void *arg);

#endif
