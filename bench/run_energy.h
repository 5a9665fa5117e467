/* SPDX-License-Identifier: MIT
 *
 * What run.c does with meters and joules: which there are goes into the run's record, and after the
 * samples of some workloads their windows of energy. */
#ifndef BENCH_RUN_ENERGY_H
#define BENCH_RUN_ENERGY_H

#include "bench/run.h"
#include "harness/measure.h"

/* Opens meters and ways to energy on run->context, and records them, what they cost (the fact
 * region_overhead_ns) and the certificate. Errors of the database are in run->broken. */
void run_meters_open(struct run *run);
void run_meters_close(struct run *run);

/* Windows of the workloads whose outcome has no error, into the database. 0, also where nothing
 * counts energy; -EINTR when stopped; run->broken. outcomes gets what run() returned. */
int run_energy_measure(struct run *run, const struct workload *workloads, const int64_t *cells,
                       int count, uint64_t seed, struct outcome *outcomes);

#endif
