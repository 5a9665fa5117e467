/* SPDX-License-Identifier: MIT
 *
 * The item `table3` of a `paper` run: rows, and tables for reading, from the database alone.
 * Private to paper_*.c. */
#ifndef BENCH_TABLE3_ROWS_H
#define BENCH_TABLE3_ROWS_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>
#include "bench/table.h"

/* Adds, for each size, KV cache and format of the run: max_batch; throughput_tokens_per_s of every
 * batch, the largest last; of int8 caches kv_logit_error and kv_top_token_same. */
void table3_rows(json_t *rows, sqlite3 *db, int64_t run);

/* The tables from such rows: the largest batches, and tokens/s by batch. here: the words before the
 * notes. 0 or -errno. */
int table3_tables(struct outputs *o, const json_t *rows, const char *here);

#endif
