/* SPDX-License-Identifier: MIT
 *
 * What every measuring command does around its measurements: outputs and database opened before
 * anything runs, threads, meters, the run's row, signals, progress. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bench/machine.h"
#include "bench/option.h"
#include "bench/table.h"
#include "harness/energy/energy.h"
#include "harness/host.h"
#include "harness/measure.h"
#include "harness/store.h"
#include "kernels/locality.h"
#include "kernels/threads.h"

/* Set by SIGINT and SIGTERM: no new sample begins, a pass under way ends at its next layer. */
extern volatile int run_stop;

enum { RUN_WORKLOADS_MAX = 512 };

/* What a block's process tells the one that watches it: in memory that both have mapped. */
struct watch {
    volatile int64_t deadline_ns;        /* as of struct run */
    volatile int64_t end_ns;             /* the same */
    volatile int64_t since_ns, limit_ns; /* of the step under way; limit 0: none */
    volatile int64_t cell;               /* that it is of; 0: of none */
    volatile int spec;                   /* or the model that is being built; -1: none */
};

struct run {
    const struct config *config;
    const char *command;
    unsigned cpu; /* CPU_* */
    struct machine machine;
    struct host host;
    struct outputs *outputs;
    struct store *store;
    struct meter_context context;
    struct meter_set *meters;
    struct energy *energy; /* NULL: could not be opened, for the reason in no_energy */
    char no_energy[120];
    struct joules_name *energy_names; /* (energy_channel_count) */
    int series;                       /* of windows, so far */
    int64_t trace_ns;      /* the last point of power over time that is in the database */
    int64_t region_ns;     /* what reading every meter around nothing takes */
    struct threads *pool;  /* of the last run_threads */
    int64_t id;            /* of the run's row */
    int64_t deadline_ns;   /* clock_ns after which no new round begins; 0: none */
    int64_t end_ns;        /* clock_ns when all of it should be done; 0: not known */
    int block, invocation; /* of the plan, that its cells are of; block 0: none */
    int process;           /* of this run's, for its samples */
    int64_t last_cell;     /* of the block, that run_cell has given */
    struct watch *watch;   /* NULL: nobody watches */
    bool failed;           /* a measurement failed: exit status 1 */
    int broken;            /* -errno of the database or of a thread pool: exit status 2 */
};

/* Opens outputs and database and begins the run. 0, or the exit status, the error printed. Nothing
 * is left behind then. */
int run_open(struct run *run, const struct config *config, const char *command);
/* The same for a run whose blocks are measured by processes of their own: without meters. Under
 * likwid-perfctr -m, where all regions are to be in one process, with them: see schedule.c. */
int run_open_plan(struct run *run, const struct config *config, const char *command);
/* Such a process: the run is there already, and the outputs are another's. */
int run_open_block(struct run *run, const struct config *config, const char *command, int64_t id);
/* Ends a block's process; returns its exit status: 0 or 1, 2 where run->broken, RUN_STOPPED. */
enum { RUN_STOPPED = 3 };
int run_close_block(struct run *run);
/* The database's error, said once, where it happened: sets run->broken. */
void run_broken(struct run *run);
/* Ends the run and writes the outputs. Returns the exit status. */
int run_close(struct run *run);

/* One line on stderr: "tritbench COMMAND: ...". Returns 2. */
int run_refuse(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of progress on stderr, with the time that is left where it is known; on a terminal it
 * replaces the last one. */
void run_progress(const struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A pool of `count` threads, this run's only one. NULL when it cannot be had (run->broken). */
struct threads *run_threads(struct run *run, int count);

/* Why there are no joules: one sentence; NULL where something counts them. */
const char *run_energy_reason(const struct run *run);

/* Memory nodes of this machine: 1 where that is not known. */
int run_nodes(const struct run *run);

/* Bytes that this run may use: --mem, or what is free less a margin for everything else. */
int64_t run_memory(const struct run *run);

/* Measures `count` workloads together, RUN_WORKLOADS_MAX at most, workload i's samples going to
 * cells[i], then their joules where something counts them, stores the cells' metrics and sets their
 * statuses: ok, failed, interrupted. 0, or -errno: -EINTR when stopped, or run->broken. */
int run_measure(struct run *run, const struct workload *workloads, const int64_t *cells, int count,
                const struct plan *plan);

/* A step begins that should take predicted_ns (0: not known) and may take much longer: a sample of
 * a cell, or of no cell, building the model `spec` (-1: none). */
void run_step(struct run *run, int64_t cell, int spec, int64_t predicted_ns);

/* A cell's row, its status and values: store.h with run->broken set on an error. In a block, the
 * cell that an earlier process of it has added. */
int64_t run_cell(struct run *run, const struct cell *cell);
/* Is there anything left to do of it? `repetitions` are of one invocation. */
bool run_cell_open(struct run *run, int64_t cell, int repetitions);
void run_status(struct run *run, int64_t cell, const char *status, const char *reason);
void run_value(struct run *run, int64_t cell, const char *metric, double value, const char *unit,
               const char *provenance, const char *reason);
void run_store(struct run *run, int64_t cell, const struct value *value);
/* The same of a value that is computed from others by `formula`. */
void run_derived(struct run *run, int64_t cell, const char *metric, double value, const char *unit,
                 const char *formula);

/* local_page_share: of the weights' pages that were looked at. */
void run_locality(struct run *run, int64_t cell, const struct locality *locality);

#endif
