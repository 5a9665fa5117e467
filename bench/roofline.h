/* SPDX-License-Identifier: MIT
 *
 * Ratios between cells that were measured in the same rounds, from the database alone: a cell
 * against the roof, and a thread count against a smaller one. */
#ifndef BENCH_ROOFLINE_H
#define BENCH_ROOFLINE_H

#include <sqlite3.h>
#include <stdint.h>
#include "harness/stats.h"

/* A cell under the roofline of its rounds. In each round the least time that the roof allows is
 *     max(work_bytes / read bandwidth, work_ops / peak)
 * of that round, and the share is that by the cell's time. Weights that a warm cache holds are not
 * held against the memory. Without a roof in its rounds: NaN, and bound NULL. */
struct roofline {
    double gbps, gops;       /* medians of the two ceilings; NaN where not measured */
    double share, low, high; /* median over rounds and its 95% interval */
    const char *bound;       /* "memory" or "compute": what set the time in most rounds */
};
struct roofline roofline_of(sqlite3 *db, int64_t cell);

/* How many times faster than the same work on the fewest threads of its rounds: rates, paired by
 * round. n = 0 and NaN where there are no such rounds. */
struct summary scaling_of(sqlite3 *db, int64_t cell);

/* A variant of a kernel (its item: a share of zeros, a number of outliers): time for the same work
 * by that of the kernel's first variant in the same rounds, paired by round. n = 0 and NaN for the
 * first itself. */
struct summary variant_time_of(sqlite3 *db, int64_t cell);

#endif
