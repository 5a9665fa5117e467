/* SPDX-License-Identifier: MIT
 *
 * Cells and their samples: what run.h promises of them. In a block they may have been begun by an
 * earlier process, and each sample is a step that another process watches. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "bench/child.h"
#include "bench/metrics.h"
#include "bench/run.h"
#include "bench/run_energy.h"

/* Below a --sysroot nothing is what this machine did; the paper's numbers stay the paper's. */
static const char *provenance_of(const struct run *run, const char *provenance)
{
    const bool fixture = run->config->sysroot[0] && strcmp(provenance, PROVENANCE_PAPER);

    return fixture ? PROVENANCE_FIXTURE : provenance;
}

/* ---- cells ---- */

/* The next cell of this block like `c`, which an earlier process has added. A block's cells are
 * always added in the same order. 0: there is none. */
static int64_t find_cell(struct run *run, const struct cell *c)
{
    const char *const texts[] = { c->kind, c->item, c->model, c->format, c->isa, c->phase };
    const int numbers[] = { c->n_prompt, c->n_gen, c->n_depth, c->batch, c->parallel };
    sqlite3_stmt *s = NULL;
    int64_t id = 0;
    int at = 1;

    if (sqlite3_prepare_v2(store_db(run->store),
                           "SELECT id FROM cell WHERE run = ?1 AND block = ?2 AND id > ?3 AND "
                           "kind = ?4 AND item IS ?5 AND model IS ?6 AND format IS ?7 AND "
                           "isa IS ?8 AND phase IS ?9 AND n_prompt IS ?10 AND n_gen IS ?11 AND "
                           "n_depth IS ?12 AND batch IS ?13 AND parallel IS ?14 ORDER BY id",
                           -1, &s, NULL))
        return 0;
    sqlite3_bind_int64(s, at++, run->id);
    sqlite3_bind_int(s, at++, run->block);
    sqlite3_bind_int64(s, at++, run->last_cell);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        sqlite3_bind_text(s, at++, texts[i], -1, SQLITE_STATIC);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++, at++)
        if (numbers[i])
            sqlite3_bind_int(s, at, numbers[i]);
    if (sqlite3_step(s) == SQLITE_ROW)
        id = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return id;
}

int64_t run_cell(struct run *run, const struct cell *wanted)
{
    struct cell cell = *wanted;

    cell.provenance = provenance_of(run, wanted->provenance);
    cell.block = run->block;
    int64_t id = run->block ? find_cell(run, &cell) : 0;

    if (!id)
        id = store_cell(run->store, run->id, &cell);
    if (id < 0)
        run_broken(run);
    run->last_cell = id;
    return id;
}

/* What the database knows of a cell that an earlier process may have begun. */
struct known {
    bool finished; /* and not because it is ok */
    bool running;
    int rounds, warmups;
    int64_t predicted_ns;
};

static struct known known_of(struct run *run, int64_t cell)
{
    struct known known = { .finished = false };
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(
            store_db(run->store),
            "SELECT status NOT IN ('running', 'interrupted', 'ok'), status <> 'ok', predicted_ns, "
            "(SELECT count(*) FROM sample WHERE cell = c.id AND round >= 0), "
            "(SELECT count(*) FROM sample WHERE cell = c.id AND round < 0) FROM cell c WHERE "
            "id = ?1",
            -1, &s, NULL))
        return known;
    sqlite3_bind_int64(s, 1, cell);
    if (sqlite3_step(s) == SQLITE_ROW)
        known = (struct known){ .finished = sqlite3_column_int(s, 0),
                                .running = sqlite3_column_int(s, 1),
                                .predicted_ns = sqlite3_column_int64(s, 2),
                                .rounds = sqlite3_column_int(s, 3),
                                .warmups = sqlite3_column_int(s, 4) };
    sqlite3_finalize(s);
    return known;
}

bool run_cell_open(struct run *run, int64_t cell, int repetitions)
{
    const struct known known = known_of(run, cell);

    return !known.finished && (known.running || known.rounds < repetitions * (run->invocation + 1));
}

/* ---- steps that are watched ---- */

/* Limits are for what hangs, and not for what is slow. */
enum { LIMIT_S = 60, LIMIT_FACTOR = 50, LIMIT_UNKNOWN_S = 7200 };

void run_step(struct run *run, int64_t cell, int spec, int64_t predicted_ns)
{
    struct watch *watch = run->watch;
    int64_t limit = 2 * run->config->idle_s + (predicted_ns ? LIMIT_S : LIMIT_UNKNOWN_S);

    if (!watch)
        return;
    if (run->config->time_limit_s)
        limit = run->config->time_limit_s;
    limit *= 1000000000;
    if (!run->config->time_limit_s) {
        limit += LIMIT_FACTOR * predicted_ns;
        limit += run->energy ? 2 * energy_window_ns(run->energy) : 0;
    }
    watch->limit_ns = 0;
    watch->cell = cell;
    watch->spec = spec;
    watch->since_ns = clock_ns();
    watch->limit_ns = limit;
}

/* A workload whose samples are steps. */
struct step {
    struct run *run;
    const struct workload *workload;
    int64_t cell, predicted_ns;
};

