/* SPDX-License-Identifier: MIT */
#include "bench/paper_rows.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/joules.h"
#include "bench/paper_claims.h"
#include "bench/paper_cycled.h"
#include "bench/paper_data.h"
#include "bench/paper_depth.h"
#include "bench/paper_energy.h"
#include "bench/paper_fit.h"
#include "bench/paper_memory.h"
#include "bench/paper_row.h"
#include "bench/paper_sparsity.h"
#include "bench/report_lines.h"
#include "bench/rows.h"
#include "bench/table3_rows.h"
#include "harness/store.h"
#include "kernels/kernel.h"
#include "model/model.h"

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

/* What differs from the paper, or why there is no number. */
static void note_of(char *note, const struct paper_cell *c, const char *item, const char *size,
                    bool same_rounds)
{
    int at = paper_note(note, c, same_rounds);

    if (!strcmp(item, "table1") && !strcmp(size, "3.9B"))
        at += snprintf(note + at, PAPER_NOTE_MAX - (size_t)at,
                       "ratio to f16 of 3B, as in the paper; ");
    if (!strcmp(item, "fig2") && !strcmp(size, "70B"))
        at += snprintf(note + at, PAPER_NOTE_MAX - (size_t)at,
                       "the paper's 70B has the memory of a 65B shape without grouped heads; ");
    if (!strcmp(item, "prefill"))
        snprintf(note + at, PAPER_NOTE_MAX - (size_t)at,
                 "here: CPU, %d threads, one prompt of %d tokens", c->threads, c->n_prompt);
    else if (strcmp(paper_variant(size), "cpu"))
        snprintf(note + at, PAPER_NOTE_MAX - (size_t)at,
                 "not a shape of the paper; here: CPU, %d threads, batch 1, from an empty cache",
                 c->threads);
    else
        snprintf(note + at, PAPER_NOTE_MAX - (size_t)at,
                 "paper: GPU, batch and prompt not stated; here: CPU, %d threads, batch 1, from an "
                 "empty cache",
                 c->threads);
}

/* memory_gb, latency_ms or throughput_tokens_per_s of one cell as a row of `item`. */
static json_t *metric_row(sqlite3 *db, int64_t run, const char *item, const char *size,
                          const char *format, const char *metric, const struct paper_cell *c)
{
    const bool memory = !strcmp(metric, "memory_gb"), speed = !strcmp(item, "prefill");
    const char *provenance = c->provenance;
    struct ratio ratio = no_ratio;
    struct paper_times t = { NAN, NAN, NAN };
    struct paper_cell base;
    char note[PAPER_NOTE_MAX];
    const bool based = find_base(db, run, item, size, speed ? "prefill" : "decode", &base);

    if (memory) {
        const char *base_provenance;
        t.value = paper_memory(db, c, &provenance) / 1e9;
        if (based)
            ratio.value = paper_memory(db, &base, &base_provenance) / 1e9 / t.value;
    } else {
        t = paper_times(c, speed);
        if (based)
            ratio = paper_speed_ratio(db, &base, c);
    }
    note_of(note, c, item, size, memory || !based || base.group == c->group);
    if (based)
        paper_cell_release(&base);
    json_t *row = paper_row_new(&(struct paper_row){
        .item = item,
        .variant = paper_variant(size),
        .size = size,
        .format = format,
        .metric = metric,
        .paper = speed ? NAN : paper_value(item, size, format, metric, false),
        .ours = t.value,
        .low = t.low,
        .high = t.high,
        .provenance = provenance,
        .ratio_paper = speed ? NAN : paper_value(item, size, format, metric, true),
        .ratio = ratio,
        .threads = c->threads,
        .n_prompt = c->n_prompt,
        .note = note,
    });
    if (memory)
        paper_row_how(row, c, provenance, NAN);
    else
        paper_row_measured(row, db, c, t.value);
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
        struct ratio ratio = no_ratio;
        if (pairs && !paper_is_ternary(format))
            base = ours.estimate;
        else if (pairs)
            ratio = energy_ratio(base, ours.estimate, false);
        const struct paper_row row = {
            .item = "fig3",
            .variant = variant,
            .size = size,
            .format = format,
            .metric = "energy_j",
            .paper = energy_value(db, cell, true).estimate.value,
            .ours = ours.estimate.value,
            .low = below(ours.estimate),
            .high = above(ours.estimate),
            .provenance = ours.provenance,
            .ratio_paper = paper && paper_is_ternary(format)
                               ? paper_number(PAPER_FIGURE3, size, NULL, "energy_ratio")
                               : NAN,
            .ratio = ratio,
            .note = ours.reason[0] ? ours.reason : paper_energy_words(variant),
        };
        json_array_append_new(rows, paper_row_new(&row));
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
        const struct paper_row row = {
            .item = "energy",
            .variant = paper_variant(size),
            .size = size,
            .format = (*f)->name,
            .metric = metric,
            .paper = NAN,
            .ours = ours.estimate.value,
            .low = below(ours.estimate),
            .high = above(ours.estimate),
            .provenance = ours.provenance,
            .ratio_paper = NAN,
            .ratio = energy_ratio(base, ours.estimate, !strcmp((*f)->name, "f16")),
            .threads = c.threads,
            .n_prompt = c.n_prompt,
            .note = ours.reason,
        };
        json_array_append_new(rows, paper_row_new(&row));
        paper_cell_release(&c);
    }
}

