/* SPDX-License-Identifier: MIT */
#include "bench/paper_fit.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/paper_row.h"
#include "bench/report_lines.h"
#include "bench/roofline.h"
#include "kernels/kernel.h"
#include "model/model.h"

enum { SIZES_MAX = 64, CURVE = 24 };

/* Decode from an empty cache, a point a size. */
struct points {
    const char *variant, *format;
    int count, cycled, threads, layers; /* layers: of the size that reads least */
    const char *name[SIZES_MAX];
    bool whole[SIZES_MAX];
    double gb[SIZES_MAX], weight[SIZES_MAX], least_gb;
    struct paper_times ms[SIZES_MAX];
    double roof[SIZES_MAX]; /* GB/s, of the same rounds */
    int roofs;
};

/* A shared machine's times scatter in proportion to themselves, and they grow with the bytes: so a
 * point weighs 1 / GB^2, a number that has no error of its own. */
static void add_point(struct points *p, sqlite3 *db, const char *name, const struct paper_cell *c)
{
    const double gb = c->work_bytes / c->tokens * 1e-9, gbps = roofline_of(db, c->id).gbps;
    const int i = p->count;

    if (!c->n || i == SIZES_MAX)
        return;
    if (!i || gb < p->least_gb) {
        p->least_gb = gb;
        p->layers = c->layers;
    }
    p->gb[i] = gb;
    p->name[i] = name;
    p->whole[i] = strcmp(c->provenance, "cycled") != 0;
    p->ms[i] = paper_times(c, false);
    p->weight[i] = 1 / (gb * gb);
    p->cycled += !p->whole[i];
    p->threads = c->threads;
    if (!isnan(gbps))
        p->roof[p->roofs++] = gbps;
    p->count++;
}

static void read_points(struct points *p, sqlite3 *db, int64_t run, const char *variant,
                        const char *format)
{
    struct paper_cell c;

    *p = (struct points){ .variant = variant, .format = format };
    for (const struct shape *s = shapes; s->name; s++) {
        if (strcmp(paper_variant(s->name), variant) ||
            !paper_cell_find(db, run, s->name, format, "decode", &c))
            continue;
        add_point(p, db, s->name, &c);
        paper_cell_release(&c);
    }
}

static struct line line_of(const struct points *p)
{
    double ms[SIZES_MAX];

    for (int i = 0; i < p->count; i++)
        ms[i] = p->ms[i].value;
    return stats_line(p->gb, ms, p->weight, p->count);
}

struct fitted {
    const char *metric, *note;
    double value, low, high;
};

static void add_row(json_t *rows, const struct points *p, const struct fitted *f)
{
    char how[80];
    json_t *row = paper_row_new(&(struct paper_row){
        .item = "fit",
        .variant = p->variant,
        .size = "",
        .format = p->format,
        .metric = f->metric,
        .paper = NAN,
        .ours = f->value,
        .low = f->low,
        .high = f->high,
        .provenance = "derived",
        .ratio_paper = NAN,
        .ratio = no_ratio,
        .threads = p->threads,
        .note = f->note,
    });

    json_object_set_new(row, "size", json_null()); /* of all of them */
    snprintf(how, sizeof how, "derived from %d sizes, %d cycled", p->count, p->cycled);
    json_object_set_new(row, "how", json_string(how));
    json_array_append_new(rows, row);
}

/* Why b is no time of the layers; NULL: it is one. */
static const char *not_of_layers(const struct line *l)
{
    return l->intercept_low > 0    ? NULL
           : l->intercept_high < 0 ? "the intercept is below 0: the sizes bend, and no time is it"
                                   : "the intercept cannot be told from nothing";
}

/* What is left of a token's time where no byte is read: it is there for every layer of even the
 * smallest model. */
static void explain(char *note, size_t size, const struct points *p, const struct line *l)
{
    const char *not_time = not_of_layers(l);

    snprintf(note, size,
             "time that the bytes do not explain: norms, quantiser, rotation, attention, threads "
             "that meet after each matrix; the smallest size has %d layers%s%s",
             p->layers, not_time ? "; " : "", not_time ? not_time : "");
}

static void add_fit(json_t *rows, const struct points *p)
{
    static const char slope[] = "ms = a GB + b by least squares, each size weighing 1 / GB^2";
    const struct line l = line_of(p);
    const double roof = p->roofs ? stats_median(p->roof, p->roofs) : NAN;
    const char *not_time = not_of_layers(&l);
    const double us = not_time ? NAN : 1e3 / p->layers,
                 most = l.slope_low > 0 ? 1e3 / l.slope_low : NAN;
    char few[80], note[240];

    explain(note, sizeof note, p, &l);
    snprintf(few, sizeof few, "%d sizes: a line with an interval needs 3", p->count);
    const bool line = !isnan(l.slope);
    const struct fitted fitted[] = {
        { "slope_ms_per_gb", line ? slope : few, l.slope, l.slope_low, l.slope_high },
        { "gbps", line ? "1000 / a" : few, 1e3 / l.slope, 1e3 / l.slope_high, most },
        { "roof_share",
          !line         ? few
          : isnan(roof) ? "no roof was measured in the same rounds"
                        : "by the read-only roof, the median over the sizes' rounds",
          1e3 / l.slope / roof, 1e3 / l.slope_high / roof, most / roof },
        { "intercept_ms", line ? note : few, l.intercept, l.intercept_low, l.intercept_high },
        { "us_per_layer",
          !line      ? few
          : not_time ? not_time
                     : "intercept_ms by the layers of the smallest size",
          l.intercept * us, l.intercept_low * us, l.intercept_high * us },
        { "residual_percent", line ? "standard deviation of the sizes from the line, of a GB" : few,
          100 * l.residual / l.slope, NAN, NAN },
    };
    for (size_t i = 0; i < sizeof fitted / sizeof *fitted; i++)
        add_row(rows, p, &fitted[i]);
}

