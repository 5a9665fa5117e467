/* SPDX-License-Identifier: MIT */
#include "bench/paper_cycled.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/paper_plan.h"
#include "bench/paper_row.h"
#include "bench/rows.h"
#include "kernels/kernel.h"

static const char item[] = "cycled";

/* They agree where the times differ by no more. */
static const double AGREE = 0.05;

/* ---- the plan ---- */

bool paper_cycled_wanted(const struct config *c)
{
    return c->only.count ? text_list_has(&c->only, item) : c->full;
}

static void plan_block(struct block *block, const struct run *run, const struct pass_spec *whole,
                       int resident, int threads)
{
    const struct config *c = run->config;

    *block = (struct block){ .kind = "model", .threads = threads };
    block->passes.item = item;
    block->passes.spec_count = 2;
    block->passes.specs[0] = block->passes.specs[1] = *whole;
    block->passes.specs[1].resident = resident;
    block->passes.test_count = 1;
    block->passes.tests[0] = (struct pass_test){
        .n_gen = 4,
        .batch = 512,
        .parallel = 1,
        .repetitions = c->repetitions ? (int)c->repetitions : 20,
        .warmup_min = 1,
        .warmup_max = 2,
    };
}

int paper_cycled_plan(struct block *blocks, int max, const struct run *run, int threads)
{
    static const struct text_list sizes = { 2, { "3B", "7B" }, "" }, formats = { 1, { "f16" }, "" };
    const struct config *c = run->config;
    const struct text_list *models = c->models.count ? &c->models : &sizes;
    const struct text_list *wanted = c->formats.count ? &c->formats : &formats;
    const char *isa;
    int count = 0;

    for (const struct shape *s = shapes; s->name && paper_cycled_wanted(c); s++)
        for (int f = 0; families[f] && count < max; f++) {
            if (!text_list_has(models, s->name) || !text_list_has(wanted, families[f]->name) ||
                !paper_plan_has(run, families[f], &isa))
                continue;
            const struct pass_spec whole = pass_spec(c, s, families[f], isa);
            const int resident = pass_cycled_layers(&whole, run->host.llc_bytes);
            if (resident == s->layers)
                run_progress(run,
                             "cycled: nothing to compare in %s in %s: 8 times the last-level "
                             "cache takes all %d layers",
                             s->name, families[f]->name, s->layers);
            else
                plan_block(&blocks[count++], run, &whole, resident, threads);
        }
    return count;
}

/* ---- rows ---- */

/* Of a model: the cell that had all layers, or that which had few. */
struct side {
    struct paper_cell cell;
    const char *variant;
};

/* The members that all rows of a pair share. */
static struct paper_row row_of(const char *size, const char *format, const struct paper_cell *c)
{
    return (struct paper_row){ .item = item,
                               .size = size,
                               .format = format,
                               .paper = NAN,
                               .ratio_paper = NAN,
                               .ratio = no_ratio,
                               .threads = c->threads };
}

static void add_time(json_t *rows, sqlite3 *db, const char *size, const char *format,
                     const struct side *side)
{
    const struct paper_times t = paper_times(&side->cell, false);
    struct paper_row row = row_of(size, format, &side->cell);
    char note[PAPER_NOTE_MAX];

    paper_note(note, &side->cell, true);
    row.variant = side->variant;
    row.metric = "latency_ms";
    row.ours = t.value;
    row.low = t.low;
    row.high = t.high;
    row.provenance = side->cell.provenance;
    row.note = note;
    json_t *json = paper_row_new(&row);
    paper_row_measured(json, db, &side->cell, t.value);
    json_array_append_new(rows, json);
}

static void verdict_of(char *text, size_t size, const struct summary *s, const struct side *sides)
{
    const struct paper_cell *without = sides[0].cell.n ? &sides[1].cell : &sides[0].cell;
    const bool within = s->low >= 1 - AGREE && s->high <= 1 + AGREE;
    const bool beyond = s->low > 1 + AGREE || s->high < 1 - AGREE;

    if (!s->n)
        snprintf(text, size, "not measured: %s",
                 without->reason[0] ? without->reason : "no round has both");
    else
        snprintf(text, size, "%s", within ? "within 5%" : beyond ? "not within 5%" : "undecided");
}