static int step_prepare(void *arg)
{
    const struct step *step = arg;
    const struct workload *w = step->workload;

    run_step(step->run, step->cell, -1, step->predicted_ns);
    child_inject(step->run, step->cell);
    return w->prepare ? w->prepare(w->arg) : 0;
}

static int step_run(void *arg)
{
    const struct step *step = arg;

    return step->workload->run(step->workload->arg);
}

void run_status(struct run *run, int64_t cell, const char *status, const char *reason)
{
    if (store_cell_status(run->store, cell, status, reason))
        run_broken(run);
}

void run_value(struct run *run, int64_t cell, const char *metric, double value, const char *unit,
               const char *provenance, const char *reason)
{
    run_store(run, cell, &(struct value){ metric, unit, provenance, value, 0, NULL, reason });
}

void run_derived(struct run *run, int64_t cell, const char *metric, double value, const char *unit,
                 const char *formula)
{
    run_store(run, cell,
              &(struct value){ metric, unit, PROVENANCE_DERIVED, value, 0, formula, NULL });
}

void run_locality(struct run *run, int64_t cell, const struct locality *l)
{
    char reason[120] = "";

    if (l->error)
        snprintf(reason, sizeof reason, "move_pages: %s", strerror(-l->error));
    else if (!l->seen)
        snprintf(reason, sizeof reason, "no thread's part has a whole page");
    run_value(run, cell, "local_page_share", l->seen ? (double)l->local / (double)l->seen : NAN,
              "1", PROVENANCE_COUNTED, reason[0] ? reason : NULL);
}

void run_store(struct run *run, int64_t cell, const struct value *wanted)
{
    struct value value = *wanted;

    value.provenance = provenance_of(run, wanted->provenance);
    if (store_value(run->store, cell, &value))
        run_broken(run);
}

struct sink {
    struct run *run;
    const int64_t *cells;
    const struct channel *channels[SAMPLE_READINGS_MAX];
    int count;
};

static int keep(void *arg, const struct sample *sample)
{
    const struct sink *sink = arg;
    struct sample of_process = *sample;

    of_process.process = sink->run->process;
    const int error = store_sample(sink->run->store, sink->cells[sample->workload], &of_process,
                                   sink->channels, sink->count);

    if (error)
        run_broken(sink->run);
    return error;
}

/* In a block, workloads go on behind the rounds that earlier processes took. */
static void make_steps(struct run *run, const struct workload *workloads, const int64_t *cells,
                       int count, struct step *steps, struct workload *watched)
{
    for (int i = 0; i < count; i++) {
        const struct known known = known_of(run, cells[i]);
        steps[i] = (struct step){ run, &workloads[i], cells[i], known.predicted_ns };
        watched[i] = workloads[i];
        if (!run->block)
            continue;
        watched[i].prepare = step_prepare;
        watched[i].run = step_run;
        watched[i].arg = &steps[i];
        watched[i].done = known.rounds;
        watched[i].warmed = known.warmups;
        if (known.running)
            run_status(run, cells[i], "running", NULL);
    }
}

static void set_status(struct run *run, int64_t cell, const struct outcome *outcome, int error)
{
    if (outcome->error && outcome->error != -EINTR) {
        run_status(run, cell, "failed", strerror(-outcome->error));
        run->failed = true;
    } else if (run_stop) {
        run_status(run, cell, "interrupted", "stopped by a signal");
    } else if (error) {
        run_status(run, cell, "failed", strerror(-error));
        run->failed = true;
    } else if (!outcome->samples) {
        run_status(run, cell, "skipped", "no time left of --quick's 8 minutes");
    } else {
        run_status(run, cell, "ok", NULL);
    }
}

static void wake(void *pool)
{
    threads_wake(pool);
}

int run_measure(struct run *run, const struct workload *workloads, const int64_t *cells, int count,
                const struct plan *wanted)
{
    struct outcome outcomes[RUN_WORKLOADS_MAX];
    struct step steps[RUN_WORKLOADS_MAX];
    struct workload watched[RUN_WORKLOADS_MAX];
    struct plan plan = *wanted;
    struct sink sink = { .run = run, .cells = cells };

    make_steps(run, workloads, cells, count, steps, watched);
    plan.repetitions *= run->invocation + 1;
    plan.stop = &run_stop;
    plan.ready = run->pool ? wake : NULL;
    plan.ready_arg = run->pool;
    plan.meters = run->meters;
    plan.deadline_ns = run->deadline_ns;
    sink.count = run->meters ? meter_set_channels(run->meters) : 0;
    for (int i = 0; i < sink.count; i++)
        sink.channels[i] = meter_set_channel(run->meters, i);
    int error = measure(watched, count, &plan, keep, &sink, outcomes);
    for (int i = 0; i < count; i++)
        outcomes[i].samples += watched[i].done;
    if (!error)
        error = run_energy_measure(run, watched, cells, count, plan.seed, outcomes);
    if (run->broken)
        return run->broken;
    for (int i = 0; i < count; i++) {
        set_status(run, cells[i], &outcomes[i], error);
        metrics_store(run, cells[i]);
    }
    run_step(run, 0, -1, 0);
    return run_stop ? -EINTR : error;
}
