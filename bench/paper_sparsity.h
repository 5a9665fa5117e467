/* SPDX-License-Identifier: MIT
 *
 * The item `sparsity`: zeros against the threshold of the absmean quantiser. */
#ifndef BENCH_PAPER_SPARSITY_H
#define BENCH_PAPER_SPARSITY_H

#include <jansson.h>
#include <sqlite3.h>
#include "bench/run.h"
#include "bench/table.h"

/* Stores the shares of zeros at each threshold as values of cells of kind "sparsity", one a
 * distribution: `derived` by formula, `measured` on weights drawn with the run's seed. */
void paper_sparsity_store(struct run *run);

/* The run's shares, in the order of rows: calls add with each. low, high: 95%, of measured ones. */
struct sparsity_row {
    const char *distribution, *provenance, *note;
    double threshold, share, low, high;
};
typedef void sparsity_fn(void *arg, const struct sparsity_row *row);
void paper_sparsity_each(sqlite3 *db, int64_t run, sparsity_fn *add, void *arg);

/* The table for reading, from the rows of item `sparsity` among these. 0 or -errno. */
int paper_sparsity_table(struct outputs *o, const json_t *rows);

#endif
