/* SPDX-License-Identifier: MIT */
#include "bench/table3_rows.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/paper_data.h"
#include "bench/paper_row.h"
#include "bench/paper_table3.h"
#include "bench/report_lines.h"
#include "bench/rows.h"
#include "kernels/kernel.h"
#include "model/model.h"

/* ---- cells ---- */

enum { BATCHES_MAX = 64 };

/* The batches of one size, format and KV cache, in ascending order; the last is the largest. */
struct batches {
    const char *size, *format, *kv;
    int count;
    struct paper_cell cells[BATCHES_MAX];
    double max_batch; /* NaN: not proved */
};

static void release(struct batches *b)
{
    for (int i = 0; i < b->count; i++)
        paper_cell_release(&b->cells[i]);
    b->count = 0;
}

static bool find_batches(sqlite3 *db, int64_t run, const char *size, const char *format,
                         const char *kv, struct batches *b)
{
    static const char sql[] =
        "SELECT parallel, n_depth FROM cell WHERE run = ?1 AND kind = 'model' AND item = ?2 AND "
        "model = ?3 AND format = ?4 AND kv = ?5 ORDER BY parallel";
    sqlite3_stmt *s = NULL;

    *b = (struct batches){ .size = size, .format = format, .kv = kv, .max_batch = NAN };
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        return false;
    sqlite3_bind_int64(s, 1, run);
    sqlite3_bind_text(s, 2, table3_item, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, size, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, format, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 5, kv, -1, SQLITE_STATIC);
    while (b->count < BATCHES_MAX && sqlite3_step(s) == SQLITE_ROW) {
        const struct paper_key key = { .model = size,
                                       .format = format,
                                       .phase = "decode",
                                       .item = table3_item,
                                       .kv = kv,
                                       .n_depth = sqlite3_column_int(s, 1),
                                       .parallel = sqlite3_column_int(s, 0) };
        b->count += paper_cell_get(db, run, &key, &b->cells[b->count]);
    }
    sqlite3_finalize(s);
    if (b->count)
        b->max_batch = rows_value(db, b->cells[b->count - 1].id, "max_batch", NULL);
    return b->count > 0;
}

static const struct paper_cell *largest_of(const struct batches *b)
{
    return &b->cells[b->count - 1];
}

static const struct paper_cell *same_batch(const struct batches *b, int parallel)
{
    for (int i = 0; i < b->count; i++)
        if (b->cells[i].parallel == parallel)
            return &b->cells[i];
    return NULL;
}

/* ---- rows ---- */

