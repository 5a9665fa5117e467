/* SPDX-License-Identifier: MIT
 *
 * Joules, counters and derived metrics of a cell as members of its row, and as columns of a table.
 * From the database alone. */
#ifndef BENCH_ENERGY_ROWS_H
#define BENCH_ENERGY_ROWS_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>
#include "bench/table.h"

/* energy_j with its uncertainty (k = 1), net joules, domains, provenance, state, reason, note,
 * certificate; every derived metric under its name; the counters. Joules are of one sample divided
 * by `per`. */
void energy_members(json_t *row, sqlite3 *db, int64_t cell, double per);

/* outputs_rows with columns behind the others: those of counters, pJ and W where some row has
 * them, and energy_j with its uncertainty, "-" where there is none; the reasons come behind the
 * notes. title: of the joules' column. per: the member of a row that energy_j is divided by, or
 * NULL. */
int energy_rows(struct outputs *outputs, const json_t *rows, const struct column *columns,
                const char *notes, const char *title, const char *per);

/* "0.123 ± 0.002 J", "(contended)" behind it where it is so; "-". text is (size) bytes. */
void energy_text(char *text, size_t size, double joules, double uncertainty, const char *state);

#endif
