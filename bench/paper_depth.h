/* SPDX-License-Identifier: MIT
 *
 * The item `depth`: the same models at every prompt and at every depth of the run. */
#ifndef BENCH_PAPER_DEPTH_H
#define BENCH_PAPER_DEPTH_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>
#include "bench/table.h"

/* Adds a row for each prompt (`throughput_tokens_per_s`, n_prompt) and each depth of decode
 * (`latency_ms`, n_depth from 0 on) of each model and format. */
void paper_depth_rows(json_t *rows, sqlite3 *db, int64_t run);

/* The table for reading: a line a size and format, the prompts and depths side by side; none where
 * the run has but one of each. 0 or -errno. */
int paper_depth_table(struct outputs *o, const json_t *rows);

#endif
