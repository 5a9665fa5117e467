/* SPDX-License-Identifier: MIT
 *
 * Tables for reading: a line a size and format, the paper's numbers beside this machine's. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "bench/energy_rows.h"
#include "bench/paper_cells.h"
#include "bench/paper_claims.h"
#include "bench/paper_cycled.h"
#include "bench/paper_depth.h"
#include "bench/paper_fit.h"
#include "bench/paper_memory.h"
#include "bench/paper_sparsity.h"
#include "bench/roofline.h"
#include "bench/rows.h"
#include "bench/table3_rows.h"
#include "kernels/kernel.h"
#include "model/model.h"

enum { NOTES_MAX = 2400 };

static const struct column size_columns[] = {
    { "size", "size", "%s" },
    { "format", "format", "%s" },
    { "weights", "weights GB", "%.2f" },
    { "memory", "memory GB", "%.2f" },
    { "memory_ratio", "less", "%.2fx" },
    { "paper_memory", "paper GB", "%.2f" },
    { "paper_memory_ratio", "less", "%.2fx" },
    { "ms", "ms/token", "%.1f" },
    { "low", "95% from", "%.1f" },
    { "high", "to", "%.1f" },
    { "ms_ratio", "faster", "%.2fx" },
    { "paper_ms", "paper ms", "%.2f" },
    { "paper_ms_ratio", "faster", "%.2fx" },
    { "prefill", "prefill tok/s", "%.1f" },
    { "prefill_ratio", "faster", "%.2fx" },
    { "roof_share", "of roof", "%.2f" },
    { "prefill_share", "of peak", "%.2f" },
    { "joules", "J/token", "%s" },
    { "joules_prefill", "prefill", "%s" },
    { "how", "how", "%s" },
    { NULL, NULL, NULL },
};

static const json_t *pick(const json_t *rows, const char *item, const char *size,
                          const char *format, const char *metric)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        if (!strcmp(table_text(row, "item"), item) && !strcmp(table_text(row, "size"), size) &&
            !strcmp(table_text(row, "format"), format) &&
            !strcmp(table_text(row, "metric"), metric))
            return row;
    }
    return NULL;
}

static bool has(const json_t *rows, const char *item)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        if (!strcmp(table_text(row, "item"), item))
            return true;
    }
    return false;
}

static void copy(json_t *to, const char *name, const json_t *from, const char *member)
{
    json_t *value = from ? json_object_get(from, member) : NULL;

    json_object_set(to, name, value ? value : json_null());
}

/* A row's joules with their uncertainty, as text; "-" where there are none. */
static void measured(json_t *to, const char *name, const json_t *from)
{
    const json_t *ours = from ? json_object_get(from, "ours") : NULL;
    const json_t *high = from ? json_object_get(from, "ci_high") : NULL;
    const double value = json_is_number(ours) ? json_number_value(ours) : NAN;
    char text[80];

    energy_text(text, sizeof text, value,
                json_is_number(high) ? (json_number_value(high) - value) / 2 : NAN, NULL);
    json_object_set_new(to, name, json_string(text));
    snprintf(text, sizeof text, "%s_value", name);
    json_object_set_new(to, text, table_real(value));
}

/* Why the joules of the first row of `item` without them are absent; NULL where all are there. */
static const char *absent_why(const json_t *rows, const char *item, const char *variant)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        if (!strcmp(table_text(row, "item"), item) &&
            !strcmp(table_text(row, "variant"), variant) &&
            json_is_null(json_object_get(row, "ours")))
            return table_text(row, "note");
    }
    return NULL;
}

