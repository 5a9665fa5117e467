/* SPDX-License-Identifier: MIT
 *
 * The results database: SQLite, WAL, STRICT tables, results/schema.sql embedded. Every sample is
 * committed when it is taken, so a killed run loses at most the sample in flight. Readers use SQL
 * on store_db(): the schema is the interface, docs/results.md describes it.
 *
 * Every function returns 0 (or a row's id > 0) or -errno, and then store_error() is one sentence
 * with the file at fault. */
#ifndef HARNESS_STORE_H
#define HARNESS_STORE_H

#include <stdint.h>
#include <sqlite3.h>
#include "harness/host.h"
#include "harness/meter.h"

enum { STORE_SCHEMA_VERSION = 2 };

/* Provenance of a value: truth rule 1. The schema's CHECK holds the same words. */
#define PROVENANCE_MEASURED    "measured"
#define PROVENANCE_COUNTED     "counted"
#define PROVENANCE_HW_ESTIMATE "hw-estimate"
#define PROVENANCE_METERED     "metered"
#define PROVENANCE_VIRTUAL     "virtual"
#define PROVENANCE_DERIVED     "derived"
#define PROVENANCE_CYCLED      "cycled"
#define PROVENANCE_MODELLED    "modelled"
#define PROVENANCE_PAPER       "paper"
#define PROVENANCE_FIXTURE     "fixture"

struct store;

/* Opens, and creates where there is none. Refuses, without touching it: a directory, a file that is
 * not SQLite, a database that is not ours, another schema version, a file that is not writable (its
 * mode counts even for root). *store is the caller's to close, also after an error (for
 * store_error). */
int store_open(struct store **store, const char *path);
/* The same checks, for reading only: -ENOENT when there is no file. */
int store_open_readonly(struct store **store, const char *path);
void store_close(struct store *store);
const char *store_error(const struct store *store);
sqlite3 *store_db(struct store *store);

/* A run: one invocation of a command. Finds or adds the machine (host->key and facts) and the
 * build. status 'running' until store_run_end: 'done', 'interrupted' or 'failed'. */
int64_t store_run_begin(struct store *store, const struct host *host, const struct build *build,
                        const char *command, const char *arguments, uint64_t seed);
int store_run_end(struct store *store, int64_t run, const char *status);

/* A cell: one thing that is measured. Columns that do not apply are NULL (text) or 0 (numbers),
 * stored as NULL. */
struct cell {
    const char *kind; /* "kernel", "model", "roof" */
    const char *item; /* roof: the metric; paper: "quick" and the like; or NULL */
    const char *model, *format, *isa;
    const char *phase; /* "prefill", "decode", "gemv", "gemm", "read" */
    int rows, cols, n_prompt, n_gen, n_depth, batch, parallel, threads;
    int layers_resident, layers;
    int64_t tokens;     /* of one sample */
    int64_t work_bytes; /* bytes that one sample must read at least */
    int64_t work_ops;   /* operations of one sample; a multiply-add is two */
    int64_t predicted_bytes, predicted_ns;
    const char *cache;      /* "cold", "warm" */
    const char *kv, *head;  /* of a model's KV cache and LM head: "f16", "i8" */
    const char *provenance; /* NOT NULL: measured or cycled */
    int64_t partner;        /* the id of the cell whose rounds are paired with this one's, or 0 */
};
int64_t store_cell(struct store *store, int64_t run, const struct cell *cell);
/* status: "ok", "skipped", "invalid", "failed", "interrupted"; reason NULL only with "ok".
 * A new cell's status is "running". */
int store_cell_status(struct store *store, int64_t cell, const char *status, const char *reason);

struct sample;
/* One sample with its readings, in one transaction. channels is (count) as in the readings. */
int store_sample(struct store *store, int64_t cell, const struct sample *sample,
                 const struct channel *const *channels, int count);

/* A value of a cell: either value (reason NULL) or absent (reason given). provenance NOT NULL. */
int store_value(struct store *store, int64_t cell, const char *metric, double value,
                const char *unit, const char *provenance, const char *reason);

#endif
