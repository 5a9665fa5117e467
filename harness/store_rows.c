/* SPDX-License-Identifier: MIT
 *
 * What store.h promises of runs, cells, samples and values. */
#include "harness/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "harness/measure.h"
#include "harness/store_sql.h"

/* ---- runs ---- */

static int add_machine(struct store *store, const struct host *host, int64_t *id)
{
    struct binding b;
    int error = store_sql_begin(store, MACHINE_ADD, &b);

    if (error)
        return error;
    store_sql_text(&b, host->key);
    store_sql_text_or_null(&b, host_fact(host, "cpu"));
    error = store_sql_run(store, &b, NULL, "add the machine");
    if (!error)
        error = store_sql_begin(store, MACHINE_FIND, &b);
    if (error)
        return error;
    store_sql_text(&b, host->key);
    return store_sql_run(store, &b, id, "find the machine");
}

static void bind_build(struct binding *b, const struct build *build)
{
    store_sql_text(b, build->version);
    store_sql_text_or_null(b, build->commit);
    if (build->dirty[0])
        store_sql_int(b, build->dirty[0] == '1');
    else
        store_sql_text(b, NULL);
    store_sql_text(b, build->compiler);
    store_sql_text(b, build->flags);
    store_sql_text(b, build->sanitizers);
}

static int add_build(struct store *store, const struct build *build, int64_t *id)
{
    struct binding b;
    int error = store_sql_begin(store, BUILD_FIND, &b);

    if (error)
        return error;
    bind_build(&b, build);
    *id = 0;
    error = store_sql_run(store, &b, id, "find the build");
    if (error || *id)
        return error;
    error = store_sql_begin(store, BUILD_ADD, &b);
    if (error)
        return error;
    bind_build(&b, build);
    error = store_sql_run(store, &b, NULL, "add the build");
    *id = sqlite3_last_insert_rowid(store->db);
    return error;
}