void paper_fit_rows(json_t *rows, sqlite3 *db, int64_t run)
{
    struct points p;

    for (const struct family *const *f = families; *f; f++) {
        read_points(&p, db, run, "cpu", (*f)->name);
        if (p.count)
            add_fit(rows, &p);
        for (const struct shape_family *v = shape_families; v->name; v++) {
            read_points(&p, db, run, v->name, (*f)->name);
            if (p.count)
                add_fit(rows, &p);
        }
    }
}

/* ---- the figure ---- */

static void add_shown(json_t *rows, const char *source, const char *model, const char *format,
                      double gb, struct paper_times ms, const char *provenance)
{
    json_array_append_new(rows,
                          json_pack("{s:s, s:s?, s:s?, s:o, s:o, s:o, s:o, s:s}", "source", source,
                                    "model", model, "format", format, "gb", table_real(gb), "ms",
                                    table_real(ms.value), "low", table_real(ms.low), "high",
                                    table_real(ms.high), "provenance", provenance));
}

/* The line, and what the roof would take, from the least that was read to the most. */
static void add_curve(json_t *rows, const struct points *p)
{
    const struct line l = line_of(p);
    const double roof = p->roofs ? stats_median(p->roof, p->roofs) : NAN;
    double most = p->least_gb;

    for (int i = 0; i < p->count; i++)
        most = fmax(most, p->gb[i]);
    for (int i = 0; i <= CURVE; i++) {
        const double gb = p->least_gb * pow(most / p->least_gb, (double)i / CURVE);
        const struct paper_times fitted = { l.slope * gb + l.intercept, NAN, NAN };
        const struct paper_times bound = { 1e3 * gb / roof, NAN, NAN };
        if (!isnan(l.slope))
            add_shown(rows, "line", NULL, p->format, gb, fitted, "derived");
        if (!isnan(roof))
            add_shown(rows, "roof", NULL, p->format, gb, bound, "derived");
    }
}

json_t *paper_fit_shown(sqlite3 *db, int64_t run)
{
    json_t *rows = json_array();
    struct points p;

    for (const struct family *const *f = families; *f; f++) {
        read_points(&p, db, run, "cpu", (*f)->name);
        for (int i = 0; i < p.count; i++)
            add_shown(rows, "point", p.name[i], p.format, p.gb[i], p.ms[i],
                      p.whole[i] ? "measured" : "cycled");
        if (p.count)
            add_curve(rows, &p);
    }
    return rows;
}

/* ---- the table ---- */

static const struct column columns[] = {
    { "variant", "shapes", "%s" },
    { "format", "format", "%s" },
    { "slope_ms_per_gb", "a, ms/GB", "%.1f" },
    { "gbps", "GB/s", "%.2f" },
    { "roof_share", "of roof", "%.2f" },
    { "roof_share_low", "95% from", "%.2f" },
    { "roof_share_high", "to", "%.2f" },
    { "intercept_ms", "b, ms", "%.2f" },
    { "intercept_ms_low", "95% from", "%.2f" },
    { "intercept_ms_high", "to", "%.2f" },
    { "us_per_layer", "us/layer", "%.0f" },
    { "residual_percent", "residual %", "%.1f" },
    { "how", "how", "%s" },
    { NULL, NULL, NULL },
};

/* The lines of formats that have a fit. */
static json_t *make_lines(const json_t *rows)
{
    json_t *lines = json_array(), *row;
    char name[40];
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (strcmp(table_text(row, "item"), "fit") || json_is_null(json_object_get(row, "ours")))
            continue;
        const char *metric = table_text(row, "metric");
        json_t *line = report_line_of(lines, row);
        json_object_set(line, metric, json_object_get(row, "ours"));
        snprintf(name, sizeof name, "%s_low", metric);
        json_object_set(line, name, json_object_get(row, "ci_low"));
        snprintf(name, sizeof name, "%s_high", metric);
        json_object_set(line, name, json_object_get(row, "ci_high"));
        json_object_set(line, "how", json_object_get(row, "how"));
    }
    return lines;
}

int paper_fit_table(struct outputs *o, const json_t *rows)
{
    json_t *lines = make_lines(rows);
    const int error =
        json_array_size(lines)
            ? outputs_table(
                  o, lines, columns, "A straight line: ms a token = a x GB read + b",
                  "Decode from an empty cache, a point a size, whole and cycled alike; GB are what "
                  "a token must read. Least squares, each size weighing 1 / GB^2, because times "
                  "scatter in proportion to themselves; intervals are Student's. `GB/s` is 1 / a, "
                  "`of roof` that by the read-only bandwidth of the same rounds. `b` is what the "
                  "bytes do not explain: norms, quantiser, rotation, attention, and threads that "
                  "meet after each matrix; `us/layer` is b by the layers of the smallest size. "
                  "Where the interval of b holds 0, b cannot be told from nothing; below 0 it is "
                  "no time, and the sizes bend. Then there is no `us/layer`.")
            : 0;
    json_decref(lines);
    return error;
}
