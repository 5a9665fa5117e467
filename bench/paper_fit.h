/* SPDX-License-Identifier: MIT
 *
 * The item `fit`: ms a token against the GB that it reads, a straight line for each format. */
#ifndef BENCH_PAPER_FIT_H
#define BENCH_PAPER_FIT_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>
#include "bench/table.h"

/* Adds rows for each format of the paper's sizes, and of each other family: metrics
 * slope_ms_per_gb, gbps, roof_share, intercept_ms, us_per_layer, residual_percent. `size` is null.
 * Without three sizes the values are null and the note says so. */
void paper_fit_rows(json_t *rows, sqlite3 *db, int64_t run);

/* What the figure shows, of the paper's sizes: each point (`source` "point"), the line of its
 * format
 * ("line"), and the time that the roof of its rounds would allow ("roof"). The caller's to release.
 */
json_t *paper_fit_shown(sqlite3 *db, int64_t run);

/* The table for reading, a line a format. 0 or -errno. */
int paper_fit_table(struct outputs *o, const json_t *rows);

#endif
