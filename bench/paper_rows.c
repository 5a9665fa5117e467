/* SPDX-License-Identifier: MIT */
#include "bench/paper_rows.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/joules.h"
#include "bench/paper_cells.h"
#include "bench/paper_data.h"
#include "bench/paper_energy.h"
#include "bench/paper_sparsity.h"
#include "bench/report_lines.h"
#include "bench/roofline.h"
#include "bench/rows.h"
#include "harness/store.h"
#include "kernels/kernel.h"
#include "model/model.h"

enum { TEXT_MAX = 400 };

/* Run-time memory in bytes: what was measured, or weights, KV cache and scratch of the shape. */
static double memory_of(sqlite3 *db, const struct paper_cell *c, const char **provenance)
{
    const double measured = rows_value(db, c->id, "rss_peak_bytes", NULL);

    *provenance = isnan(measured) ? "derived" : "measured";
    if (!isnan(measured))
        return measured;
    return rows_value(db, c->id, "weights_bytes", NULL) + rows_value(db, c->id, "kv_bytes", NULL) +
           rows_value(db, c->id, "scratch_bytes", NULL);
}

struct ratio {
    double value, low, high; /* low and high, the 95% interval, are NaN where there is none */
};

/* How many times faster c is than base a token: paired by rounds where both were in the same. */
static struct ratio speed_ratio(sqlite3 *db, const struct paper_cell *base,
                                const struct paper_cell *c)
{
    const double each = c->tokens / base->tokens;
    struct ratio ratio = { base->times.median / c->times.median * each, NAN, NAN };
    int n = 0;

    if (base->id == c->id)
        return (struct ratio){ 1, NAN, NAN };
    double *pairs = base->group == c->group ? rows_ratios(db, base->id, c->id, &n) : NULL;
    if (n) {
        const struct summary s = stats_ratios(pairs, n);
        ratio = (struct ratio){ s.mean * each, s.low * each, s.high * each };
    }
    free(pairs);
    return ratio;
}

/* The format that a row is compared with: f16 of the same size, and of 3B for 3.9B in Table 1. */
static bool find_base(sqlite3 *db, int64_t run, const char *item, const char *size,
                      const char *phase, struct paper_cell *base)
{
    const bool other = !strcmp(item, "table1") && !strcmp(size, "3.9B");

    return paper_cell_find(db, run, other ? "3B" : size, "f16", phase, base);
}

static double paper_value(const char *item, const char *size, const char *format,
                          const char *metric, bool ratio)
{
    const bool ternary = paper_is_ternary(format), memory = !strcmp(metric, "memory_gb");
    char name[40];

    if (strcmp(format, "f16") && !ternary)
        return NAN;
    if (!strcmp(item, "table1")) {
        snprintf(name, sizeof name, "%s_%s", memory ? "memory" : "latency",
                 ratio    ? "ratio"
                 : memory ? "gb"
                          : "ms");
        return paper_number(PAPER_TABLE1, ternary ? "b158" : "llama", size, name);
    }
    if (ratio)
        return ternary ? paper_number(PAPER_FIGURE2, size, NULL,
                                      memory ? "memory_ratio" : "latency_ratio")
               : isnan(paper_number(PAPER_FIGURE2, size, NULL, "llama_gb")) ? NAN
                                                                            : 1;
    snprintf(name, sizeof name, "%s_%s", ternary ? "b158" : "llama", memory ? "gb" : "ms");
    return paper_number(PAPER_FIGURE2, size, NULL, name);
}

/* `cpu` for a shape of the paper, else its family. */
static const char *variant_of(const char *size)
{
    for (int i = 0; i < PAPER_SIZES; i++)
        if (!strcmp(size, paper_sizes[i].name))
            return "cpu";
    return shape_find(size)->family;
}

