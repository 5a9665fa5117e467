/* SPDX-License-Identifier: MIT
 *
 * The item `memory`: what a model and its session take, by part, predicted and measured. */
#ifndef BENCH_PAPER_MEMORY_H
#define BENCH_PAPER_MEMORY_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>
#include "bench/table.h"

/* Adds rows for each model, format and session (those tests of the run that shared one): metrics
 * weights_gb, kv_gb, scratch_gb, predicted_gb, rss_gb, difference_percent; n_prompt and n_depth are
 * the session's longest. */
void paper_memory_rows(json_t *rows, sqlite3 *db, int64_t run);

/* The table for reading, a line a session. 0 or -errno. */
int paper_memory_table(struct outputs *o, const json_t *rows);

#endif
