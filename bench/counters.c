/* SPDX-License-Identifier: MIT */
#include "bench/counters.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "bench/rows.h"
#include "harness/stats.h"

static const char sql[] =
    "SELECT value, reason, note FROM reading JOIN sample ON sample.id = reading.sample WHERE "
    "cell = ?1 AND round >= 0 AND channel = ?2";

struct channel_values {
    double *values;
    int n, room;
    char reason[200], note[200]; /* the last ones, or "" */
};

static void add_value(struct channel_values *v, double value)
{
    if (v->n == v->room) {
        const int room = v->room ? 2 * v->room : 16;
        double *more = realloc(v->values, (size_t)room * sizeof *more);
        if (!more)
            return;
        v->values = more;
        v->room = room;
    }
    v->values[v->n++] = value;
}

/* The caller frees values. */
static struct channel_values read_channel(sqlite3 *db, int64_t cell, const char *channel)
{
    struct channel_values v = { .values = NULL };
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        return v;
    sqlite3_bind_int64(s, 1, cell);
    sqlite3_bind_text(s, 2, channel, -1, SQLITE_STATIC);
    while (sqlite3_step(s) == SQLITE_ROW) {
        if (sqlite3_column_type(s, 0) != SQLITE_NULL)
            add_value(&v, sqlite3_column_double(s, 0));
        else
            snprintf(v.reason, sizeof v.reason, "%s", rows_text(s, 1));
        if (sqlite3_column_type(s, 2) != SQLITE_NULL)
            snprintf(v.note, sizeof v.note, "%s", rows_text(s, 2));
    }
    sqlite3_finalize(s);
    return v;
}

double counters_median(sqlite3 *db, int64_t cell, const char *channel, char *reason, size_t size)
{
    struct channel_values v = read_channel(db, cell, channel);
    const double median = v.n ? stats_median(v.values, v.n) : NAN;

    if (!v.n && v.reason[0])
        snprintf(reason, size, "%s", v.reason);
    free(v.values);
    return median;
}

void counters_members(json_t *row, sqlite3 *db, int64_t cell)
{
    json_t *counted = json_object(), *absent = json_object(), *notes = json_object();
    sqlite3_stmt *s = NULL;

    if (!sqlite3_prepare_v2(db,
                            "SELECT DISTINCT channel FROM reading JOIN sample ON sample.id = "
                            "reading.sample WHERE cell = ?1 AND round >= 0 ORDER BY channel",
                            -1, &s, NULL))
        sqlite3_bind_int64(s, 1, cell);
    while (s && sqlite3_step(s) == SQLITE_ROW) {
        const char *channel = rows_text(s, 0);
        struct channel_values v = read_channel(db, cell, channel);
        if (v.n)
            json_object_set_new(counted, channel, json_real(stats_median(v.values, v.n)));
        else
            json_object_set_new(absent, channel, json_string(v.reason));
        if (v.note[0])
            json_object_set_new(notes, channel, json_string(v.note));
        free(v.values);
    }
    sqlite3_finalize(s);
    json_object_set_new(row, "counters", counted);
    json_object_set_new(row, "counters_absent", absent);
    json_object_set_new(row, "counters_note", notes);
}
