/* SPDX-License-Identifier: MIT */
#include "bench/energy_rows.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "bench/counters.h"
#include "bench/joules.h"
#include "bench/metrics.h"
#include "bench/rows.h"

enum { COLUMNS_MAX = 32, WANTED = 7, NOTES_MAX = 4000 };

/* ---- members ---- */

static json_t *text_or_null(const char *text)
{
    return text && text[0] ? json_string(text) : json_null();
}

/* Of joules: the id of the run's certificate, or "uncertified". */
static json_t *certificate_of(sqlite3 *db, int64_t cell)
{
    sqlite3_stmt *s = NULL;
    json_t *value = json_string("uncertified");

    if (sqlite3_prepare_v2(db,
                           "SELECT certificate FROM run JOIN cell ON cell.run = run.id WHERE "
                           "cell.id = ?1 AND certificate IS NOT NULL",
                           -1, &s, NULL))
        return value;
    sqlite3_bind_int64(s, 1, cell);
    if (sqlite3_step(s) == SQLITE_ROW) {
        json_decref(value);
        value = json_integer(sqlite3_column_int64(s, 0));
    }
    sqlite3_finalize(s);
    return value;
}

void energy_members(json_t *row, sqlite3 *db, int64_t cell, double per)
{
    char reason[ROWS_REASON_MAX];
    struct cell_joules j;

    joules_of(db, cell, &j);
    const double stored = rows_value(db, cell, "energy_j", reason);
    json_object_set_new(row, "energy_j", table_real(j.energy_j.value / per));
    json_object_set_new(row, "energy_uncertainty_j", table_real(j.energy_j.uncertainty / per));
    for (const struct metric *m = metrics; m->name; m++) {
        const double value = rows_value(db, cell, m->name, NULL);
        json_object_set_new(row, m->name,
                            table_real(strcmp(m->name, "energy_net_j") ? value : value / per));
    }
    json_object_set_new(row, "energy_domains", text_or_null(j.domains));
    json_object_set_new(row, "energy_provenance", text_or_null(j.provenance));
    json_object_set_new(row, "energy_state", text_or_null(j.state));
    json_object_set_new(row, "energy_reason",
                        j.windows ? json_null() : text_or_null(isnan(stored) ? reason : j.reason));
    json_object_set_new(row, "energy_note", text_or_null(j.note));
    json_object_set_new(row, "certificate", j.windows ? certificate_of(db, cell) : json_null());
    counters_members(row, db, cell);
}

/* ---- columns ---- */

void energy_text(char *text, size_t size, double joules, double uncertainty, const char *state)
{
    static const struct {
        const char *unit;
        double scale;
    } units[] = { { "J", 1 }, { "mJ", 1e3 }, { "uJ", 1e6 }, { "nJ", 1e9 } };
    int i = 0;

    if (isnan(joules)) {
        snprintf(text, size, "-%s", state && !strcmp(state, "invalid") ? " (invalid)" : "");
        return;
    }
    while (i < 3 && fabs(joules) * units[i].scale < 1)
        i++;
    const double value = joules * units[i].scale, u = uncertainty * units[i].scale;
    const char *mark = state && strcmp(state, "valid") ? " (contended)" : "";
    const int decimals = u > 0 && u < 1 ? (int)-floor(log10(u)) : 0; /* u has one digit */
    if (u > 0)
        snprintf(text, size, "%.*f ± %.*f %s%s", decimals, value, decimals, u, units[i].unit, mark);
    else
        snprintf(text, size, "%.3g %s%s", value, units[i].unit, mark);
}

static bool any_row_has(const json_t *rows, const char *member)
{
    bool any = false;
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row) any |= !isnan(table_number(row, member));
    return any;
}

/* The reasons of joules that are absent, each once, and what was wrong with windows. */
static void add_reasons(char *text, size_t size, const json_t *rows)
{
    static const struct {
        const char *member, *words;
    } kinds[] = { { "energy_reason", "No joules: " }, { "energy_note", "Windows: " } };
    size_t used = strlen(text), i;
    json_t *row;

    for (int k = 0; k < 2; k++) {
        json_array_foreach(rows, i, row)
        {
            const char *reason = json_string_value(json_object_get(row, kinds[k].member));
            if (reason && !strstr(text, reason) && used < size)
                used +=
                    (size_t)snprintf(text + used, size - used, " %s%s.", kinds[k].words, reason);
        }
    }
}

int energy_rows(struct outputs *outputs, const json_t *rows, const struct column *columns,
                const char *notes, const char *title, const char *per)
{
    static const struct column wanted[WANTED + 1] = { { "ipc", "IPC", "%.2f" },
                                                      { "bytes_per_cycle", "B/cycle", "%.2f" },
                                                      { "dram_gbps", "DRAM GB/s", "%.2f" },
                                                      { "mean_power_w", "W", "%.1f" },
                                                      { "pj_per_weight", "pJ/weight", "%.2f" },
                                                      { "pj_per_byte", "pJ/B", "%.1f" },
                                                      { "edp", "J s", "%.3g" },
                                                      { NULL, NULL, NULL } };
    struct column all[COLUMNS_MAX + 1] = { { NULL, NULL, NULL } };
    char text[NOTES_MAX], joules[80];
    json_t *table = json_array(), *row;
    size_t i;
    int n = 0, error;

    for (; columns[n].title && n < COLUMNS_MAX - WANTED - 1; n++)
        all[n] = columns[n];
    for (const struct column *c = wanted; c->title; c++)
        if (any_row_has(rows, c->member))
            all[n++] = *c;
    all[n] = (struct column){ "joules", title, "%s" };
    json_array_foreach(rows, i, row)
    {
        json_t *line = json_copy(row);
        const double units = per ? table_number(row, per) : 1;
        energy_text(joules, sizeof joules, table_number(row, "energy_j") / units,
                    table_number(row, "energy_uncertainty_j") / units,
                    json_string_value(json_object_get(row, "energy_state")));
        json_object_set_new(line, "joules", json_string(joules));
        json_array_append_new(table, line);
    }
    snprintf(text, sizeof text, "%s", notes);
    add_reasons(text, sizeof text, rows);
    error = outputs_data(outputs, rows, columns);
    if (!error)
        error = outputs_table(outputs, table, all, NULL, text);
    json_decref(table);
    return error;
}
