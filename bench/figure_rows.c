/* SPDX-License-Identifier: MIT */
#include "bench/figure_rows.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bench/flags.h"
#include "bench/paper_fit.h"
#include "bench/paper_table3.h"
#include "bench/power_rows.h"
#include "bench/rows.h"
#include "harness/stats.h"

static void copy(json_t *to, const char *const *names, const json_t *from)
{
    for (; *names; names++) {
        json_t *value = json_object_get(from, *names);
        json_object_set(to, *names, value ? value : json_null());
    }
}

/* The upper bound of a rate; an interval of few samples may hold no time above 0: no bound. */
static double most(double rate, double least_ms)
{
    return least_ms > 0 ? rate / least_ms : NAN;
}

/* ---- passes of Table 3, and others ---- */

static bool is_table3(const json_t *row)
{
    return !strcmp(table_text(row, "item"), table3_item);
}

static bool has(const json_t *passes, bool table3)
{
    json_t *row;
    size_t i;

    json_array_foreach(passes, i, row)
    {
        if (is_table3(row) == table3)
            return true;
    }
    return false;
}

/* ---- roofline ---- */

static const struct column roofline_columns[] = {
    { "source", "source", "%s" },
    { "metric", "metric", "%s" },
    { "model", "model", "%s" },
    { "format", "format", "%s" },
    { "phase", "phase", "%s" },
    { "threads", "threads", "%g" },
    { "op_per_byte", "op/B", "%.2f" },
    { "rate", "rate", "%.2f" },
    { "rate_low", "95% from", "%.2f" },
    { "rate_high", "to", "%.2f" },
    { "unit", "unit", "%s" },
    { "roof_share", "of roof", "%.2f" },
    { "provenance", "provenance", "%s" },
    { NULL, NULL, NULL },
};

/* A ceiling: GB/s or Gop/s. */
static json_t *ceiling(const json_t *roof)
{
    json_t *row = json_object();

    json_object_set_new(row, "source", json_string("roof"));
    copy(row, (const char *const[]){ "metric", "model", "format", "phase", "threads", NULL }, roof);
    json_object_set_new(row, "op_per_byte", json_null());
    json_object_set(row, "rate", json_object_get(roof, "value"));
    json_object_set(row, "rate_low", json_object_get(roof, "ci_low"));
    json_object_set(row, "rate_high", json_object_get(roof, "ci_high"));
    copy(row, (const char *const[]){ "unit", "roof_share", "provenance", NULL }, roof);
    return row;
}

/* A pass: its operations a byte, and Gop/s with the interval of its time. */
static json_t *pass(const json_t *model)
{
    const double intensity = table_number(model, "arithmetic_intensity");
    const double rate = intensity * table_number(model, "algorithmic_gbps");
    const double ms = table_number(model, "ms_per_token");
    json_t *row = json_object();

    json_object_set_new(row, "source", json_string("pass"));
    copy(row, (const char *const[]){ "metric", "model", "format", "phase", "threads", NULL },
         model);
    json_object_set_new(row, "op_per_byte", table_real(intensity));
    json_object_set_new(row, "rate", table_real(rate));
    json_object_set_new(row, "rate_low", table_real(rate * ms / table_number(model, "ci_high_ms")));
    json_object_set_new(row, "rate_high",
                        table_real(most(rate * ms, table_number(model, "ci_low_ms"))));
    json_object_set_new(row, "unit", json_string("Gop/s"));
    copy(row, (const char *const[]){ "roof_share", "provenance", NULL }, model);
    return row;
}

/* Passes of Table 3 are many: they are there only where there are no others. */
static json_t *roofline_rows(sqlite3 *db, int64_t run)
{
    json_t *rows = json_array(), *row, *roof = rows_roof(db, run), *model = rows_model(db, run);
    size_t i;

    json_array_foreach(roof, i, row)
    {
        if (!isnan(table_number(row, "value")))
            json_array_append_new(rows, ceiling(row));
    }
    const bool others = has(model, false);
    json_array_foreach(model, i, row)
    {
        if (!isnan(table_number(row, "arithmetic_intensity")) &&
            !isnan(table_number(row, "ms_per_token")) && !(others && is_table3(row)))
            json_array_append_new(rows, pass(row));
    }
    json_decref(roof);
    json_decref(model);
    return rows;
}