static json_t *size_row(sqlite3 *db, int64_t run, const json_t *rows, const char *item,
                        const char *size, const char *format)
{
    const json_t *memory = pick(rows, item, size, format, "memory_gb");
    const json_t *latency = pick(rows, item, size, format, "latency_ms");
    const json_t *prefill = pick(rows, "prefill", size, format, "throughput_tokens_per_s");
    json_t *row = json_object();
    struct paper_cell c;

    if (!paper_cell_find(db, run, size, format, "decode", &c)) {
        json_decref(row);
        return NULL;
    }
    copy(row, "size", latency, "size");
    copy(row, "format", latency, "format");
    json_object_set_new(row, "weights",
                        table_real(rows_value(db, c.id, "weights_bytes", NULL) / 1e9));
    copy(row, "memory", memory, "ours");
    copy(row, "memory_ratio", memory, "ratio_ours");
    copy(row, "paper_memory", memory, "paper");
    copy(row, "paper_memory_ratio", memory, "ratio_paper");
    copy(row, "ms", latency, "ours");
    copy(row, "low", latency, "ci_low");
    copy(row, "high", latency, "ci_high");
    copy(row, "ms_ratio", latency, "ratio_ours");
    copy(row, "paper_ms", latency, "paper");
    copy(row, "paper_ms_ratio", latency, "ratio_paper");
    copy(row, "prefill", prefill, "ours");
    copy(row, "prefill_ratio", prefill, "ratio_ours");
    copy(row, "roof_share", latency, "roof_share");
    copy(row, "prefill_share", prefill, "roof_share");
    measured(row, "joules", pick(rows, "energy", size, format, "decode_j_per_token"));
    measured(row, "joules_prefill", pick(rows, "energy", size, format, "prefill_j_per_token"));
    copy(row, "how", latency, "how");
    paper_cell_release(&c);
    return row;
}

static int write_sizes(struct outputs *o, sqlite3 *db, int64_t run, const json_t *rows,
                       const char *item, const char *heading, const char *notes)
{
    json_t *lines = json_array();

    for (const struct shape *s = shapes; s->name; s++) /* the paper's sizes first */
        for (const struct family *const *f = families; *f; f++) {
            json_t *row = pick(rows, item, s->name, (*f)->name, "latency_ms")
                              ? size_row(db, run, rows, item, s->name, (*f)->name)
                              : NULL;
            if (row)
                json_array_append_new(lines, row);
        }
    const int error = json_array_size(lines)
                          ? outputs_table_of(o, OUTPUT_MD, lines, size_columns, heading, notes)
                          : 0;
    json_decref(lines);
    return error;
}

static const struct column energy_columns[] = {
    { "size", "size", "%s" },
    { "llama_paper", "FP16 J, paper", "%.4f" },
    { "llama_model", "model", "%.4f" },
    { "llama_measured", "measured", "%s" },
    { "b158_paper", "b1.58 J, paper", "%.5f" },
    { "b158_model", "model", "%.5f" },
    { "b158_measured", "measured", "%s" },
    { "ratio_paper", "ratio, paper", "%.1fx" },
    { "ratio_model", "model", "%.2fx" },
    { "lm-head", "LM head", "%.1fx" },
    { "causal", "causal", "%.1fx" },
    { "real-shape", "real shape", "%.1fx" },
    { "dram", "DRAM", "%.1fx" },
    { "how", "how", "%s" },
    { NULL, NULL, NULL },
};

static const json_t *pick_energy(const json_t *rows, const char *variant, const char *size,
                                 bool ternary)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        if (!strcmp(table_text(row, "item"), "fig3") &&
            !strcmp(table_text(row, "variant"), variant) &&
            !strcmp(table_text(row, "size"), size) &&
            paper_is_ternary(table_text(row, "format")) == ternary)
            return row;
    }
    return NULL;
}

