/* SPDX-License-Identifier: MIT */
#include "harness/store_sql.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NOW "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [MACHINE_ADD] = "INSERT INTO machine (key, cpu) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
    [MACHINE_FIND] = "SELECT id FROM machine WHERE key = ?",
    [BUILD_FIND] = "SELECT id FROM build WHERE version = ? AND commit_hash IS ? AND dirty IS ?"
                   " AND compiler = ? AND flags = ? AND sanitizers = ?",
    [BUILD_ADD] = "INSERT INTO build (version, commit_hash, dirty, compiler, flags, sanitizers)"
                  " VALUES (?, ?, ?, ?, ?, ?)",
    [RUN_ADD] = "INSERT INTO run (machine, build, command, arguments, seed, started_at, status)"
                " VALUES (?, ?, ?, ?, ?, " NOW ", 'running')",
    [RUN_END] = "UPDATE run SET status = ?2, ended_at = " NOW " WHERE id = ?1",
    [RUN_AGAIN] = "UPDATE run SET status = 'running', ended_at = NULL WHERE id = ?",
    [PLAN_ADD] = "INSERT INTO plan (run, position, block, invocation, kind, model, formats, spec,"
                 " predicted_bytes, predicted_ns, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                 " 'waiting')",
    [PLAN_BEGIN] = "UPDATE plan SET state = 'running', reason = NULL, processes = processes + 1,"
                   " spec = ?3, predicted_ns = ?4 WHERE run = ?1 AND position = ?2",
    [PLAN_END] = "UPDATE plan SET state = ?3, reason = ?4, time_ns = coalesce(time_ns, 0) + ?5"
                 " WHERE run = ?1 AND position = ?2",
    [RUN_CERTIFY] =
        "UPDATE run SET certificate = (SELECT CASE passed WHEN 1 THEN id END FROM certificate c"
        " WHERE c.machine = run.machine AND domains = ?2 AND provenance = ?3"
        " ORDER BY id DESC LIMIT 1) WHERE id = ?1",
    [FACT_ADD] = "INSERT INTO fact (run, name, value, reason) VALUES (?, ?, ?, ?)"
                 " ON CONFLICT (run, name) DO UPDATE SET value = excluded.value,"
                 " reason = excluded.reason",
    [CELL_ADD] =
        "INSERT INTO cell (run, block, kind, item, model, format, isa, phase, rows, cols,"
        " n_prompt, n_gen, n_depth, batch, parallel, threads, layers_resident, layers,"
        " tokens, work_bytes, work_ops, predicted_bytes, predicted_ns, cache, kv, head,"
        " provenance, partner, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running')",
    [CELL_STATUS] = "UPDATE cell SET status = ?2, reason = ?3 WHERE id = ?1",
    [SAMPLE_ADD] = "INSERT INTO sample (cell, round, order_in_round, start_ns, time_ns, process)"
                   " VALUES (?, ?, ?, ?, ?, ?)",
    [READING_ADD] = "INSERT INTO reading (sample, channel, unit, value, provenance, reason, note)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
    [VALUE_SET] = "INSERT INTO value (cell, metric, value, unit, provenance, reason, formula,"
                  " uncertainty) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                  " ON CONFLICT (cell, metric, provenance) DO UPDATE SET value = excluded.value,"
                  " unit = excluded.unit, reason = excluded.reason, formula = excluded.formula,"
                  " uncertainty = excluded.uncertainty",
    [METER_ADD] = "INSERT INTO meter (run, kind, name, status, tried, said, fix, lsb, period_s,"
                  " period_p95_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                  " ON CONFLICT (run, kind, name) DO UPDATE SET status = excluded.status,"
                  " tried = excluded.tried, said = excluded.said, fix = excluded.fix,"
                  " lsb = excluded.lsb, period_s = excluded.period_s,"
                  " period_p95_s = excluded.period_p95_s",
    [WINDOW_ADD] = "INSERT INTO window (run, cell, series, round, runs, start_ns, time_ns, state,"
                   " reason, foreign_share, steal_share, guard_share)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [JOULES_ADD] = "INSERT INTO joules (window, channel, domains, value, uncertainty, bound, wraps,"
                   " provenance, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [TRACE_ADD] = "INSERT INTO trace (run, channel, time_ns, power_w, provenance)"
                  " VALUES (?, ?, ?, ?, ?) ON CONFLICT (run, channel, time_ns) DO NOTHING",
    [CERTIFICATE_ADD] =
        "INSERT INTO certificate (machine, made_at, domains, provenance, passed,"
        " text) VALUES ((SELECT machine FROM run WHERE id = ?), " NOW ", ?, ?, ?, ?)",
};