/* What differs from the paper, or why there is no number. */
static void note_of(char *note, const struct paper_cell *c, const char *item, const char *size,
                    bool same_rounds)
{
    int at = 0;

    if (strcmp(c->status, "ok")) {
        at += snprintf(note + at, TEXT_MAX - (size_t)at, "%s: %s; ", c->status, c->reason);
    }
    if (!strcmp(c->provenance, "cycled"))
        at += snprintf(note + at, TEXT_MAX - (size_t)at, "cycled %d/%d layers; ",
                       c->layers_resident, c->layers);
    if (!strcmp(c->kv, "i8"))
        at += snprintf(note + at, TEXT_MAX - (size_t)at, "KV cache in int8; ");
    if (!strcmp(c->head, "i8"))
        at += snprintf(note + at, TEXT_MAX - (size_t)at, "LM head in int8; ");
    if (c->n && c->n < 6)
        at += snprintf(note + at, TEXT_MAX - (size_t)at, "n = %d < 6; ", c->n);
    if (!same_rounds)
        at += snprintf(note + at, TEXT_MAX - (size_t)at, "not in the same rounds as f16; ");
    if (!strcmp(item, "table1") && !strcmp(size, "3.9B"))
        at += snprintf(note + at, TEXT_MAX - (size_t)at, "ratio to f16 of 3B, as in the paper; ");
    if (!strcmp(item, "fig2") && !strcmp(size, "70B"))
        at += snprintf(note + at, TEXT_MAX - (size_t)at,
                       "the paper's 70B has the memory of a 65B shape without grouped heads; ");
    if (!strcmp(item, "prefill"))
        snprintf(note + at, TEXT_MAX - (size_t)at, "here: CPU, %d threads, one prompt of %d tokens",
                 c->threads, c->n_prompt);
    else if (strcmp(variant_of(size), "cpu"))
        snprintf(note + at, TEXT_MAX - (size_t)at,
                 "not a shape of the paper; here: CPU, %d threads, batch 1, from an empty cache",
                 c->threads);
    else
        snprintf(note + at, TEXT_MAX - (size_t)at,
                 "paper: GPU, batch and prompt not stated; here: CPU, %d threads, batch 1, from an "
                 "empty cache",
                 c->threads);
}

static json_t *new_row(const char *item, const char *variant, const char *size, const char *format,
                       const char *metric, double paper, double ours, double low, double high,
                       const char *provenance, double ratio_paper, struct ratio ratio, int threads,
                       const char *note)
{
    json_t *row = json_object();

    json_object_set_new(row, "item", json_string(item));
    json_object_set_new(row, "variant", json_string(variant));
    json_object_set_new(row, "model", json_string(paper_is_ternary(format) ? "b158" : "llama"));
    json_object_set_new(row, "size", json_string(size));
    json_object_set_new(row, "format", json_string(format));
    json_object_set_new(row, "metric", json_string(metric));
    json_object_set_new(row, "paper", table_real(paper));
    json_object_set_new(row, "ours", table_real(ours));
    json_object_set_new(row, "ci_low", table_real(low));
    json_object_set_new(row, "ci_high", table_real(high));
    json_object_set_new(row, "provenance", json_string(provenance));
    json_object_set_new(row, "ratio_paper", table_real(ratio_paper));
    json_object_set_new(row, "ratio_ours", table_real(ratio.value));
    json_object_set_new(row, "ratio_low", table_real(ratio.low));
    json_object_set_new(row, "ratio_high", table_real(ratio.high));
    json_object_set_new(row, "threads", threads ? json_integer(threads) : json_null());
    json_object_set_new(row, "roof_share", json_null());
    json_object_set_new(row, "processes", json_null());
    json_object_set_new(row, "sd_within", json_null());
    json_object_set_new(row, "sd_between", json_null());
    json_object_set_new(row, "how", json_string(provenance));
    json_object_set_new(row, "note", json_string(note));
    return row;
}

/* How a value of a cell came about: its provenance; of which part of the layers; or why there is
 * none. */
static void set_how(json_t *row, const struct paper_cell *c, const char *provenance, double share)
{
    char how[PAPER_REASON_MAX + 60];
    int n;

    if (strcmp(c->status, "ok"))
        n = snprintf(how, sizeof how, "%s: %s", c->status, c->reason);
    else if (!strcmp(provenance, "cycled"))
        n = snprintf(how, sizeof how, "cycled %d/%d", c->layers_resident, c->layers);
    else
        n = snprintf(how, sizeof how, "%s", provenance);
    if (share > 1)
        snprintf(how + n, sizeof how - (size_t)n, ", above the roof");
    json_object_set_new(row, "how", json_string(how));
}