static int write_energy(struct outputs *o, const json_t *rows)
{
    static const char *const ratios[] = { "lm-head", "causal", "real-shape", "dram", NULL };
    json_t *lines = json_array();
    char notes[NOTES_MAX];

    for (int i = 0; i < PAPER_SIZES; i++) {
        const char *size = paper_sizes[i].name;
        const json_t *llama = pick_energy(rows, "paper", size, false);
        const json_t *b158 = pick_energy(rows, "paper", size, true);
        if (!llama || !b158)
            continue;
        json_t *row = json_object();
        copy(row, "size", llama, "size");
        copy(row, "llama_paper", llama, "paper");
        copy(row, "llama_model", llama, "ours");
        copy(row, "b158_paper", b158, "paper");
        copy(row, "b158_model", b158, "ours");
        measured(row, "llama_measured", pick_energy(rows, "measured", size, false));
        measured(row, "b158_measured", pick_energy(rows, "measured", size, true));
        copy(row, "ratio_paper", b158, "ratio_paper");
        copy(row, "ratio_model", b158, "ratio_ours");
        copy(row, "how", b158, "provenance");
        for (const char *const *v = ratios; *v; v++)
            copy(row, *v, pick_energy(rows, *v, size, true), "ratio_ours");
        json_array_append_new(lines, row);
    }
    const char *why = absent_why(rows, "fig3", "measured");
    snprintf(notes, sizeof notes,
             "Modelled, but for the columns `measured`: the paper's figure is an arithmetic model "
             "too, and it says nothing of DRAM, caches and idle power, which a meter counts. The "
             "last four columns are what it leaves out, as ratios. %s%s%s",
             why ? "Not measured: "
                 : "Measured: a prompt's joules, gross, for 512 tokens, with "
                   "the standard uncertainty",
             why ? why : "", ".");
    const int error = json_array_size(lines)
                          ? outputs_table(o, lines, energy_columns,
                                          "Figure 3: arithmetic energy of 512 tokens, 7 nm", notes)
                          : 0;
    json_decref(lines);
    return error;
}

int paper_tables_write(struct outputs *o, sqlite3 *db, int64_t run, const json_t *rows)
{
    char machine[200], build[200], notes[NOTES_MAX];
    const bool table1 = pick(rows, "table1", "3B", "f16", "latency_ms") != NULL;
    const bool sizes = has(rows, "table1") || has(rows, "fig2");
    const char *why = absent_why(rows, "energy", "cpu");

    rows_machine_build(db, run, machine, build);
    snprintf(
        notes, sizeof notes,
        "Here: %s; %s. Medians, with 95%% intervals; batch 1 from an empty cache. `less` and "
        "`faster`: how many times, against f16 (3.9B: against f16 of 3B, as in the paper). The "
        "paper: GPU, batch and prompt not stated. `how` is the times' provenance; `weights` is "
        "computed; `memory` is what the process grew by, measured, and computed where cycled. "
        "`prefill` is of one prompt and fewer than 6 samples, unless -r says otherwise: its "
        "prompt and interval are in the CSV and JSON. `of roof` is decode's share of the read-only "
        "bandwidth, `of peak` the prompt's of the peak of its multiply-adds, each in its own "
        "rounds. %s%s%s",
        machine, build,
        why ? "`J/token`: none: "
            : "`J/token`: gross, of decode and of the prompt, with the "
              "standard uncertainty",
        why ? why : "", ".");
    int error = write_sizes(o, db, run, rows, "table1", "Table 1: memory and latency", notes);
    if (!error)
        error = write_sizes(o, db, run, rows, "fig2", "Figure 2: memory and latency against size",
                            table1 ? NULL : notes);
    if (!error) {
        snprintf(notes, sizeof notes, "Here: %s; %s. ", machine, build);
        error = table3_tables(o, rows, sizes ? "" : notes);
    }
    if (!error)
        error = paper_depth_table(o, rows);
    if (!error)
        error = paper_memory_table(o, rows);
    if (!error)
        error = paper_fit_table(o, rows);
    if (!error)
        error = paper_claims_table(o, rows);
    if (!error)
        error = paper_cycled_table(o, rows);
    if (!error)
        error = write_energy(o, rows);
    return error ? error : paper_sparsity_table(o, rows);
}
