/* SPDX-License-Identifier: MIT */
#include "bench/rows.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/energy_rows.h"
#include "bench/flags.h"
#include "bench/profile.h"
#include "bench/roofline.h"
#include "bench/simulate.h"
#include "bench/table.h"
#include "harness/stats.h"

enum { TEXT_MAX = 200 };

/* A sample that meters took more of is remarked on. */
static const double OVERHEAD_MAX = 0.005;

const char rows_not_recorded[] = "not recorded";

/* ---- reading ---- */

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql, int64_t first, int64_t second)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL))
        return NULL;
    sqlite3_bind_int64(statement, 1, first);
    if (sqlite3_bind_parameter_count(statement) > 1)
        sqlite3_bind_int64(statement, 2, second);
    return statement;
}

/* The first column of every row; the caller's to free. */
static double *numbers(sqlite3 *db, const char *sql, int64_t first, int64_t second, int *n)
{
    sqlite3_stmt *statement = prepare(db, sql, first, second);
    double *values = NULL;
    int room = 0;

    *n = 0;
    while (statement && sqlite3_step(statement) == SQLITE_ROW) {
        if (*n == room) {
            room = room ? 2 * room : 16;
            double *more = realloc(values, (size_t)room * sizeof *more);
            if (!more)
                break;
            values = more;
        }
        values[(*n)++] = sqlite3_column_double(statement, 0);
    }
    sqlite3_finalize(statement);
    return values;
}

double *rows_samples(sqlite3 *db, int64_t cell, int *n)
{
    return numbers(db, "SELECT time_ns FROM sample WHERE cell = ?1 AND round >= 0 ORDER BY round",
                   cell, 0, n);
}

struct nested rows_nested(sqlite3 *db, int64_t cell)
{
    static const char order[] = "FROM sample WHERE cell = ?1 AND round >= 0 ORDER BY process, id";
    char sql[120];
    int n, count;

    snprintf(sql, sizeof sql, "SELECT time_ns %s", order);
    double *ns = numbers(db, sql, cell, 0, &n);
    snprintf(sql, sizeof sql, "SELECT process %s", order);
    double *process = numbers(db, sql, cell, 0, &count);
    int *group = calloc((size_t)n + 1, sizeof *group);
    struct nested nested = { 0, NAN, NAN };

    for (int i = 0; group && i < n && i < count; i++)
        group[i] = (int)process[i];
    if (group && n == count)
        nested = stats_nested(ns, group, n);
    free(ns);
    free(process);
    free(group);
    return nested;
}

double *rows_ratios(sqlite3 *db, int64_t a, int64_t b, int *n)
{
    return numbers(db,
                   "SELECT CAST(x.time_ns AS REAL) / y.time_ns FROM sample x JOIN sample y "
                   "ON x.round = y.round WHERE x.cell = ?1 AND y.cell = ?2 AND x.round >= 0 "
                   "AND y.time_ns > 0 ORDER BY x.round",
                   a, b, n);
}

double rows_value(sqlite3 *db, int64_t cell, const char *metric, char *reason)
{
    sqlite3_stmt *statement = NULL;
    double value = NAN;

    if (reason)
        snprintf(reason, ROWS_REASON_MAX, "%s", rows_not_recorded);
    if (sqlite3_prepare_v2(db, "SELECT value, reason FROM value WHERE cell = ?1 AND metric = ?2",
                           -1, &statement, NULL))
        return NAN;
    sqlite3_bind_int64(statement, 1, cell);
    sqlite3_bind_text(statement, 2, metric, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        if (sqlite3_column_type(statement, 0) != SQLITE_NULL)
            value = sqlite3_column_double(statement, 0);
        else if (reason)
            snprintf(reason, ROWS_REASON_MAX, "%s",
                     (const char *)sqlite3_column_text(statement, 1));
    }
    sqlite3_finalize(statement);
    return value;
}

const char *rows_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text ? text : "";
}

void rows_machine_build(sqlite3 *db, int64_t run, char *machine, char *build)
{
    sqlite3_stmt *statement = prepare(
        db,
        "SELECT coalesce(m.cpu, 'unknown CPU') || ' (' || m.key || ')', b.version || ' ' || "
        "coalesce(substr(b.commit_hash, 1, 12), 'no commit') || CASE b.dirty WHEN 1 THEN '+dirty' "
        "ELSE '' END || ' ' || b.compiler || ' ' || b.flags FROM run r JOIN machine m ON "
        "m.id = r.machine JOIN build b ON b.id = r.build WHERE r.id = ?1",
        run, 0);

    machine[0] = build[0] = '\0';
    if (statement && sqlite3_step(statement) == SQLITE_ROW) {
        snprintf(machine, TEXT_MAX, "%s", (const char *)sqlite3_column_text(statement, 0));
        snprintf(build, TEXT_MAX, "%s", (const char *)sqlite3_column_text(statement, 1));
    }
    sqlite3_finalize(statement);
}

