/* SPDX-License-Identifier: MIT */
#include "bench/paper_depth.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/paper_row.h"
#include "bench/report_lines.h"
#include "bench/rows.h"
#include "kernels/kernel.h"
#include "model/model.h"

/* ---- rows ---- */

static json_t *depth_row(sqlite3 *db, int64_t run, const struct paper_key *key,
                         const struct paper_cell *c)
{
    const bool prompt = !strcmp(key->phase, "prefill");
    const struct paper_times t = paper_times(c, prompt);
    struct ratio ratio = no_ratio;
    struct paper_key base_key = *key;
    struct paper_cell base;
    char note[PAPER_NOTE_MAX];

    base_key.format = "f16";
    const bool based = paper_cell_get(db, run, &base_key, &base);
    if (based)
        ratio = paper_speed_ratio(db, &base, c);
    const int at = paper_note(note, c, !based || base.group == c->group);
    snprintf(note + at, PAPER_NOTE_MAX - (size_t)at,
             prompt ? "not in the paper; a prompt of %d tokens, %d threads"
                    : "not in the paper; batch 1 with %d tokens in the cache, %d threads",
             prompt ? c->n_prompt : c->n_depth, c->threads);
    json_t *row = paper_row_new(&(struct paper_row){
        .item = "depth",
        .variant = paper_variant(key->model),
        .size = key->model,
        .format = key->format,
        .metric = prompt ? "throughput_tokens_per_s" : "latency_ms",
        .paper = NAN,
        .ours = t.value,
        .low = t.low,
        .high = t.high,
        .provenance = c->provenance,
        .ratio_paper = NAN,
        .ratio = ratio,
        .threads = c->threads,
        .n_prompt = c->n_prompt,
        .note = note,
    });
    if (!prompt) /* 0 is a depth, too */
        json_object_set_new(row, "n_depth", json_integer(c->n_depth));
    paper_row_measured(row, db, c, t.value);
    if (based)
        paper_cell_release(&base);
    return row;
}

/* Each prompt, then each depth, of one model and format. */
static void add_format(json_t *rows, sqlite3 *db, int64_t run, const char *model,
                       const char *format)
{
    static const char sql[] =
        "SELECT DISTINCT phase, coalesce(n_prompt, 0), coalesce(n_depth, 0) FROM cell WHERE "
        "run = ?1 AND kind = 'model' AND model = ?2 AND format = ?3 AND item IS NULL AND "
        "(phase = 'decode' OR n_depth IS NULL) ORDER BY phase DESC, 2, 3";
    sqlite3_stmt *s = paper_query(db, sql, run, model, format);
    struct paper_cell c;

    while (s && sqlite3_step(s) == SQLITE_ROW) {
        const struct paper_key key = { .model = model,
                                       .format = format,
                                       .phase = rows_text(s, 0),
                                       .n_prompt = sqlite3_column_int(s, 1),
                                       .n_depth = sqlite3_column_int(s, 2) };
        if (paper_cell_get(db, run, &key, &c))
            json_array_append_new(rows, depth_row(db, run, &key, &c));
        paper_cell_release(&c);
    }
    sqlite3_finalize(s);
}

void paper_depth_rows(json_t *rows, sqlite3 *db, int64_t run)
{
    for (const struct shape *s = shapes; s->name; s++)
        for (const struct family *const *f = families; *f; f++)
            add_format(rows, db, run, s->name, (*f)->name);
}

/* ---- the table ---- */

enum { TESTS_MAX = 8, NAME_MAX_BYTES = 60 };

/* What the columns are of: the prompts, then the depths, of all rows. */
struct test {
    bool prompt;
    int tokens;
};

static int by_tokens(const void *left, const void *right)
{
    const struct test *a = left, *b = right;

    if (a->prompt != b->prompt)
        return a->prompt ? -1 : 1;
    return a->tokens - b->tokens;
}