/* ---- tokens a second by batch ---- */

static const struct column batch_columns[] = {
    { "model", "model", "%s" },           { "format", "format", "%s" },
    { "phase", "phase", "%s" },           { "n_prompt", "n_prompt", "%g" },
    { "n_gen", "n_gen", "%g" },           { "n_depth", "n_depth", "%g" },
    { "parallel", "sequences", "%g" },    { "kv", "KV", "%s" },
    { "threads", "threads", "%g" },       { "tokens_per_s", "tokens/s", "%.2f" },
    { "low", "95% from", "%.2f" },        { "high", "to", "%.2f" },
    { "provenance", "provenance", "%s" }, { NULL, NULL, NULL },
};

/* A run of Table 3 has passes of other conditions besides: its own alone can be compared. */
static json_t *batch_rows(sqlite3 *db, int64_t run)
{
    static const char *const names[] = { "model",   "format",       "phase",    "n_prompt",
                                         "n_gen",   "n_depth",      "parallel", "kv",
                                         "threads", "tokens_per_s", NULL };
    json_t *rows = json_array(), *model = rows_model(db, run), *from;
    const bool table3 = has(model, true);
    size_t i;

    json_array_foreach(model, i, from)
    {
        if (isnan(table_number(from, "tokens_per_s")) || (table3 && !is_table3(from)))
            continue;
        json_t *row = json_object();
        copy(row, names, from);
        json_object_set_new(row, "low", table_real(1e3 / table_number(from, "ci_high_ms")));
        json_object_set_new(row, "high", table_real(most(1e3, table_number(from, "ci_low_ms"))));
        json_object_set(row, "provenance", json_object_get(from, "provenance"));
        json_array_append_new(rows, row);
    }
    json_decref(model);
    return rows;
}

/* ---- noise ---- */

static const struct column noise_columns[] = {
    { "from_s", "from s", "%.3f" },       { "what", "what", "%s" },
    { "format", "format", "%s" },         { "phase", "phase", "%s" },
    { "round", "round", "%g" },           { "time_ns", "time", "ns" },
    { "provenance", "provenance", "%s" }, { "of_median", "of median", "%.3f" },
    { "flags", "flags", "%s" },           { NULL, NULL, NULL },
};
enum { NOISE_STORED = 7 }; /* of the columns; the others are computed */

static const char noise_sql[] =
    "SELECT (s.start_ns - (SELECT min(start_ns) FROM sample JOIN cell ON cell.id = sample.cell "
    "WHERE run = ?1)) * 1e-9, c.kind || coalesce(' ' || c.model, '') || coalesce(' ' || c.format, "
    "' ' || c.item, '') || coalesce(' ' || c.phase, ''), coalesce(c.format, c.kind), c.phase, "
    "s.round, s.time_ns, c.provenance, s.id, c.id FROM sample s JOIN cell c ON c.id = s.cell WHERE "
    "c.run = ?1 AND s.round >= 0 ORDER BY s.start_ns";

/* What its samples need to know of a cell: the cells of a run take turns. */
struct noise_cell {
    int64_t id;
    int n;
    double median;
    struct flagged *flagged; /* (n) */
};

struct noise_cells {
    int count;
    struct noise_cell *cell;
};

static const struct noise_cell *cell_of(struct noise_cells *cells, sqlite3 *db, int64_t id)
{
    for (int i = 0; i < cells->count; i++)
        if (cells->cell[i].id == id)
            return &cells->cell[i];
    struct noise_cell *more =
        realloc(cells->cell, ((size_t)cells->count + 1) * sizeof *cells->cell);
    if (!more)
        return NULL;
    cells->cell = more;
    struct noise_cell *cell = &more[cells->count++];
    *cell = (struct noise_cell){ .id = id };
    double *ns = rows_samples(db, id, &cell->n);
    cell->median = cell->n ? stats_median(ns, cell->n) : NAN;
    free(ns);
    cell->flagged = flags_read(db, id, &cell->n);
    return cell;
}

