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

#include <stdbool.h>
#include <stdint.h>
#include <sqlite3.h>
#include "harness/host.h"
#include "harness/meter.h"

enum { STORE_SCHEMA_VERSION = 3 };

/* Provenance of a value: truth rule 1. The schema's CHECK holds the same words. */
#define PROVENANCE_MEASURED    "measured"
#define PROVENANCE_COUNTED     "counted"
#define PROVENANCE_SIMULATED   "simulated"
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
/* Goes on with a run: its status is 'running' again. */
int store_run_again(struct store *store, int64_t run);

/* A block of a run's plan: cells that are measured together, in a process of their own. */
struct plan_row {
    int position, block, invocation;       /* block > 0 */
    const char *kind;                      /* "roof", "model" */
    const char *model, *formats;           /* or NULL */
    const char *spec;                      /* JSON */
    int64_t predicted_bytes, predicted_ns; /* 0: not known */
};
/* Adds rows to the plan, in one transaction: all of them or none. */
int store_plan(struct store *store, int64_t run, const struct plan_row *rows, int count);
/* A process of the block begins, with what may have been decided only now. */
int store_plan_begin(struct store *store, int64_t run, int position, const char *spec,
                     int64_t predicted_ns);
/* A process of the block has ended: state "done"; or with a reason "interrupted", "failed".
 * time_ns: how long it took, which is added. */
int store_plan_end(struct store *store, int64_t run, int position, const char *state,
                   const char *reason, int64_t time_ns);
/* A condition of a run that was found out after it began: either value or reason. A later one of
 * the same name replaces it: of a run in several processes, the last counts. */
int store_fact(struct store *store, int64_t run, const char *name, const char *value,
               const char *reason);

/* A cell: one thing that is measured. Columns that do not apply are NULL (text) or 0 (numbers),
 * stored as NULL. */
struct cell {
    int block;        /* of the run's plan; 0: none */
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
/* One sample with its readings, in one transaction. channels is (count) as in the readings; the
 * readings of channels whose turn it was not (meter_not_its_turn) are left out. */
int store_sample(struct store *store, int64_t cell, const struct sample *sample,
                 const struct channel *const *channels, int count);

/* A value of a cell: either value (reason NULL) or absent (reason given). provenance NOT NULL. */
struct value {
    const char *metric, *unit, *provenance;
    double value;
    double uncertainty;  /* standard; 0 or NAN: not known */
    const char *formula; /* NOT NULL of derived ones, NULL of others */
    const char *reason;
};
int store_value(struct store *store, int64_t cell, const struct value *value);

/* ---- store_energy.c: meters, joules, certificates ---- */

/* What became of a meter, or of a way to energy: kind "meter", "energy route". */
int store_meter(struct store *store, int64_t run, const char *kind, const char *name,
                const struct why *why);
/* The same of an energy channel, under the name "route: channel". */
struct energy_channel;
int store_energy_channel(struct store *store, int64_t run, const char *route,
                         const struct energy_channel *channel);

/* Where a window belongs. */
struct window_place {
    int64_t run, cell; /* cell 0: idle */
    int series;        /* of the run: the windows between two idle ones, those included */
    int round, runs;   /* as windows_measure has them */
};
/* What an energy channel is called in `joules` and `trace`, and the provenance of its joules. */
struct joules_name {
    char name[128]; /* "route: channel" */
    const char *provenance;
};
/* A window with its joules, in one transaction: names is (count) as in window->joules. domains and
 * provenance are the total's; domains may be NULL: nothing makes one. */
struct energy_window;
int store_window(struct store *store, const struct window_place *place,
                 const struct energy_window *window, const struct joules_name *names, int count,
                 const char *domains, const char *provenance);

/* Points of power over time, in one transaction; names is by their channel. */
struct energy_trace;
int store_trace(struct store *store, int64_t run, const struct energy_trace *points, int count,
                const struct joules_name *names);

/* What `selftest` found out about the run's machine: domains and provenance of the total that it
 * tested, and every check as JSON. Returns its id. */
int64_t store_certificate(struct store *store, int64_t run, const char *domains,
                          const char *provenance, bool passed, const char *text);
/* Gives the run the last certificate of its machine for this total, if it passed. */
int store_run_certify(struct store *store, int64_t run, const char *domains,
                      const char *provenance);

#endif
