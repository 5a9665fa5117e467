/* SPDX-License-Identifier: MIT
 *
 * The statements of a store, inside the harness: each is prepared when it is first used and kept
 * until the store is closed, because samples are added between samples. Errors are negative errno
 * and leave a sentence in store->error. */
#ifndef HARNESS_STORE_SQL_H
#define HARNESS_STORE_SQL_H

#include <limits.h>
#include <stdint.h>
#include <sqlite3.h>

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    MACHINE_ADD,
    MACHINE_FIND,
    BUILD_FIND,
    BUILD_ADD,
    RUN_ADD,
    RUN_END,
    RUN_AGAIN,
    PLAN_ADD,
    PLAN_BEGIN,
    PLAN_END,
    RUN_CERTIFY,
    FACT_ADD,
    CELL_ADD,
    CELL_STATUS,
    SAMPLE_ADD,
    READING_ADD,
    VALUE_SET,
    METER_ADD,
    WINDOW_ADD,
    JOULES_ADD,
    TRACE_ADD,
    CERTIFICATE_ADD,
    STATEMENTS
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    char *path;
    char error[PATH_MAX + 256];
};

/* Parameters are numbered in the order in which they are bound. */
struct binding {
    sqlite3_stmt *statement;
    int next;
};

int store_sql_begin(struct store *store, enum statement which, struct binding *b);
/* Strings are borrowed until store_sql_run, which every function calls before it returns. */
void store_sql_text(struct binding *b, const char *text);
void store_sql_text_or_null(struct binding *b, const char *text); /* NULL for "" */
void store_sql_int(struct binding *b, int64_t value);
void store_sql_int_or_null(struct binding *b, int64_t value);              /* NULL for 0 */
void store_sql_value(struct binding *b, double value, const char *reason); /* NULL with a reason */
void store_sql_real_or_null(struct binding *b, double value); /* NULL for NAN and infinity */
/* Steps to the end and resets. *id: the first column of the row that it found, else unchanged; may
 * be NULL. what: "cannot <what>" is in the sentence. */
int store_sql_run(struct store *store, struct binding *b, int64_t *id, const char *what);

/* A statement without parameters. */
int store_sql_plain(struct store *store, enum statement which, const char *what);
/* Ends a transaction: commits when error is 0, else rolls back and keeps the error and sentence. */
int store_sql_end(struct store *store, int error);

/* After an UPDATE by id that found no row: -ENOENT and a sentence. */
int store_sql_no_row(struct store *store, const char *table, int64_t id);
/* The sentence and the errno for what SQLite just refused. */
int store_sql_fail(struct store *store, const char *what);
int store_sql_errno(int code);

#endif