static bool is_depth(const json_t *row)
{
    return !strcmp(table_text(row, "item"), "depth");
}

static struct test test_of(const json_t *row)
{
    const json_t *prompt = json_object_get(row, "n_prompt");
    const json_t *of = json_is_null(prompt) ? json_object_get(row, "n_depth") : prompt;

    return (struct test){ !json_is_null(prompt), (int)json_integer_value(of) };
}

/* Returns their number; more than max are left out: the rows have them. */
static int list_tests(const json_t *rows, struct test *tests, int max)
{
    int count = 0;
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (!is_depth(row))
            continue;
        const struct test test = test_of(row);
        int known = 0;
        while (known < count && by_tokens(&tests[known], &test))
            known++;
        if (known == count && count < max)
            tests[count++] = test;
    }
    qsort(tests, (size_t)count, sizeof *tests, by_tokens);
    return count;
}

/* "p512", "d0" and their ratios: members of a line. */
static void member_of(char *text, const struct test *test, const char *what)
{
    snprintf(text, NAME_MAX_BYTES, "%c%d%s", test->prompt ? 'p' : 'd', test->tokens, what);
}

static json_t *make_lines(const json_t *rows)
{
    json_t *lines = json_array(), *row;
    char name[NAME_MAX_BYTES];
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (!is_depth(row))
            continue;
        const struct test test = test_of(row);
        json_t *line = report_line_of(lines, row);
        member_of(name, &test, "");
        json_object_set(line, name, json_object_get(row, "ours"));
        member_of(name, &test, " ratio");
        json_object_set(line, name, json_object_get(row, "ratio_ours"));
        snprintf(name, sizeof name, "%s %d", test.prompt ? "prompt of" : "depth", test.tokens);
        report_line_how(line, row, name);
    }
    return lines;
}

/* Has any line more than one prompt, or more than one depth? */
static bool several(const json_t *lines, const struct test *tests, int count)
{
    char name[NAME_MAX_BYTES];
    const json_t *line;
    size_t i;

    json_array_foreach(lines, i, line)
    {
        int of[2] = { 0, 0 };
        for (int t = 0; t < count; t++) {
            member_of(name, &tests[t], "");
            of[tests[t].prompt] += json_object_get(line, name) != NULL;
        }
        if (of[0] > 1 || of[1] > 1)
            return true;
    }
    return false;
}

int paper_depth_table(struct outputs *o, const json_t *rows)
{
    struct test tests[TESTS_MAX];
    const int count = list_tests(rows, tests, TESTS_MAX);
    struct column columns[2 * TESTS_MAX + 4] = { { "size", "size", "%s" },
                                                 { "format", "format", "%s" } };
    char names[2 * TESTS_MAX][NAME_MAX_BYTES], titles[TESTS_MAX][NAME_MAX_BYTES];
    json_t *lines = make_lines(rows);
    int n = 2, error = 0;

    for (int i = 0; i < count; i++) {
        const struct test *t = &tests[i];
        member_of(names[2 * i], t, "");
        member_of(names[2 * i + 1], t, " ratio");
        snprintf(titles[i], sizeof *titles, t->prompt ? "prompt %d, tok/s" : "at %d, ms/token",
                 t->tokens);
        columns[n++] = (struct column){ names[2 * i], titles[i], "%.1f" };
        columns[n++] = (struct column){ names[2 * i + 1], "faster", "%.2fx" };
    }
    columns[n++] = (struct column){ "how", "how", "%s" };
    if (several(lines, tests, count)) /* else the tables of sizes have them */
        error = outputs_table(
            o, lines, columns, "Prompts and depths",
            "Not in the paper. Tokens a second of one prompt of so many tokens, and ms a generated "
            "token behind so many others, batch 1: medians; `faster`: how many times, against f16 "
            "of the same size, prompt and depth. Intervals, shares of the roof and samples are in "
            "the rows of item `depth`.");
    json_decref(lines);
    return error;
}
