/* SPDX-License-Identifier: MIT
 *
 * Opening and closing; the rows are store_rows.c. */
#include "harness/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/store_check.h"
#include "harness/store_sql.h"

static const char schema[] =
#include "schema.sql.h"
    ;

/* How long to wait for another process that writes: `import` of a large file takes seconds. */
enum { BUSY_MS = 10000 };

static int execute(struct store *store, const char *text, const char *what)
{
    return sqlite3_exec(store->db, text, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : store_sql_fail(store, what);
}

static int64_t pragma(struct store *store, const char *text)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;

    if (sqlite3_prepare_v2(store->db, text, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* In one transaction, so that a kill leaves an empty file and no half of a schema. */
static int create(struct store *store)
{
    char ids[96];
    int error = store_sql_plain(store, BEGIN, "create the database");

    if (error)
        return error;
    if (pragma(store, "PRAGMA application_id") != STORE_APPLICATION_ID) { /* nobody was faster */
        snprintf(ids, sizeof ids, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 STORE_APPLICATION_ID, STORE_SCHEMA_VERSION);
        error = execute(store, schema, "create the tables");
        if (!error)
            error = execute(store, ids, "create the tables");
    }
    return store_sql_end(store, error);
}

static int connect_file(struct store *store, int flags)
{
    /* "./": SQLite gives names like ":memory:" a meaning of its own. */
    const char *prefix = store->path[0] == '/' ? "" : "./";
    char *path = sqlite3_mprintf("%s%s", prefix, store->path);
    int code = path ? sqlite3_open_v2(path, &store->db, flags, NULL) : SQLITE_NOMEM;

    sqlite3_free(path);
    if (code != SQLITE_OK) {
        snprintf(store->error, sizeof store->error, "%s: cannot be opened: %s", store->path,
                 store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code));
        return store_sql_errno(code);
    }
    sqlite3_busy_timeout(store->db, BUSY_MS);
    return execute(store, "PRAGMA foreign_keys = ON", "turn foreign keys on");
}

/* The check read the file's header; a log beside the file may know better. */
static int verify(struct store *store)
{
    int64_t version = pragma(store, "PRAGMA user_version");

    if (version == -1)
        return store_sql_fail(store, "be read");
    if (version == STORE_SCHEMA_VERSION)
        return 0;
    snprintf(store->error, sizeof store->error, "%s: has schema version %" PRId64 ", not %d",
             store->path, version, STORE_SCHEMA_VERSION);
    return -EPROTONOSUPPORT;
}

/* WAL: readers and the writer do not wait for each other. NORMAL: a commit is in the system's hands
 * when it returns, so that a kill of the process, -9 too, loses none; only a power cut can take the
 * last ones. FULL would wait for the disk after every sample, and the next sample would feel it. */
static int set_journal(struct store *store)
{
    int code = sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);

    /* Some other process is in the middle of something: the old journal is as safe. */
    if (code != SQLITE_OK && code != SQLITE_BUSY)
        return store_sql_fail(store, "turn its log on");
    return execute(store, "PRAGMA synchronous = NORMAL", "set synchronous");
}

static int allocate(struct store **store, const char *path)
{
    struct store *new = calloc(1, sizeof *new);

    *store = new;
    if (!new)
        return -ENOMEM;
    new->path = strdup(path);
    if (new->path)
        return 0;
    snprintf(new->error, sizeof new->error, "out of memory");
    return -ENOMEM;
}

int store_open(struct store **store, const char *path)
{
    bool fresh = false;
    int error = allocate(store, path);

    if (!error)
        error = store_check(path, true, &fresh, (*store)->error, sizeof(*store)->error);
    if (!error)
        error = connect_file(*store, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (!error && fresh)
        error = create(*store);
    if (!error)
        error = verify(*store);
    return error ? error : set_journal(*store);
}

int store_open_readonly(struct store **store, const char *path)
{
    bool fresh;
    int error = allocate(store, path);

    if (!error)
        error = store_check(path, false, &fresh, (*store)->error, sizeof(*store)->error);
    if (!error)
        error = connect_file(*store, SQLITE_OPEN_READONLY);
    return error ? error : verify(*store);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    if (store->db && !sqlite3_db_readonly(store->db, "main")) {
        /* At rest a database is one file, which can be copied, and read where nothing can be
         * written. Others still have it open: then the last of them does this. */
        sqlite3_busy_timeout(store->db, 0);
        sqlite3_exec(store->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}

const char *store_error(const struct store *store)
{
    return store ? store->error : "out of memory";
}

sqlite3 *store_db(struct store *store)
{
    return store->db;
}