static void computed(json_t *row, const struct noise_cell *cell, int64_t sample)
{
    char text[200] = "";
    bool known = false;

    for (int i = 0; i < cell->n; i++)
        if (cell->flagged[i].sample == sample) {
            known = cell->flagged[i].known != 0;
            flags_text(cell->flagged[i].flags, text, sizeof text);
        }
    json_object_set_new(row, "of_median", table_real(table_number(row, "time_ns") / cell->median));
    json_object_set_new(row, "flags", known ? json_string(text) : json_null());
}

static json_t *noise_rows(sqlite3 *db, int64_t run)
{
    json_t *rows = json_array();
    struct noise_cells cells = { 0, NULL };
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(db, noise_sql, -1, &s, NULL)) {
        json_decref(rows);
        return NULL;
    }
    sqlite3_bind_int64(s, 1, run);
    while (sqlite3_step(s) == SQLITE_ROW) {
        const struct noise_cell *cell =
            cell_of(&cells, db, sqlite3_column_int64(s, NOISE_STORED + 1));
        json_t *row = json_object();
        for (int i = 0; i < NOISE_STORED; i++) {
            const int type = sqlite3_column_type(s, i);
            json_object_set_new(row, noise_columns[i].member,
                                type == SQLITE_NULL      ? json_null()
                                : type == SQLITE_TEXT    ? json_string(rows_text(s, i))
                                : type == SQLITE_INTEGER ? json_integer(sqlite3_column_int64(s, i))
                                                         : table_real(sqlite3_column_double(s, i)));
        }
        if (cell)
            computed(row, cell, sqlite3_column_int64(s, NOISE_STORED));
        json_array_append_new(rows, row);
    }
    sqlite3_finalize(s);
    for (int i = 0; i < cells.count; i++)
        free(cells.cell[i].flagged);
    free(cells.cell);
    return rows;
}

/* ---- bytes ---- */

static const struct column bytes_columns[] = {
    { "source", "source", "%s" }, { "model", "model", "%s" },
    { "format", "format", "%s" }, { "gb", "GB", "%.3f" },
    { "ms", "ms/token", "%.2f" }, { "low", "95% from", "%.2f" },
    { "high", "to", "%.2f" },     { "provenance", "provenance", "%s" },
    { NULL, NULL, NULL },
};

/* ---- which ---- */

static const struct figure {
    const char *name;
    json_t *(*rows)(sqlite3 *db, int64_t run);
    const struct column *columns;
    const char *notes;
} figures[] = {
    { "roofline", roofline_rows, roofline_columns,
      "The ceilings of the run, and its passes: operations by bytes that a sample must at least "
      "read, and operations by its time." },
    { "bytes", paper_fit_shown, bytes_columns,
      "ms a token against the GB that it must read, decode from an empty cache; the line of each "
      "format, and what the roof would allow." },
    { "batch", batch_rows, batch_columns,
      "Tokens a second of all sequences together, by their number." },
    { "noise", noise_rows, noise_columns,
      "Every sample by the second at which it began, beside the median of its cell, and what "
      "disturbed it: the limits are those of the method." },
};

static const struct figure *find(const char *name)
{
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (!strcmp(figures[i].name, name))
            return &figures[i];
    return NULL;
}

bool figure_rows_have(const char *name)
{
    return !strcmp(name, "power") || find(name);
}

int figure_rows_write(struct outputs *outputs, sqlite3 *db, int64_t run, const char *name)
{
    const struct figure *figure = find(name);
    if (!figure)
        return power_rows_write(outputs, db, run);
    json_t *rows = figure->rows(db, run);
    const int error =
        rows ? outputs_rows(outputs, rows, figure->columns, NULL, figure->notes) : -EIO;

    json_decref(rows);
    return error;
}