/* memory_gb, latency_ms or throughput_tokens_per_s of one cell as a row of `item`. */
static json_t *metric_row(sqlite3 *db, int64_t run, const char *item, const char *size,
                          const char *format, const char *metric, const struct paper_cell *c)
{
    const bool memory = !strcmp(metric, "memory_gb"), speed = !strcmp(item, "prefill");
    const char *provenance = c->provenance;
    struct ratio ratio = { NAN, NAN, NAN };
    double ours, low = NAN, high = NAN;
    struct paper_cell base;
    char note[TEXT_MAX];
    const bool based = find_base(db, run, item, size, speed ? "prefill" : "decode", &base);

    if (memory) {
        const char *base_provenance;
        ours = memory_of(db, c, &provenance) / 1e9;
        if (based)
            ratio.value = memory_of(db, &base, &base_provenance) / 1e9 / ours;
    } else {
        const double ms = c->times.median / c->tokens * 1e-6;
        ours = speed ? 1e3 / ms : ms;
        low = speed ? c->tokens * 1e9 / c->times.high : c->times.low / c->tokens * 1e-6;
        high = !speed             ? c->times.high / c->tokens * 1e-6
               : c->times.low > 0 ? c->tokens * 1e9 / c->times.low
                                  : NAN; /* of few samples: no bound */
        if (based)
            ratio = speed_ratio(db, &base, c);
    }
    note_of(note, c, item, size, memory || !based || base.group == c->group);
    if (based)
        paper_cell_release(&base);
    json_t *row = new_row(
        item, variant_of(size), size, format, metric,
        speed ? NAN : paper_value(item, size, format, metric, false), ours, low, high, provenance,
        speed ? NAN : paper_value(item, size, format, metric, true), ratio, c->threads, note);
    const double share = memory ? NAN : roofline_of(db, c->id).share;
    set_how(row, c, provenance, share);
    if (memory)
        return row;
    const struct nested nested = rows_nested(db, c->id);
    json_object_set_new(row, "roof_share", table_real(share));
    json_object_set_new(row, "processes", json_integer(nested.groups));
    json_object_set_new(row, "sd_within", table_real(ours * nested.within / c->times.median));
    json_object_set_new(row, "sd_between", table_real(ours * nested.between / c->times.median));
    return row;
}

static void add_item(json_t *rows, sqlite3 *db, int64_t run, const char *item, const char *size)
{
    const bool prefill = !strcmp(item, "prefill");
    struct paper_cell c;

    for (const struct family *const *f = families; *f; f++) {
        const char *format = (*f)->name;
        if (!paper_cell_find(db, run, size, format, prefill ? "prefill" : "decode", &c))
            continue;
        if (prefill) {
            json_array_append_new(
                rows, metric_row(db, run, item, size, format, "throughput_tokens_per_s", &c));
        } else {
            json_array_append_new(rows, metric_row(db, run, item, size, format, "memory_gb", &c));
            json_array_append_new(rows, metric_row(db, run, item, size, format, "latency_ms", &c));
        }
        paper_cell_release(&c);
    }
}

/* ---- Figure 3 ---- */

struct joule {
    struct estimate estimate;
    char provenance[16], reason[ROWS_REASON_MAX];
};

/* The joules of a cell of Figure 3: the paper's, or this program's. */
static struct joule energy_value(sqlite3 *db, int64_t cell, bool paper)
{
    struct joule joule = { .estimate = { NAN, NAN } };
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(db,
                           "SELECT value, uncertainty, provenance, reason FROM value WHERE cell = "
                           "?1 AND metric = 'energy_j' AND (provenance = 'paper') = ?2",
                           -1, &s, NULL))
        return joule;
    sqlite3_bind_int64(s, 1, cell);
    sqlite3_bind_int(s, 2, paper);
    if (sqlite3_step(s) == SQLITE_ROW) {
        if (sqlite3_column_type(s, 0) != SQLITE_NULL)
            joule.estimate.value = sqlite3_column_double(s, 0);
        if (sqlite3_column_type(s, 1) != SQLITE_NULL)
            joule.estimate.uncertainty = sqlite3_column_double(s, 1);
        snprintf(joule.provenance, sizeof joule.provenance, "%s", rows_text(s, 2));
        snprintf(joule.reason, sizeof joule.reason, "%s", rows_text(s, 3));
    }
    sqlite3_finalize(s);
    return joule;
}

