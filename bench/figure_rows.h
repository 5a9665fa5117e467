/* SPDX-License-Identifier: MIT
 *
 * What some figures show of a run of any command, from the database alone. */
#ifndef BENCH_FIGURE_ROWS_H
#define BENCH_FIGURE_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include "bench/table.h"

/* roofline: the run's ceilings (`source` is "roof") and its passes ("pass") by operations a byte.
 * batch: tokens a second of passes by sequences in parallel. noise: every sample by time, beside
 * the median of its cell. power: see power_rows.h. */
bool figure_rows_have(const char *name);

/* Writes the rows of that name to all outputs. 0 or -errno. */
int figure_rows_write(struct outputs *outputs, sqlite3 *db, int64_t run, const char *name);

#endif
