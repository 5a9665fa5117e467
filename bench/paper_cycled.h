/* SPDX-License-Identifier: MIT
 *
 * The item `cycled`: does a model of which few layers are in memory take the time of the whole one?
 * Both are measured in the same rounds, where both fit. */
#ifndef BENCH_PAPER_CYCLED_H
#define BENCH_PAPER_CYCLED_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>
#include "bench/block.h"
#include "bench/table.h"

/* Is it asked for: by --only, or by --full without it? */
bool paper_cycled_wanted(const struct config *config);

/* Writes the blocks, at most max, without predictions: 3B and 7B in f16 unless -m and -f say
 * otherwise. Says so where the caches take all layers to be defeated, and there is nothing to
 * compare. Returns their number. */
int paper_cycled_plan(struct block *blocks, int max, const struct run *run, int threads);

/* Adds rows: of each model and format `latency_ms` of variants "whole" and "cycled", and
 * `time_ratio`, cycled by whole, of the pairs of rounds, with a `verdict`: "within 5%", "not within
 * 5%", "undecided" where the interval is on both sides, "not measured: ...". */
void paper_cycled_rows(json_t *rows, sqlite3 *db, int64_t run);

/* The table for reading. 0 or -errno. */
int paper_cycled_table(struct outputs *o, const json_t *rows);

#endif
