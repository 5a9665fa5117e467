/* SPDX-License-Identifier: MIT
 *
 * JSON rows of a run, from the database alone (docs/results.md). Each function returns a new array,
 * the caller's to release; NULL: the database cannot be read. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>
#include "harness/stats.h"

json_t *rows_roof(sqlite3 *db, int64_t run);
json_t *rows_kernel(sqlite3 *db, int64_t run);
json_t *rows_model(sqlite3 *db, int64_t run);

/* The samples of a cell without warm-up, in order of rounds, in ns: *n of them, the caller's to
 * free; NULL with *n = 0 where there are none. */
double *rows_samples(sqlite3 *db, int64_t cell, int *n);

/* The spread of a cell's samples within its processes and between them, in ns. */
struct nested rows_nested(sqlite3 *db, int64_t cell);

/* a_ns / b_ns of two cells, paired by round; *n pairs, the caller's to free. */
double *rows_ratios(sqlite3 *db, int64_t a, int64_t b, int *n);

/* A value of a cell; NaN where it is absent. reason (may be NULL) is then why. */
enum { ROWS_REASON_MAX = 800 };
double rows_value(sqlite3 *db, int64_t cell, const char *metric,
                  char *reason /* (ROWS_REASON_MAX) */);
extern const char rows_not_recorded[]; /* the reason where there is no such value at all */

/* A column as text: "" where it is NULL; as long as the row. */
const char *rows_text(sqlite3_stmt *statement, int column);

/* "AMD EPYC (0123456789abcdef)" and "0.1.0 1a2b3c4 gcc 12.2.0 -O3" of a run: (200) bytes each. */
void rows_machine_build(sqlite3 *db, int64_t run, char *machine, char *build);

#endif
