/* SPDX-License-Identifier: MIT
 *
 * A `paper` run as rows and tables, from the database alone: what `paper` prints at its end and
 * `report` prints again. */
#ifndef BENCH_PAPER_ROWS_H
#define BENCH_PAPER_ROWS_H

#include <sqlite3.h>
#include <stdint.h>
#include "bench/table.h"

/* Writes the run to all outputs. only: names of items, NULL: all that the run has. 0, or -errno
 * with a line on stderr. */
int paper_rows_write(struct outputs *outputs, sqlite3 *db, int64_t run,
                     const struct text_list *only);

#endif