/* The 95% interval: twice the standard uncertainty on either side. */
static double below(struct estimate e)
{
    return e.value - 2 * e.uncertainty;
}

static double above(struct estimate e)
{
    return e.value + 2 * e.uncertainty;
}

/* FP16 by itself: 1, without an interval. */
static struct ratio energy_ratio(struct estimate base, struct estimate e, bool itself)
{
    if (itself)
        return (struct ratio){ isnan(e.value) ? NAN : 1, NAN, NAN };
    const double value = base.value / e.value;
    const double u = value * hypot(base.uncertainty / base.value, e.uncertainty / e.value);

    return (struct ratio){ value, value - 2 * u, value + 2 * u };
}

/* Rows come in pairs, FP16 first: a ternary row's ratio is to the one before it. */
static void add_energy(json_t *rows, sqlite3 *db, int64_t run)
{
    struct estimate base = { NAN, NAN };
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(db,
                           "SELECT id, item, model, format FROM cell WHERE run = ?1 AND "
                           "kind = 'energy' ORDER BY id",
                           -1, &s, NULL))
        return;
    sqlite3_bind_int64(s, 1, run);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *variant = rows_text(s, 1), *size = rows_text(s, 2), *format = rows_text(s, 3);
        const bool paper = !strcmp(variant, "paper"), pairs = strcmp(variant, "2b4t") != 0;
        const int64_t cell = sqlite3_column_int64(s, 0);
        const struct joule ours = energy_value(db, cell, false);
        struct ratio ratio = { NAN, NAN, NAN };
        if (pairs && !paper_is_ternary(format))
            base = ours.estimate;
        else if (pairs)
            ratio = energy_ratio(base, ours.estimate, false);
        json_array_append_new(
            rows, new_row("fig3", variant, size, format, "energy_j",
                          energy_value(db, cell, true).estimate.value, ours.estimate.value,
                          below(ours.estimate), above(ours.estimate), ours.provenance,
                          paper && paper_is_ternary(format)
                              ? paper_number(PAPER_FIGURE3, size, NULL, "energy_ratio")
                              : NAN,
                          ratio, 0, ours.reason[0] ? ours.reason : paper_energy_words(variant)));
    }
    sqlite3_finalize(s);
}

/* ---- joules a token, which the paper does not have ---- */

/* The joules of a token of a cell, and the reason where there are none. */
static struct joule token_value(sqlite3 *db, const struct paper_cell *c)
{
    struct joule joule = { .estimate = { NAN, NAN } };
    struct cell_joules j;

    joules_of(db, c->id, &j);
    if (isnan(rows_value(db, c->id, "j_per_token", joule.reason)) && !j.windows)
        snprintf(joule.provenance, sizeof joule.provenance, "%s", PROVENANCE_MEASURED);
    else
        snprintf(joule.provenance, sizeof joule.provenance, "%s", j.provenance);
    if (j.windows) {
        joule.estimate =
            (struct estimate){ j.energy_j.value / c->tokens, j.energy_j.uncertainty / c->tokens };
        const bool cycled = !strcmp(c->provenance, "cycled");
        snprintf(joule.reason, sizeof joule.reason, "%s%.80s%s%.60s", cycled ? "cycled; " : "",
                 j.domains, j.note[0] ? "; " : "", j.note);
    }
    return joule;
}

static void add_tokens(json_t *rows, sqlite3 *db, int64_t run, const char *size, const char *phase)
{
    struct estimate base = { NAN, NAN };
    struct paper_cell c;
    char metric[40];

    snprintf(metric, sizeof metric, "%s_j_per_token", phase);
    for (const struct family *const *f = families; *f; f++) {
        if (!paper_cell_find(db, run, size, (*f)->name, phase, &c))
            continue;
        const struct joule ours = token_value(db, &c);
        if (!strcmp((*f)->name, "f16"))
            base = ours.estimate;
        json_array_append_new(rows,
                              new_row("energy", variant_of(size), size, (*f)->name, metric, NAN,
                                      ours.estimate.value, below(ours.estimate),
                                      above(ours.estimate), ours.provenance, NAN,
                                      energy_ratio(base, ours.estimate, !strcmp((*f)->name, "f16")),
                                      c.threads, ours.reason));
        paper_cell_release(&c);
    }
}