/* ---- zeros ---- */

static void add_sparsity(void *rows, const struct sparsity_row *s)
{
    char threshold[16];

    snprintf(threshold, sizeof threshold, "%.1f", s->threshold);
    json_t *row = paper_row_new(&(struct paper_row){
        .item = "sparsity",
        .variant = s->distribution,
        .size = threshold,
        .format = "ternary2",
        .metric = "zero_share",
        .paper = NAN,
        .ours = s->share,
        .low = s->low,
        .high = s->high,
        .provenance = s->provenance,
        .ratio_paper = NAN,
        .ratio = no_ratio,
        .note = s->note,
    });
    json_object_set_new(row, "format", json_null()); /* any ternary one */
    json_array_append_new(rows, row);
}

/* ---- all of it ---- */

static json_t *all_rows(sqlite3 *db, int64_t run, const struct text_list *only)
{
    const bool table1 = text_list_wants(only, "table1"), fig2 = text_list_wants(only, "fig2");
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
        if (strcmp(paper_variant(s->name), "cpu"))
            add_item(rows, db, run, "fig2", s->name);
    for (const struct shape *s = shapes; s->name && (table1 || fig2); s++)
        add_item(rows, db, run, "prefill", s->name);
    for (const struct shape *s = shapes; s->name && (table1 || fig2); s++) {
        add_tokens(rows, db, run, s->name, "decode");
        add_tokens(rows, db, run, s->name, "prefill");
    }
    if (text_list_wants(only, "table3"))
        table3_rows(rows, db, run);
    if (table1 || fig2) {
        paper_depth_rows(rows, db, run);
        paper_memory_rows(rows, db, run);
        paper_fit_rows(rows, db, run);
    }
    if (text_list_wants(only, "fig3"))
        add_energy(rows, db, run);
    if (table1 || fig2)
        paper_claims_rows(rows); /* of what is above */
    if (text_list_wants(only, "cycled"))
        paper_cycled_rows(rows, db, run);
    if (text_list_wants(only, "sparsity"))
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
    { "n_prompt", "n_prompt", "%g" },
    { "n_depth", "n_depth", "%g" },
    { "parallel", "parallel", "%g" },
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
    { "flagged", "flagged", "%g" },
    { "base_ours", "base_ours", "%g" },
    { "base_paper", "base_paper", "%g" },
    { "verdict", "verdict", "%s" },
    { "verdict_paper", "verdict_paper", "%s" },
    { "budget_bytes", "budget_bytes", "%.0f" },
    { "batch_bytes", "batch_bytes", "%.0f" },
    { "next_batch_bytes", "next_batch_bytes", "%.0f" },
    { "rss_peak_bytes", "rss_peak_bytes", "%.0f" },
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
