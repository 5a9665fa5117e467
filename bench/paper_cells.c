/* SPDX-License-Identifier: MIT */
#include "bench/paper_cells.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/rows.h"
#include "kernels/kernel.h"

const struct paper_size paper_sizes[PAPER_SIZES] = {
    { "700M", true, false }, { "1.3B", true, true },  { "3B", true, true },
    { "3.9B", true, false }, { "7B", false, true },   { "13B", false, true },
    { "30B", false, false }, { "65B", false, false }, { "70B", false, true },
};

bool paper_is_quick(const char *format)
{
    return !strcmp(format, "f16") || !strcmp(format, "i8") || !strcmp(format, "ternary2");
}

bool paper_is_ternary(const char *format)
{
    const struct family *f = family_find(format);

    return f && f->element == ELEMENT_TRIT;
}

bool paper_cell_read(sqlite3 *db, int64_t id, struct paper_cell *c)
{
    static const char sql[] =
        "SELECT id, coalesce(partner, id), threads, layers_resident, layers, n_prompt, tokens, "
        "work_bytes, status, reason, provenance, kv, head, n_depth, parallel FROM cell WHERE "
        "id = ?1";
    sqlite3_stmt *s = NULL;

    *c = (struct paper_cell){ .times = { .median = NAN, .low = NAN, .high = NAN } };
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        return false;
    sqlite3_bind_int64(s, 1, id);
    const bool there = sqlite3_step(s) == SQLITE_ROW;
    if (there) {
        c->id = sqlite3_column_int64(s, 0);
        c->group = sqlite3_column_int64(s, 1);
        c->threads = sqlite3_column_int(s, 2);
        c->layers_resident = sqlite3_column_int(s, 3);
        c->layers = sqlite3_column_int(s, 4);
        c->n_prompt = sqlite3_column_int(s, 5);
        c->tokens = sqlite3_column_double(s, 6);
        c->work_bytes = sqlite3_column_double(s, 7);
        snprintf(c->status, sizeof c->status, "%s", rows_text(s, 8));
        snprintf(c->reason, sizeof c->reason, "%s", rows_text(s, 9));
        snprintf(c->provenance, sizeof c->provenance, "%s", rows_text(s, 10));
        snprintf(c->kv, sizeof c->kv, "%s", rows_text(s, 11));
        snprintf(c->head, sizeof c->head, "%s", rows_text(s, 12));
        c->n_depth = sqlite3_column_int(s, 13);
        c->parallel = sqlite3_column_int(s, 14);
        if (strcmp(c->status, "invalid")) /* no speed without correctness */
            c->ns = rows_samples(db, c->id, &c->n);
        if (c->n)
            c->times = stats_summary(c->ns, c->n);
    }
    sqlite3_finalize(s);
    return there;
}

sqlite3_stmt *paper_query(sqlite3 *db, const char *sql, int64_t run, const char *model,
                          const char *format)
{
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        return NULL;
    sqlite3_bind_int64(s, 1, run);
    sqlite3_bind_text(s, 2, model, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, format, -1, SQLITE_STATIC);
    return s;
}

bool paper_cell_get(sqlite3 *db, int64_t run, const struct paper_key *key, struct paper_cell *c)
{
    static const char sql[] =
        "SELECT id FROM cell WHERE run = ?1 AND kind = 'model' AND model = ?2 AND format = ?3 AND "
        "phase = ?4 AND item IS ?5 AND coalesce(n_depth, 0) = ?6 AND (?7 = 0 OR n_prompt = ?7) AND "
        "(?8 = 0 OR parallel = ?8) AND (?9 IS NULL OR kv = ?9) ORDER BY n_prompt DESC, id DESC "
        "LIMIT 1";
    sqlite3_stmt *s = paper_query(db, sql, run, key->model, key->format);
    int64_t id = 0; /* which no cell has */

    if (s) {
        sqlite3_bind_text(s, 4, key->phase, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 5, key->item, -1, SQLITE_STATIC);
        sqlite3_bind_int(s, 6, key->n_depth);
        sqlite3_bind_int(s, 7, key->n_prompt);
        sqlite3_bind_int(s, 8, key->parallel);
        sqlite3_bind_text(s, 9, key->kv, -1, SQLITE_STATIC);
        if (sqlite3_step(s) == SQLITE_ROW)
            id = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return paper_cell_read(db, id, c);
}

bool paper_cell_find(sqlite3 *db, int64_t run, const char *model, const char *format,
                     const char *phase, struct paper_cell *c)
{
    const struct paper_key key = { .model = model, .format = format, .phase = phase };

    return paper_cell_get(db, run, &key, c);
}

void paper_cell_release(struct paper_cell *c)
{
    free(c->ns);
    c->ns = NULL;
}
