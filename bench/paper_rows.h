/* SPDX-License-Identifier: MIT
 *
 * A `paper` run as rows and tables, from the database alone: what `paper` prints at its end and
 * `report` prints again. */
#ifndef BENCH_PAPER_ROWS_H
#define BENCH_PAPER_ROWS_H

#include <sqlite3.h>
#include <stdint.h>
#include "bench/table.h"

/* Writes the run to all outputs. only: names of items, none: all that the run has. figures: where
 * scripts/plots drew, for HTML, or NULL. 0, or -errno. */
int paper_rows_write(struct outputs *outputs, sqlite3 *db, int64_t run,
                     const struct text_list *only, const char *figures);

#endif
