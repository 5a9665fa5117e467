/* SPDX-License-Identifier: MIT
 *
 * Power over time of a run, from the database alone: the mean of each window, and what the guard
 * thread saw between their edges. */
#ifndef BENCH_POWER_ROWS_H
#define BENCH_POWER_ROWS_H

#include <sqlite3.h>
#include <stdint.h>
#include "bench/table.h"

/* Writes the run to all outputs: a row a window of the total, a row a point of a channel. `source`
 * is "window" or "trace"; from_s and to_s count from the first of them. 0 or -errno. */
int power_rows_write(struct outputs *outputs, sqlite3 *db, int64_t run);

#endif
