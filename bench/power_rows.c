/* SPDX-License-Identifier: MIT */
#include "bench/power_rows.h"
#include <errno.h>
#include <math.h>
#include "bench/rows.h"

/* Both halves have the same columns: ns from and to, W, its uncertainty, and words. */
static const char sql[] =
    "WITH part (source, channel, from_ns, to_ns, power_w, uncertainty_w, state, what, format, "
    "provenance) AS (SELECT 'window', 'total', w.start_ns, w.start_ns + w.time_ns, "
    "j.value * 1e9 / w.time_ns, j.uncertainty * 1e9 / w.time_ns, w.state, coalesce(c.kind || "
    "coalesce(' ' || c.model, '') || coalesce(' ' || c.format, ' ' || c.item, '') || "
    "coalesce(' ' || c.phase, ''), 'idle'), coalesce(c.format, iif(w.cell IS NULL, 'idle', "
    "'roof')), j.provenance FROM window w JOIN joules j ON j.window = w.id AND j.channel = 'total' "
    "LEFT JOIN cell c ON c.id = w.cell WHERE w.run = ?1 AND j.value IS NOT NULL AND w.time_ns > 0 "
    "UNION ALL SELECT 'trace', channel, time_ns, time_ns, power_w, NULL, NULL, NULL, NULL, "
    "provenance FROM trace WHERE run = ?1) SELECT source, channel, (from_ns - (SELECT min(from_ns) "
    "FROM part)) * 1e-9, (to_ns - (SELECT min(from_ns) FROM part)) * 1e-9, power_w, "
    "uncertainty_w, state, what, format, provenance FROM part ORDER BY source DESC, channel, "
    "from_ns";

static const struct column columns[] = {
    { "source", "source", "%s" },   { "channel", "channel", "%s" },
    { "from_s", "from s", "%.3f" }, { "to_s", "to s", "%.3f" },
    { "power_w", "W", "%.2f" },     { "uncertainty_w", "u", "%.2f" },
    { "state", "state", "%s" },     { "what", "what", "%s" },
    { "format", "format", "%s" },   { "provenance", "provenance", "%s" },
    { NULL, NULL, NULL },
};

int power_rows_write(struct outputs *outputs, sqlite3 *db, int64_t run)
{
    json_t *rows = json_array();
    sqlite3_stmt *s = NULL;
    int error = -EIO;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        goto out;
    sqlite3_bind_int64(s, 1, run);
    while (sqlite3_step(s) == SQLITE_ROW) {
        json_t *row = json_object();
        for (int i = 0; columns[i].title; i++) {
            const int type = sqlite3_column_type(s, i);
            json_object_set_new(row, columns[i].member,
                                type == SQLITE_NULL   ? json_null()
                                : type == SQLITE_TEXT ? json_string(rows_text(s, i))
                                                      : table_real(sqlite3_column_double(s, i)));
        }
        json_array_append_new(rows, row);
    }
    error = outputs_rows(outputs, rows, columns, NULL,
                         "Mean power of each window of energy (`total`), and power of each channel "
                         "between their edges, where it was watched.");
out:
    sqlite3_finalize(s);
    json_decref(rows);
    return error;
}