int store_sql_errno(int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return -EINVAL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return -EACCES;
    case SQLITE_NOMEM:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

int store_sql_fail(struct store *store, const char *what)
{
    snprintf(store->error, sizeof store->error, "%s: cannot %s: %s", store->path, what,
             sqlite3_errmsg(store->db));
    return store_sql_errno(sqlite3_extended_errcode(store->db));
}

int store_sql_no_row(struct store *store, const char *table, int64_t id)
{
    snprintf(store->error, sizeof store->error, "%s: has no %s %" PRId64, store->path, table, id);
    return -ENOENT;
}

int store_sql_begin(struct store *store, enum statement which, struct binding *b)
{
    sqlite3_stmt **statement = &store->statements[which];

    *b = (struct binding){ .next = 1 };
    if (!*statement && sqlite3_prepare_v3(store->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                          statement, NULL) != SQLITE_OK)
        return store_sql_fail(store, "prepare a statement");
    b->statement = *statement;
    return 0;
}

void store_sql_text(struct binding *b, const char *text)
{
    sqlite3_bind_text(b->statement, b->next++, text, -1, SQLITE_STATIC);
}

void store_sql_int(struct binding *b, int64_t value)
{
    sqlite3_bind_int64(b->statement, b->next++, value);
}

void store_sql_int_or_null(struct binding *b, int64_t value)
{
    if (value)
        store_sql_int(b, value);
    else
        sqlite3_bind_null(b->statement, b->next++);
}

void store_sql_text_or_null(struct binding *b, const char *text)
{
    store_sql_text(b, text && text[0] ? text : NULL);
}

void store_sql_value(struct binding *b, double value, const char *reason)
{
    if (reason)
        sqlite3_bind_null(b->statement, b->next++);
    else
        sqlite3_bind_double(b->statement, b->next++, value);
}

void store_sql_real_or_null(struct binding *b, double value)
{
    if (isfinite(value))
        sqlite3_bind_double(b->statement, b->next++, value);
    else
        sqlite3_bind_null(b->statement, b->next++);
}

int store_sql_run(struct store *store, struct binding *b, int64_t *id, const char *what)
{
    int code = sqlite3_step(b->statement), error = 0;

    if (code == SQLITE_ROW && id)
        *id = sqlite3_column_int64(b->statement, 0);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        error = store_sql_fail(store, what);
    sqlite3_reset(b->statement);
    sqlite3_clear_bindings(b->statement);
    return error;
}

int store_sql_plain(struct store *store, enum statement which, const char *what)
{
    struct binding b;
    int error = store_sql_begin(store, which, &b);

    return error ? error : store_sql_run(store, &b, NULL, what);
}

int store_sql_end(struct store *store, int error)
{
    char sentence[sizeof store->error];

    if (!error)
        error = store_sql_plain(store, COMMIT, "commit");
    if (!error || sqlite3_get_autocommit(store->db)) /* SQLite rolled back by itself */
        return error;
    memcpy(sentence, store->error, sizeof sentence);
    store_sql_plain(store, ROLLBACK, "roll back");
    memcpy(store->error, sentence, sizeof sentence);
    return error;
}