static void add_ratio(json_t *rows, sqlite3 *db, const char *size, const char *format,
                      const struct side *sides)
{
    struct summary s = stats_summary(NULL, 0);
    struct paper_row row = row_of(size, format, &sides[1].cell);
    char note[80], how[80], verdict[PAPER_REASON_MAX + 40];
    int n = 0;

    double *ratios = rows_ratios(db, sides[1].cell.id, sides[0].cell.id, &n);
    if (n)
        s = stats_ratios(ratios, n);
    free(ratios);
    verdict_of(verdict, sizeof verdict, &s, sides);
    snprintf(note, sizeof note, "%s of %d pairs of rounds",
             s.interval == INTERVAL_ORDER ? "median" : "geometric mean", n);
    snprintf(how, sizeof how, "measured and cycled %d/%d", sides[1].cell.layers_resident,
             sides[1].cell.layers);
    row.variant = "cycled by whole";
    row.metric = "time_ratio";
    row.ours = stats_center(&s);
    row.low = s.low;
    row.high = s.high;
    row.provenance = "cycled";
    row.note = note;
    json_t *json = paper_row_new(&row);
    json_object_set_new(json, "how", json_string(n ? how : "not measured"));
    json_object_set_new(json, "verdict", json_string(verdict));
    json_array_append_new(rows, json);
}

void paper_cycled_rows(json_t *rows, sqlite3 *db, int64_t run)
{
    static const char sql[] =
        "SELECT w.model, w.format, w.id, c.id FROM cell w "
        "JOIN cell c ON c.run = w.run AND c.item = w.item AND c.block IS w.block AND c.model = "
        "w.model AND c.format = w.format WHERE w.run = ?1 AND w.kind = 'model' AND w.item = "
        "'cycled' AND w.layers_resident = w.layers AND c.layers_resident < c.layers ORDER BY w.id";
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        return;
    sqlite3_bind_int64(s, 1, run);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *size = rows_text(s, 0), *format = rows_text(s, 1);
        struct side sides[] = { { .variant = "whole" }, { .variant = "cycled" } };
        paper_cell_read(db, sqlite3_column_int64(s, 2), &sides[0].cell);
        paper_cell_read(db, sqlite3_column_int64(s, 3), &sides[1].cell);
        add_time(rows, db, size, format, &sides[0]);
        add_time(rows, db, size, format, &sides[1]);
        add_ratio(rows, db, size, format, sides);
        paper_cell_release(&sides[0].cell);
        paper_cell_release(&sides[1].cell);
    }
    sqlite3_finalize(s);
}

/* ---- the table ---- */

static const struct column columns[] = {
    { "size", "size", "%s" },
    { "format", "format", "%s" },
    { "whole", "whole ms/token", "%.1f" },
    { "cycled", "cycled ms/token", "%.1f" },
    { "ratio", "cycled by whole", "%.3f" },
    { "low", "95% from", "%.3f" },
    { "high", "to", "%.3f" },
    { "verdict", "they agree", "%s" },
    { "how", "how", "%s" },
    { NULL, NULL, NULL },
};

int paper_cycled_table(struct outputs *o, const json_t *rows)
{
    json_t *lines = json_array(), *line = NULL, *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (strcmp(table_text(row, "item"), item))
            continue;
        if (!strcmp(table_text(row, "variant"), "whole")) { /* the first of three */
            line = json_object();
            json_object_set(line, "size", json_object_get(row, "size"));
            json_object_set(line, "format", json_object_get(row, "format"));
            json_array_append_new(lines, line);
        }
        if (strcmp(table_text(row, "metric"), "time_ratio")) {
            json_object_set(line, table_text(row, "variant"), json_object_get(row, "ours"));
            continue;
        }
        json_object_set(line, "ratio", json_object_get(row, "ours"));
        json_object_set(line, "low", json_object_get(row, "ci_low"));
        json_object_set(line, "high", json_object_get(row, "ci_high"));
        json_object_set(line, "verdict", json_object_get(row, "verdict"));
        json_object_set(line, "how", json_object_get(row, "how"));
    }
    const int error =
        json_array_size(lines)
            ? outputs_table(
                  o, lines, columns, "Cycled against whole",
                  "The same model twice in the same rounds: with all layers in memory, and with as "
                  "few as every cycled row has, gone through in a circle. The ratio is the "
                  "median of the pairs of rounds (below 6, their geometric mean); they agree "
                  "`within 5%` where all of its "
                  "interval does, and it is `undecided` where a part does.")
            : 0;
    json_decref(lines);
    return error;
}