/* ---- writing ---- */

/* A column of the cell's row under its own name: NULL is null. */
static void copy_column(json_t *row, sqlite3_stmt *statement, const char *name)
{
    json_t *value = json_null();

    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        if (strcmp(sqlite3_column_name(statement, i), name))
            continue;
        if (sqlite3_column_type(statement, i) == SQLITE_INTEGER)
            value = json_integer(sqlite3_column_int64(statement, i));
        else if (sqlite3_column_type(statement, i) == SQLITE_TEXT)
            value = json_string((const char *)sqlite3_column_text(statement, i));
        else if (sqlite3_column_type(statement, i) == SQLITE_FLOAT)
            value = json_real(sqlite3_column_double(statement, i));
    }
    json_object_set_new(row, name, value);
}

static void copy_columns(json_t *row, sqlite3_stmt *statement, const char *const *names)
{
    for (; *names; names++)
        copy_column(row, statement, *names);
}

static int64_t integer(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

/* samples of `per` units each: their times a unit, in ns, whole. */
static json_t *sample_array(const double *ns, int n, double per)
{
    json_t *array = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(array, json_integer((json_int_t)llround(ns[i] / per)));
    return array;
}

struct times {
    int n;
    double *ns;
    struct summary summary; /* NaN without samples */
};

static struct times times_of(sqlite3 *db, int64_t cell)
{
    struct times t = { .summary = { .median = NAN, .low = NAN, .high = NAN } };

    t.ns = rows_samples(db, cell, &t.n);
    if (t.n)
        t.summary = stats_summary(t.ns, t.n);
    return t;
}

/* What reading the meters around one sample took, of that sample's time; NAN: not known. */
static double overhead_share(sqlite3 *db, int64_t cell, double median_ns)
{
    int n;
    double *ns = numbers(db,
                         "SELECT CAST(value AS REAL) FROM fact JOIN cell ON cell.run = fact.run "
                         "WHERE cell.id = ?1 AND name = 'region_overhead_ns' AND value IS NOT NULL",
                         cell, 0, &n);
    const double share = n ? ns[0] / median_ns : NAN;

    free(ns);
    return share;
}

/* What a row says about how far it can be trusted; "" when there is nothing to say. */
static void remark(int n, double share, double overhead, char *text)
{
    int at = 0;

    text[0] = '\0';
    if (share > 1)
        at += snprintf(text, TEXT_MAX, "above the roof that was read in the same rounds");
    else if (n && n < 6)
        at += snprintf(text, TEXT_MAX, "n = %d < 6: the interval assumes a normal distribution", n);
    if (overhead > OVERHEAD_MAX)
        snprintf(
            text + at, TEXT_MAX - (size_t)at,
            "%sreading all meters takes %.1f%% of a sample, outside its time: the costly ones are "
            "left out",
            at ? "; " : "", 100 * overhead);
}

static void finish_row(json_t *row, sqlite3 *db, sqlite3_stmt *statement, const struct times *t,
                       double share, const char *machine, const char *build)
{
    char text[TEXT_MAX];

    remark(t->n, share, overhead_share(db, sqlite3_column_int64(statement, 0), t->summary.median),
           text);
    flags_member(row, db, sqlite3_column_int64(statement, 0));
    copy_column(row, statement, "reason");
    json_object_set_new(row, "note", text[0] ? json_string(text) : json_null());
    json_object_set_new(row, "machine", json_string(machine));
    json_object_set_new(row, "build", json_string(build));
}

static const char cells_sql[] = "SELECT * FROM cell WHERE run = ?1 AND kind = '%s' ORDER BY id";

/* One row for each cell of a kind. */
typedef json_t *row_fn(sqlite3 *db, sqlite3_stmt *cell, const char *machine, const char *build);

static json_t *rows_of(sqlite3 *db, int64_t run, const char *kind, row_fn *make)
{
    char sql[120], machine[TEXT_MAX], build[TEXT_MAX];

    snprintf(sql, sizeof sql, cells_sql, kind);
    sqlite3_stmt *statement = prepare(db, sql, run, 0);
    json_t *rows = statement ? json_array() : NULL;
    rows_machine_build(db, run, machine, build);
    while (statement && sqlite3_step(statement) == SQLITE_ROW)
        json_array_append_new(rows, make(db, statement, machine, build));
    sqlite3_finalize(statement);
    return rows;
}

static int64_t cell_id(sqlite3_stmt *statement)
{
    return sqlite3_column_int64(statement, 0);
}

/* Against the fewest threads of the same rounds. */
static void scaling_members(json_t *row, sqlite3 *db, int64_t cell)
{
    const struct summary s = scaling_of(db, cell);

    json_object_set_new(row, "scaling", table_real(s.median));
    json_object_set_new(row, "scaling_low", table_real(s.low));
    json_object_set_new(row, "scaling_high", table_real(s.high));
}

static void value_member(json_t *row, sqlite3 *db, int64_t cell, const char *metric,
                         const char *member)
{
    json_object_set_new(row, member, table_real(rows_value(db, cell, metric, NULL)));
}

static json_t *roof_row(sqlite3 *db, sqlite3_stmt *cell, const char *machine, const char *build)
{
    json_t *row = json_object(), *source = json_object(), *samples = json_array();
    struct times t = times_of(db, cell_id(cell));

    copy_columns(source, cell, (const char *const[]){ "work_bytes", "work_ops", "item", NULL });
    const double work = (double)(integer(source, "work_bytes") + integer(source, "work_ops"));
    copy_column(row, cell, "threads");
    json_object_set(row, "metric", json_object_get(source, "item"));
    json_object_set_new(row, "value", table_real(work / t.summary.median));
    json_object_set_new(row, "unit", json_string(integer(source, "work_bytes") ? "GB/s" : "Gop/s"));
    for (int i = 0; i < t.n; i++)
        json_array_append_new(samples, table_real(work / t.ns[i]));
    json_object_set_new(row, "samples", samples);
    json_object_set_new(row, "ci_low", table_real(work / t.summary.high));
    json_object_set_new(row, "ci_high", table_real(work / t.summary.low));
    copy_column(row, cell, "isa");
    value_member(row, db, cell_id(cell), "streams", "streams");
    value_member(row, db, cell_id(cell), "prefetch", "prefetch_bytes");
    value_member(row, db, cell_id(cell), "page_bytes", "page_bytes");
    value_member(row, db, cell_id(cell), "huge_page_share", "huge_page_share");
    scaling_members(row, db, cell_id(cell));
    copy_columns(row, cell, (const char *const[]){ "status", "provenance", NULL });
    energy_members(row, db, cell_id(cell), 1);
    finish_row(row, db, cell, &t, NAN, machine, build);
    free(t.ns);
    json_decref(source);
    return row;
}

json_t *rows_roof(sqlite3 *db, int64_t run)
{
    return rows_of(db, run, "roof", roof_row);
}

/* The roof of the same rounds, and the share of it. */
static void roof_members(json_t *row, const struct roofline *r)
{
    json_object_set_new(row, "roof_gbps", table_real(r->gbps));
    json_object_set_new(row, "roof_gops", table_real(r->gops));
    json_object_set_new(row, "roof_share", table_real(r->share));
    json_object_set_new(row, "roof_share_low", table_real(r->low));
    json_object_set_new(row, "roof_share_high", table_real(r->high));
    json_object_set_new(row, "bound", r->bound ? json_string(r->bound) : json_null());
}

/* Bytes and counts are whole numbers, and look it. */
static json_t *whole_or_real(double value)
{
    return value == floor(value) ? json_integer((json_int_t)value) : table_real(value);
}

/* Zeros and outliers, and the time against the first variant of the kernel. */
static void variant_members(json_t *row, sqlite3 *db, int64_t cell)
{
    const struct summary s = variant_time_of(db, cell);

    value_member(row, db, cell, "zero_share", "zero_share");
    json_object_set_new(row, "outliers", whole_or_real(rows_value(db, cell, "outliers", NULL)));
    json_object_set_new(row, "time_ratio", table_real(s.median));
    json_object_set_new(row, "time_ratio_low", table_real(s.low));
    json_object_set_new(row, "time_ratio_high", table_real(s.high));
}

static json_t *kernel_row(sqlite3 *db, sqlite3_stmt *cell, const char *machine, const char *build)
{
    static const char *const names[] = { "rows", "cols", "batch", "threads", NULL };
    json_t *row = json_object(), *source = json_object();
    const struct roofline roofline = roofline_of(db, cell_id(cell));
    struct times t = times_of(db, cell_id(cell));

    copy_columns(source, cell,
                 (const char *const[]){ "work_bytes", "work_ops", "tokens", "batch", NULL });
    const double bytes = (double)integer(source, "work_bytes");
    const double calls = (double)integer(source, "tokens") / (double)integer(source, "batch");
    copy_columns(row, cell, (const char *const[]){ "format", "isa", NULL });
    copy_column(row, cell, "phase");
    json_object_set(row, "op", json_object_get(row, "phase"));
    json_object_del(row, "phase");
    copy_columns(row, cell, names);
    value_member(row, db, cell_id(cell), "bits_per_weight", "bits_per_weight");
    copy_column(row, cell, "status");
    json_object_set_new(row, "samples_ns", sample_array(t.ns, t.n, calls));
    json_object_set_new(row, "median_ns", table_real(t.summary.median / calls));
    json_object_set_new(row, "ci_low_ns", table_real(t.summary.low / calls));
    json_object_set_new(row, "ci_high_ns", table_real(t.summary.high / calls));
    json_object_set_new(row, "gbps", table_real(bytes / t.summary.median));
    json_object_set_new(row, "gops",
                        table_real((double)integer(source, "work_ops") / t.summary.median));
    roof_members(row, &roofline);
    scaling_members(row, db, cell_id(cell));
    variant_members(row, db, cell_id(cell));
    value_member(row, db, cell_id(cell), "huge_page_share", "huge_page_share");
    value_member(row, db, cell_id(cell), "local_page_share", "local_page_share");
    json_object_set_new(row, "calls", json_integer((json_int_t)calls));
    energy_members(row, db, cell_id(cell), calls);
    json_object_set_new(row, "simulated", simulate_object(db, cell_id(cell)));
    copy_columns(row, cell, (const char *const[]){ "model", "cache", "provenance", NULL });
    finish_row(row, db, cell, &t, roofline.share, machine, build);
    free(t.ns);
    json_decref(source);
    return row;
}

json_t *rows_kernel(sqlite3 *db, int64_t run)
{
    return rows_of(db, run, "kernel", kernel_row);
}

static void model_times(json_t *row, const struct times *t, double tokens)
{
    const double ms = 1e-6 / tokens;

    json_object_set_new(row, "samples_ns", sample_array(t->ns, t->n, 1));
    json_object_set_new(row, "tokens", json_integer((json_int_t)tokens));
    json_object_set_new(row, "tokens_per_s", table_real(tokens * 1e9 / t->summary.median));
    json_object_set_new(row, "ms_per_token", table_real(t->summary.median * ms));
    json_object_set_new(row, "ci_low_ms", table_real(t->summary.low * ms));
    json_object_set_new(row, "ci_high_ms", table_real(t->summary.high * ms));
}

/* Of the samples, by the processes that took them. */
static void spread_members(json_t *row, sqlite3 *db, int64_t cell)
{
    const struct nested nested = rows_nested(db, cell);

    json_object_set_new(row, "processes", json_integer(nested.groups));
    json_object_set_new(row, "sd_within_ns", table_real(nested.within));
    json_object_set_new(row, "sd_between_ns", table_real(nested.between));
}

static json_t *model_row(sqlite3 *db, sqlite3_stmt *cell, const char *machine, const char *build)
{
    static const char *const names[] = {
        "model",           "format", "isa",      "phase",   "n_prompt", "n_gen",
        "n_depth",         "batch",  "parallel", "threads", "status",   "provenance",
        "layers_resident", "layers", "kv",       "head",    "item",     NULL
    };
    static const char *const values[] = { "weights_bytes",    "kv_bytes",        "scratch_bytes",
                                          "rss_peak_bytes",   "zero_share",      "experts_read",
                                          "local_page_share", "huge_page_share", NULL };
    json_t *row = json_object(), *source = json_object();
    const struct roofline roofline = roofline_of(db, cell_id(cell));
    struct times t = times_of(db, cell_id(cell));

    copy_columns(source, cell, (const char *const[]){ "tokens", NULL });
    copy_columns(row, cell, names);
    for (const char *const *name = names; *name; name++) /* llama-bench's zero is a number here */
        if (!strncmp(*name, "n_", 2) && json_is_null(json_object_get(row, *name)))
            json_object_set_new(row, *name, json_integer(0));
    model_times(row, &t, (double)integer(source, "tokens"));
    spread_members(row, db, cell_id(cell));
    for (const char *const *name = values; *name; name++)
        json_object_set_new(row, *name, whole_or_real(rows_value(db, cell_id(cell), *name, NULL)));
    roof_members(row, &roofline);
    energy_members(row, db, cell_id(cell), 1);
    copy_columns(row, cell, (const char *const[]){ "predicted_bytes", "predicted_ns", NULL });
    json_object_set_new(row, "profile", profile_object(db, cell_id(cell)));
    finish_row(row, db, cell, &t, roofline.share, machine, build);
    free(t.ns);
    json_decref(source);
    return row;
}

json_t *rows_model(sqlite3 *db, int64_t run)
{
    return rows_of(db, run, "model", model_row);
}