int store_fact(struct store *store, int64_t run, const char *name, const char *value,
               const char *reason)
{
    const bool known = value && value[0];
    struct binding b;
    int error = store_sql_begin(store, FACT_ADD, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    store_sql_text(&b, name);
    store_sql_text(&b, known ? value : NULL);
    store_sql_text(&b, known ? NULL : reason && reason[0] ? reason : "not known");
    return store_sql_run(store, &b, NULL, "add a fact of the machine");
}

static int add_facts(struct store *store, int64_t run, const struct host *host)
{
    int error = 0;

    for (int i = 0; i < host->count && !error; i++)
        error = store_fact(store, run, host->facts[i].name, host->facts[i].value,
                           host->facts[i].reason);
    return error;
}

int64_t store_run_begin(struct store *store, const struct host *host, const struct build *build,
                        const char *command, const char *arguments, uint64_t seed)
{
    int64_t machine = 0, built = 0, run = 0;
    char seed_text[24];
    struct binding b;
    int error = store_sql_plain(store, BEGIN, "begin a run");

    if (error)
        return error;
    error = add_machine(store, host, &machine);
    if (!error)
        error = add_build(store, build, &built);
    if (!error)
        error = store_sql_begin(store, RUN_ADD, &b);
    if (error)
        goto out;
    snprintf(seed_text, sizeof seed_text, "%" PRIu64, seed);
    store_sql_int(&b, machine);
    store_sql_int(&b, built);
    store_sql_text(&b, command);
    store_sql_text(&b, arguments);
    store_sql_text(&b, seed_text);
    error = store_sql_run(store, &b, NULL, "begin a run");
    run = sqlite3_last_insert_rowid(store->db);
    if (!error)
        error = add_facts(store, run, host);
out:
    error = store_sql_end(store, error);
    return error ? error : run;
}

int store_run_end(struct store *store, int64_t run, const char *status)
{
    struct binding b;
    int error = store_sql_begin(store, RUN_END, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    store_sql_text(&b, status);
    error = store_sql_run(store, &b, NULL, "end a run");
    if (error)
        return error;
    return sqlite3_changes(store->db) ? 0 : store_sql_no_row(store, "run", run);
}

int store_run_again(struct store *store, int64_t run)
{
    struct binding b;
    int error = store_sql_begin(store, RUN_AGAIN, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    error = store_sql_run(store, &b, NULL, "go on with a run");
    if (error)
        return error;
    return sqlite3_changes(store->db) ? 0 : store_sql_no_row(store, "run", run);
}

/* ---- the plan ---- */

static int add_plan(struct store *store, int64_t run, const struct plan_row *row)
{
    struct binding b;
    int error = store_sql_begin(store, PLAN_ADD, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    store_sql_int(&b, row->position);
    store_sql_int(&b, row->block);
    store_sql_int(&b, row->invocation);
    store_sql_text(&b, row->kind);
    store_sql_text_or_null(&b, row->model);
    store_sql_text_or_null(&b, row->formats);
    store_sql_text(&b, row->spec);
    store_sql_int_or_null(&b, row->predicted_bytes);
    store_sql_int_or_null(&b, row->predicted_ns);
    return store_sql_run(store, &b, NULL, "add to the plan");
}

int store_plan(struct store *store, int64_t run, const struct plan_row *rows, int count)
{
    int error = store_sql_plain(store, BEGIN, "add to the plan");

    if (error)
        return error;
    for (int i = 0; i < count && !error; i++)
        error = add_plan(store, run, &rows[i]);
    return store_sql_end(store, error);
}

int store_plan_begin(struct store *store, int64_t run, int position, const char *spec,
                     int64_t predicted_ns)
{
    struct binding b;
    int error = store_sql_begin(store, PLAN_BEGIN, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    store_sql_int(&b, position);
    store_sql_text(&b, spec);
    store_sql_int_or_null(&b, predicted_ns);
    return store_sql_run(store, &b, NULL, "begin a block");
}

int store_plan_end(struct store *store, int64_t run, int position, const char *state,
                   const char *reason, int64_t time_ns)
{
    struct binding b;
    int error = store_sql_begin(store, PLAN_END, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    store_sql_int(&b, position);
    store_sql_text(&b, state);
    store_sql_text(&b, reason);
    store_sql_int(&b, time_ns);
    return store_sql_run(store, &b, NULL, "end a block");
}

/* ---- cells ---- */

int64_t store_cell(struct store *store, int64_t run, const struct cell *cell)
{
    const char *const texts[] = { cell->item, cell->model, cell->format, cell->isa, cell->phase };
    const int64_t numbers[] = {
        cell->rows,   cell->cols,       cell->n_prompt, cell->n_gen,           cell->n_depth,
        cell->batch,  cell->parallel,   cell->threads,  cell->layers_resident, cell->layers,
        cell->tokens, cell->work_bytes, cell->work_ops, cell->predicted_bytes, cell->predicted_ns
    };
    struct binding b;
    int error = store_sql_begin(store, CELL_ADD, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    store_sql_int_or_null(&b, cell->block);
    store_sql_text(&b, cell->kind);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        store_sql_text_or_null(&b, texts[i]);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        store_sql_int_or_null(&b, numbers[i]);
    store_sql_text_or_null(&b, cell->cache);
    store_sql_text_or_null(&b, cell->kv);
    store_sql_text_or_null(&b, cell->head);
    store_sql_text(&b, cell->provenance);
    store_sql_int_or_null(&b, cell->partner);
    error = store_sql_run(store, &b, NULL, "add a cell");
    return error ? error : sqlite3_last_insert_rowid(store->db);
}

int store_cell_status(struct store *store, int64_t cell, const char *status, const char *reason)
{
    struct binding b;
    int error = store_sql_begin(store, CELL_STATUS, &b);

    if (error)
        return error;
    store_sql_int(&b, cell);
    store_sql_text(&b, status);
    store_sql_text(&b, reason);
    error = store_sql_run(store, &b, NULL, "set a cell's status");
    if (error)
        return error;
    return sqlite3_changes(store->db) ? 0 : store_sql_no_row(store, "cell", cell);
}

/* ---- samples and values ---- */

/* value and reason exclude each other. SQLite stores a NaN as NULL, which needs a reason. */
static const char *reason_of(double value, const char *reason)
{
    if (reason)
        return reason[0] ? reason : "no reason was given";
    return isfinite(value) ? NULL : "not a finite number";
}

static int add_sample(struct store *store, int64_t cell, const struct sample *sample)
{
    struct binding b;
    int error = store_sql_begin(store, SAMPLE_ADD, &b);

    if (error)
        return error;
    store_sql_int(&b, cell);
    store_sql_int(&b, sample->round);
    store_sql_int(&b, sample->order);
    store_sql_int(&b, sample->start_ns);
    store_sql_int(&b, sample->time_ns);
    store_sql_int(&b, sample->process);
    return store_sql_run(store, &b, NULL, "add a sample");
}

static int add_reading(struct store *store, int64_t sample, const struct channel *channel,
                       const struct reading *reading)
{
    const char *reason = reason_of(reading->value, reading->reason);
    struct binding b;
    int error = store_sql_begin(store, READING_ADD, &b);

    if (error)
        return error;
    store_sql_int(&b, sample);
    store_sql_text(&b, channel->name);
    store_sql_text(&b, channel->unit);
    store_sql_value(&b, reading->value, reason);
    store_sql_text(&b, channel->provenance);
    store_sql_text(&b, reason);
    store_sql_text_or_null(&b, reason ? NULL : reading->note);
    return store_sql_run(store, &b, NULL, "add a reading");
}

int store_sample(struct store *store, int64_t cell, const struct sample *sample,
                 const struct channel *const *channels, int count)
{
    int error = store_sql_plain(store, BEGIN, "add a sample");
    int64_t id;

    if (error)
        return error;
    error = add_sample(store, cell, sample);
    id = sqlite3_last_insert_rowid(store->db);
    for (int i = 0; i < count && !error; i++)
        if (sample->readings[i].reason != meter_not_its_turn)
            error = add_reading(store, id, channels[i], &sample->readings[i]);
    return store_sql_end(store, error);
}

int store_value(struct store *store, int64_t cell, const struct value *value)
{
    const char *reason = reason_of(value->value, value->reason);
    struct binding b;
    int error = store_sql_begin(store, VALUE_SET, &b);

    if (error)
        return error;
    store_sql_int(&b, cell);
    store_sql_text(&b, value->metric);
    store_sql_value(&b, value->value, reason);
    store_sql_text(&b, value->unit);
    store_sql_text(&b, value->provenance);
    store_sql_text(&b, reason);
    store_sql_text(&b, value->formula);
    store_sql_real_or_null(&b, !reason && value->uncertainty > 0 ? value->uncertainty : NAN);
    return store_sql_run(store, &b, NULL, "add a value");
}
