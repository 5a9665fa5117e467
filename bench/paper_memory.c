/* SPDX-License-Identifier: MIT */
#include "bench/paper_memory.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "bench/paper_row.h"
#include "bench/rows.h"
#include "kernels/kernel.h"
#include "model/model.h"

/* ---- rows ---- */

/* A session: one of its cells, which all have the same values. */
struct served {
    const char *model, *format;
    struct paper_cell cell;
    int n_prompt, n_depth; /* the longest of its tests */
};

static void add_row(json_t *rows, const struct served *s, const char *metric, double value,
                    const char *provenance, const char *note)
{
    json_t *row = paper_row_new(&(struct paper_row){
        .item = "memory",
        .variant = paper_variant(s->model),
        .size = s->model,
        .format = s->format,
        .metric = metric,
        .paper = NAN,
        .ours = value,
        .low = NAN,
        .high = NAN,
        .provenance = provenance,
        .ratio_paper = NAN,
        .ratio = no_ratio,
        .threads = s->cell.threads,
        .n_prompt = s->n_prompt,
        .n_depth = s->n_depth,
        .note = note,
    });
    const bool whole = s->cell.layers_resident == s->cell.layers;

    paper_row_how(row, &s->cell, strcmp(provenance, "measured") || whole ? provenance : "cycled",
                  NAN);
    json_array_append_new(rows, row);
}

static void add_session(json_t *rows, sqlite3 *db, const struct served *s)
{
    static const struct {
        const char *metric, *value;
    } parts[] = { { "weights_gb", "weights_bytes" },
                  { "kv_gb", "session_kv_bytes" },
                  { "scratch_gb", "session_scratch_bytes" },
                  { "predicted_gb", "predicted_peak_bytes" } };
    char note[ROWS_REASON_MAX];
    double bytes = NAN;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        bytes = rows_value(db, s->cell.id, parts[i].value, note);
        add_row(rows, s, parts[i].metric, bytes / 1e9, "derived", isnan(bytes) ? note : "");
    }
    const double rss = rows_value(db, s->cell.id, "rss_peak_bytes", note);
    add_row(rows, s, "rss_gb", rss / 1e9, "measured", isnan(rss) ? note : "");
    add_row(rows, s, "difference_percent", 100 * (rss / bytes - 1), "derived",
            isnan(rss) ? note : "measured by predicted, less 1");
}

static void add_format(json_t *rows, sqlite3 *db, int64_t run, const char *model,
                       const char *format)
{
    static const char sql[] =
        "SELECT min(id), coalesce(max(n_prompt), 0), coalesce(max(n_depth), 0) FROM cell WHERE "
        "run = ?1 AND kind = 'model' AND model = ?2 AND format = ?3 AND item IS NULL GROUP BY "
        "block ORDER BY 1";
    sqlite3_stmt *q = paper_query(db, sql, run, model, format);

    while (q && sqlite3_step(q) == SQLITE_ROW) {
        struct served s = { .model = model,
                            .format = format,
                            .n_prompt = sqlite3_column_int(q, 1),
                            .n_depth = sqlite3_column_int(q, 2) };
        paper_cell_read(db, sqlite3_column_int64(q, 0), &s.cell);
        add_session(rows, db, &s);
        paper_cell_release(&s.cell);
    }
    sqlite3_finalize(q);
}

void paper_memory_rows(json_t *rows, sqlite3 *db, int64_t run)
{
    for (const struct shape *s = shapes; s->name; s++)
        for (const struct family *const *f = families; *f; f++)
            add_format(rows, db, run, s->name, (*f)->name);
}

/* ---- the table ---- */

static const struct column columns[] = {
    { "size", "size", "%s" },
    { "format", "format", "%s" },
    { "n_prompt", "prompt", "%.0f" },
    { "n_depth", "depth", "%.0f" },
    { "weights_gb", "weights GB", "%.3f" },
    { "kv_gb", "KV cache GB", "%.4f" },
    { "scratch_gb", "scratch GB", "%.4f" },
    { "predicted_gb", "predicted GB", "%.3f" },
    { "rss_gb", "measured GB", "%.3f" },
    { "difference_percent", "difference %", "%.2f" },
    { "how", "how", "%s" },
    { NULL, NULL, NULL },
};

int paper_memory_table(struct outputs *o, const json_t *rows)
{
    static const char *const members[] = { "size", "format", "n_prompt", "n_depth", NULL };
    json_t *lines = json_array(), *line = NULL, *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *metric = table_text(row, "metric");
        if (strcmp(table_text(row, "item"), "memory"))
            continue;
        if (!strcmp(metric, "weights_gb")) { /* the first of a session's rows */
            line = json_object();
            for (const char *const *m = members; *m; m++)
                json_object_set(line, *m, json_object_get(row, *m));
            json_array_append_new(lines, line);
        }
        json_object_set(line, metric, json_object_get(row, "ours"));
        if (!strcmp(metric, "rss_gb"))
            json_object_set(line, "how", json_object_get(row, "how"));
    }
    const int error =
        json_array_size(lines)
            ? outputs_table(
                  o, lines, columns, "Memory by part, predicted and measured",
                  "A line a session, which holds the KV cache of the longest prompt or the "
                  "greatest "
                  "depth of its tests. Parts are computed from the shape by what allocates them; "
                  "`predicted` is their sum and the logits, known before the model is built; "
                  "`measured` is what the peak of resident memory grew by. Where `how` is `cycled` "
                  "not all layers are in memory: the prediction is the whole model's, and nothing "
                  "is measured.")
            : 0;
    json_decref(lines);
    return error;
}
