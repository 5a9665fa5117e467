/* SPDX-License-Identifier: MIT
 *
 * `--meter cachegrind`: what one call of a kernel executes and misses, from two runs of this very
 * program below cachegrind, which differ in their number of calls alone: all else cancels. One
 * thread does the whole call, whatever the cell's threads; caches are of the sizes given there. */
#ifndef BENCH_SIMULATE_H
#define BENCH_SIMULATE_H

#include "bench/slot.h"

#define SIMULATE_METER "cachegrind" /* as --meter names it */

struct simulation {
    double instructions, d1_misses, ll_misses; /* of one call */
    char why[300];                             /* "", or why there are none */
};

/* The kernel, shape, batch and kind of cache of these calls. Takes seconds. */
void simulate_calls(const struct slot_calls *calls, struct simulation *simulation);
/* As values of a cell: instructions_per_call, d1_misses_per_call, ll_misses_per_call. */
void simulate_store(struct run *run, int64_t cell, const struct simulation *simulation);

/* A cell's three counts and `reason`; null where they were not asked for. */
json_t *simulate_object(sqlite3 *db, int64_t cell);
/* The members of simulated{} beside those of their rows, for reading; once for all threads. */
void simulate_show(struct outputs *outputs, const json_t *rows);

/* The program that runs below cachegrind: `tritbench simulate FORMAT ISA ROWSxCOLS BATCH COPIES
 * CALLS SEED`, for no user. Returns the exit status. */
int simulate_main(int argc, char **argv);

#endif