/* ---- zeros ---- */

static void add_sparsity(void *rows, const struct sparsity_row *s)
{
    const struct ratio none = { NAN, NAN, NAN };
    char threshold[16];

    snprintf(threshold, sizeof threshold, "%.1f", s->threshold);
    json_t *row = new_row("sparsity", s->distribution, threshold, "ternary2", "zero_share", NAN,
                          s->share, s->low, s->high, s->provenance, NAN, none, 0, s->note);
    json_object_set_new(row, "format", json_null()); /* any ternary one */
    json_array_append_new(rows, row);
}

/* ---- all of it ---- */

static bool wanted(const struct text_list *only, const char *item)
{
    for (int i = 0; i < only->count; i++)
        if (!strcmp(only->values[i], item))
            return true;
    return only->count == 0;
}

static json_t *all_rows(sqlite3 *db, int64_t run, const struct text_list *only)
{
    const bool table1 = wanted(only, "table1"), fig2 = wanted(only, "fig2");
    json_t *rows = json_array(), *row;
    char machine[200], build[200];
    size_t at;

    for (int i = 0; i < PAPER_SIZES && table1; i++)
        if (paper_sizes[i].table1)
            add_item(rows, db, run, "table1", paper_sizes[i].name);
    for (int i = 0; i < PAPER_SIZES && fig2; i++)
        if (paper_sizes[i].fig2 || !paper_sizes[i].table1)
            add_item(rows, db, run, "fig2", paper_sizes[i].name);
    for (const struct shape *s = shapes; s->name && fig2; s++)
        if (strcmp(variant_of(s->name), "cpu"))
            add_item(rows, db, run, "fig2", s->name);
    for (const struct shape *s = shapes; s->name && (table1 || fig2); s++)
        add_item(rows, db, run, "prefill", s->name);
    for (const struct shape *s = shapes; s->name && (table1 || fig2); s++) {
        add_tokens(rows, db, run, s->name, "decode");
        add_tokens(rows, db, run, s->name, "prefill");
    }
    if (wanted(only, "fig3"))
        add_energy(rows, db, run);
    if (wanted(only, "sparsity"))
        paper_sparsity_each(db, run, add_sparsity, rows);
    rows_machine_build(db, run, machine, build);
    json_array_foreach(rows, at, row)
    {
        json_object_set_new(row, "machine", json_string(machine));
        json_object_set_new(row, "build", json_string(build));
    }
    return rows;
}

static const struct column row_columns[] = {
    { "item", "item", "%s" },
    { "variant", "variant", "%s" },
    { "model", "model", "%s" },
    { "size", "size", "%s" },
    { "format", "format", "%s" },
    { "metric", "metric", "%s" },
    { "paper", "paper", "%g" },
    { "ours", "ours", "%g" },
    { "ci_low", "ci_low", "%g" },
    { "ci_high", "ci_high", "%g" },
    { "provenance", "provenance", "%s" },
    { "ratio_paper", "ratio_paper", "%g" },
    { "ratio_ours", "ratio_ours", "%g" },
    { "ratio_low", "ratio_low", "%g" },
    { "ratio_high", "ratio_high", "%g" },
    { "threads", "threads", "%g" },
    { "roof_share", "roof_share", "%g" },
    { "processes", "processes", "%g" },
    { "sd_within", "sd_within", "%g" },
    { "sd_between", "sd_between", "%g" },
    { "how", "how", "%s" },
    { "note", "note", "%s" },
    { "machine", "machine", "%s" },
    { "build", "build", "%s" },
    { NULL, NULL, NULL },
};

int paper_rows_write(struct outputs *o, sqlite3 *db, int64_t run, const struct text_list *only,
                     const char *figures)
{
    json_t *rows = all_rows(db, run, only);
    int error = rows ? outputs_data(o, rows, row_columns) : -ENOMEM;

    if (!error)
        error = report_tex_write(o, rows);
    if (!error)
        error = report_html_write(o, db, run, rows);
    if (!error)
        error = paper_tables_write(o, db, run, rows);
    if (!error)
        error = report_html_end(o, db, run, rows, row_columns, figures);
    json_decref(rows);
    return error;
}