static void append(char note[PAPER_NOTE_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(char note[PAPER_NOTE_MAX], const char *format, ...)
{
    const size_t at = strlen(note);
    va_list args;

    va_start(args, format);
    vsnprintf(note + at, PAPER_NOTE_MAX - at, format, args);
    va_end(args);
}

/* What differs from the paper's two GPUs. */
static void note_difference(char note[PAPER_NOTE_MAX], const struct batches *b)
{
    if (!strcmp(b->size, "70B"))
        append(note,
               "paper: two 80 GB GPUs, heads not grouped (8 times the KV cache), of at most 8 "
               "bits for a batch of 176; ");
    append(note, "here: CPU, %d threads, steps in the middle of %d positions", b->cells[0].threads,
           TABLE3_POSITIONS);
}

static double paper_value(const struct batches *b, const char *column)
{
    const bool ternary = paper_is_ternary(b->format);

    if (strcmp(b->format, "f16") && !ternary)
        return NAN;
    return paper_number(PAPER_TABLE3, ternary ? "b158" : "llama", b->size, column);
}

static const char *variant_of(const struct batches *b)
{
    return strcmp(b->kv, "i8") ? paper_variant(b->size) : "kv-i8";
}

/* A row of b, numbers still to come. Below --sysroot all is a fixture. */
static struct paper_row row_of(const struct batches *b, const char *metric, const char *provenance,
                               const char *note)
{
    const bool fixture = !strcmp(b->cells[0].provenance, PROVENANCE_FIXTURE);

    return (struct paper_row){ .item = table3_item,
                               .variant = variant_of(b),
                               .size = b->size,
                               .format = b->format,
                               .metric = metric,
                               .paper = NAN,
                               .ours = NAN,
                               .low = NAN,
                               .high = NAN,
                               .provenance = fixture ? PROVENANCE_FIXTURE : provenance,
                               .ratio_paper = NAN,
                               .ratio = no_ratio,
                               .threads = b->cells[0].threads,
                               .note = note };
}

static double set_value(json_t *row, sqlite3 *db, int64_t cell, const char *metric)
{
    const double value = rows_value(db, cell, metric, NULL);

    json_object_set_new(row, metric, isnan(value) ? json_null() : json_integer((json_int_t)value));
    return value / 1e9;
}

/* base: of f16, with the same KV cache; its count may be 0. */
static json_t *max_row(sqlite3 *db, const struct batches *b, const struct batches *base)
{
    const struct paper_cell *c = largest_of(b);
    char note[PAPER_NOTE_MAX], how[PAPER_REASON_MAX];

    paper_note(note, c, true);
    if (base->count && base->max_batch == 0 && strcmp(b->format, "f16"))
        append(note, "no ratio: f16 fits at no batch; ");
    note_difference(note, b);
    struct paper_row r = row_of(b, "max_batch", PROVENANCE_DERIVED, note);
    r.paper = paper_value(b, "max_batch");
    r.ratio_paper = paper_value(b, "batch_ratio");
    r.ours = b->max_batch;
    r.parallel = c->parallel;
    if (base->count && base->max_batch > 0)
        r.ratio.value = b->max_batch / base->max_batch;
    json_t *row = paper_row_new(&r);
    const double budget = set_value(row, db, c->id, "budget_bytes");
    const double bytes = set_value(row, db, c->id, "batch_bytes");
    const double next = set_value(row, db, c->id, "next_batch_bytes");
    const double measured = set_value(row, db, c->id, "rss_peak_bytes");
    paper_row_how(row, c, PROVENANCE_DERIVED, NAN);
    if (b->max_batch == 0)
        snprintf(how, sizeof how, "derived: none fits, 1 needs %.3f of %.3f GB", bytes, budget);
    else
        snprintf(how, sizeof how,
                 "derived, and run in %.3f GB, %.3f predicted; %d need %.3f of %.3f", measured,
                 bytes, c->parallel + 1, next, budget);
    if (!isnan(b->max_batch))
        json_object_set_new(row, "how", json_string(how));
    return row;
}

/* Tokens/s of one batch, against f16 at the same, or at the largest of each. */
static json_t *speed_row(sqlite3 *db, const struct batches *b, const struct paper_cell *c,
                         const struct batches *base)
{
    const bool largest = c == largest_of(b);
    const struct paper_cell *of_f16 = !base->count ? NULL
                                      : largest    ? largest_of(base)
                                                   : same_batch(base, c->parallel);
    const struct paper_cell *f16_cell = of_f16 && of_f16->n ? of_f16 : NULL;
    const struct paper_times t = paper_times(c, true);
    char note[PAPER_NOTE_MAX];

    paper_note(note, c, !f16_cell || f16_cell->group == c->group || f16_cell->id == c->id);
    if (largest)
        append(note, "each at its largest batch; ");
    note_difference(note, b);
    struct paper_row r = row_of(b, "throughput_tokens_per_s", c->provenance, note);
    r.ours = t.value;
    r.low = t.low;
    r.high = t.high;
    r.parallel = c->parallel;
    r.n_depth = c->n_depth;
    r.paper = largest ? paper_value(b, "throughput_tokens_per_s") : NAN;
    r.ratio_paper = largest ? paper_value(b, "throughput_ratio") : NAN;
    if (f16_cell && c->n)
        r.ratio = paper_speed_ratio(db, f16_cell, c);
    json_t *row = paper_row_new(&r);
    paper_row_measured(row, db, c, t.value);
    return row;
}

/* What an int8 KV cache does to the logits of this model. */
static void add_accuracy(json_t *rows, sqlite3 *db, int64_t run, const struct batches *b)
{
    static const char *const metrics[] = { "kv_logit_error", "kv_top_token_same", NULL };
    static const char sql[] =
        "SELECT id, n_prompt, threads, status, coalesce(reason, '') FROM cell WHERE run = ?1 AND "
        "kind = 'accuracy' AND item = ?2 AND model = ?3 AND format = ?4 ORDER BY id DESC LIMIT 1";
    char note[PAPER_NOTE_MAX] = "", reason[ROWS_REASON_MAX];
    sqlite3_stmt *s = NULL;

    if (strcmp(b->kv, "i8") || sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        return;
    sqlite3_bind_int64(s, 1, run);
    sqlite3_bind_text(s, 2, table3_item, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, b->size, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, b->format, -1, SQLITE_STATIC);
    if (sqlite3_step(s) == SQLITE_ROW) {
        const int64_t cell = sqlite3_column_int64(s, 0);
        append(note,
               "int8 KV cache against FP16, synthetic weights: %.0f rows of logits of one "
               "prompt",
               rows_value(db, cell, "logit_rows", NULL));
        for (const char *const *metric = metrics; *metric; metric++) {
            struct paper_row r = row_of(b, *metric, PROVENANCE_MEASURED, note);
            r.ours = rows_value(db, cell, *metric, reason);
            r.n_prompt = sqlite3_column_int(s, 1);
            if (isnan(r.ours))
                r.note = *rows_text(s, 4) ? rows_text(s, 4) : reason;
            json_array_append_new(rows, paper_row_new(&r));
        }
    }
    sqlite3_finalize(s);
}

static void add_format(json_t *rows, sqlite3 *db, int64_t run, const char *size, const char *format,
                       const char *kv, const struct batches *base)
{
    static struct batches b; /* too large for a stack */

    if (!find_batches(db, run, size, format, kv, &b))
        return;
    json_array_append_new(rows, max_row(db, &b, strcmp(format, "f16") ? base : &b));
    for (int i = 0; i < b.count; i++)
        json_array_append_new(rows,
                              speed_row(db, &b, &b.cells[i], strcmp(format, "f16") ? base : &b));
    add_accuracy(rows, db, run, &b);
    release(&b);
}

void table3_rows(json_t *rows, sqlite3 *db, int64_t run)
{
    static struct batches base;

    for (const struct shape *s = shapes; s->name; s++)
        for (int kv = KV_F16; kv < KV_TYPES; kv++) {
            find_batches(db, run, s->name, "f16", kv_names[kv], &base);
            for (const struct family *const *f = families; *f; f++)
                add_format(rows, db, run, s->name, (*f)->name, kv_names[kv], &base);
            release(&base);
        }
}

/* ---- tables ---- */

static const struct column columns[] = {
    { "size", "size", "%s" },
    { "format", "format", "%s" },
    { "kv", "KV", "%s" },
    { "a_ours", "largest batch", "%.0f" },
    { "a_ratio_ours", "more", "%.2fx" },
    { "a_paper", "paper", "%.0f" },
    { "a_ratio_paper", "more", "%.1fx" },
    { "b_ours", "tok/s", "%.1f" },
    { "b_ci_low", "95% from", "%.1f" },
    { "b_ci_high", "to", "%.1f" },
    { "b_ratio_ours", "faster", "%.2fx" },
    { "b_paper", "paper", "%.0f" },
    { "b_ratio_paper", "faster", "%.1fx" },
    { "error", "KV error", "%.4f" },
    { "a_how", "batch is", "%s" },
    { "b_how", "speed is", "%s" },
    { NULL, NULL, NULL },
};

static bool same(const json_t *a, const json_t *b, const char *member)
{
    return json_equal(json_object_get(a, member), json_object_get(b, member));
}

static bool is_row(const json_t *row, const char *metric)
{
    return !strcmp(table_text(row, "item"), table3_item) &&
           !strcmp(table_text(row, "metric"), metric);
}

/* What the lines lack: the KV cache in a word, and what it costs. */
static void complete(json_t *lines, const json_t *rows)
{
    json_t *line, *row;
    size_t i, k;

    json_array_foreach(lines, i, line)
    {
        const char *variant = table_text(line, "variant");
        json_object_set_new(line, "kv", json_string(strcmp(variant, "kv-i8") ? "f16" : "i8"));
        json_object_set_new(line, "error", json_null());
        json_array_foreach(rows, k, row)
        {
            if (is_row(row, "kv_logit_error") && same(row, line, "size") &&
                same(row, line, "format") && same(row, line, "variant"))
                json_object_set(line, "error", json_object_get(row, "ours"));
        }
    }
}

enum { POWERS_MAX = 17, NAME_BYTES = 12 };

/* Gives the line the tokens/s of every power of two among its batches, under its number. Returns
 * how many powers there may be. */
static int add_powers(json_t *line, const json_t *rows, char names[POWERS_MAX][NAME_BYTES])
{
    json_t *row;
    size_t i;
    int powers = 0;

    json_array_foreach(rows, i, row)
    {
        const int parallel = (int)json_integer_value(json_object_get(row, "parallel"));
        if (!is_row(row, "throughput_tokens_per_s") || !same(row, line, "size") ||
            !same(row, line, "format") || !same(row, line, "variant") ||
            json_is_null(json_object_get(row, "ours")))
            continue;
        for (int p = 0; p < POWERS_MAX; p++)
            if (parallel == 1 << p) {
                json_object_set(line, names[p], json_object_get(row, "ours"));
                report_line_how(line, row, names[p]);
                powers = p + 1 > powers ? p + 1 : powers;
            }
    }
    return powers;
}

/* Tokens/s by batch, in columns; the largest batches have a table of their own. */
static int write_batches(struct outputs *o, const json_t *lines, const json_t *rows)
{
    struct column by_batch[3 + POWERS_MAX + 2] = { { "size", "size", "%s" },
                                                   { "format", "format", "%s" },
                                                   { "kv", "KV", "%s" } };
    char names[POWERS_MAX][NAME_BYTES];
    json_t *used = json_array(), *line;
    int most = 0;
    size_t i;

    for (int p = 0; p < POWERS_MAX; p++)
        snprintf(names[p], NAME_BYTES, "%d", 1 << p);
    json_array_foreach(lines, i, line)
    {
        const int powers = add_powers(line, rows, names);
        most = powers > most ? powers : most;
        if (powers)
            json_array_append(used, line);
    }
    for (int p = 0; p < most; p++)
        by_batch[3 + p] = (struct column){ names[p], names[p], "%.1f" };
    by_batch[3 + most] = (struct column){ "how", "how", "%s" };
    const int error =
        most
            ? outputs_table(o, used, by_batch, "Tokens per second by batch",
                            "All sequences together; each has 512 positions in the cache, and the "
                            "steps are in their middle. Intervals, and the largest batches, are in "
                            "the rows of item `table3`.")
            : 0;
    json_decref(used);
    return error;
}

int table3_tables(struct outputs *o, const json_t *rows, const char *here)
{
    const struct report_pair *pair = report_pairs;
    char notes[2000];

    while (strcmp(pair->item, table3_item))
        pair++;
    json_t *lines = report_lines(rows, pair);
    if (!json_array_size(lines)) {
        json_decref(lines);
        return 0;
    }
    complete(lines, rows);
    snprintf(
        notes, sizeof notes,
        "%sThe most sequences of %d tokens that fit the memory to be used: by prediction, then "
        "allocated, filled and run. Tokens/s of the steps in the middle of the sequences, all "
        "together, each format at its own largest batch; `more` and `faster`: how many times, "
        "against f16 with the same KV cache. The paper: 70B, two 80 GB GPUs, tokens and KV "
        "cache not stated; its FP16 70B has the memory of a shape without grouped heads, and "
        "176 such sequences fit only with 8 bits a value of the cache, so a part of its 11.0x "
        "is the cache's. `KV error`: distance of the logits from those with an FP16 cache, "
        "root mean square, on synthetic weights.",
        here, TABLE3_POSITIONS);
    int error = outputs_table_of(o, OUTPUT_MD, lines, columns, pair->heading, notes);
    if (!error)
        error = write_batches(o, lines, rows);
    json_decref(lines);
    return error;
}
