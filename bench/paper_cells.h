/* SPDX-License-Identifier: MIT
 *
 * The cells of a `paper` run, as far as its rows and its tables need them. Private to paper_*.c. */
#ifndef BENCH_PAPER_CELLS_H
#define BENCH_PAPER_CELLS_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include "bench/table.h"
#include "harness/stats.h"

enum { PAPER_REASON_MAX = 160, PAPER_SIZES = 9 };

/* A cell of the run, as far as the paper's tables need it. */
struct paper_cell {
    int64_t id;
    int64_t group; /* of the cells that were measured in the same rounds */
    int threads, layers_resident, layers, n_prompt, n_depth, parallel;
    double tokens, work_bytes;
    char status[16], reason[PAPER_REASON_MAX], provenance[16], kv[8], head[8];
    double *ns;
    int n;
    struct summary times; /* of one sample; NaN without samples */
};

/* The paper's sizes and which of its items has them. */
struct paper_size {
    const char *name;
    bool table1, fig2;
};
extern const struct paper_size paper_sizes[PAPER_SIZES];

/* The formats that a quick run measures unless it is told which. */
bool paper_is_quick(const char *format);
bool paper_is_ternary(const char *format);

/* Which cell: of a model, format and phase ("decode", "prefill"), its item (NULL: none) and what
 * was run. */
struct paper_key {
    const char *model, *format, *phase, *item;
    const char *kv; /* NULL: any */
    int n_prompt;   /* 0: the longest there is */
    int n_depth;
    int parallel; /* 0: any */
};
/* A cell by its number; false when there is none. Release it. */
bool paper_cell_read(sqlite3 *db, int64_t id, struct paper_cell *c);
/* A statement with run, model and format as ?1, ?2 and ?3; the caller's to finalise. NULL: the
 * database refuses it. */
sqlite3_stmt *paper_query(sqlite3 *db, const char *sql, int64_t run, const char *model,
                          const char *format);
/* The run's newest such cell; false when there is none. Release it. */
bool paper_cell_get(sqlite3 *db, int64_t run, const struct paper_key *key, struct paper_cell *c);
/* The same without an item, from an empty cache, of the longest prompt. */
bool paper_cell_find(sqlite3 *db, int64_t run, const char *model, const char *format,
                     const char *phase, struct paper_cell *c);
void paper_cell_release(struct paper_cell *c);

/* Markdown from the rows of paper_rows.c: a line a size and format. 0 or -errno. */
int paper_tables_write(struct outputs *o, sqlite3 *db, int64_t run, const json_t *rows);

#endif
