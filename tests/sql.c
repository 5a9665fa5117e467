/* SPDX-License-Identifier: MIT
 *
 * sql DB QUERY: prints the first column of every row, a line a row, NULL as "NULL". Exit status 1
 * with a line on stderr where the query fails. For tests from outside. */
#include <sqlite3.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int code;

    if (argc != 3) {
        fprintf(stderr, "sql DB QUERY\n");
        return 2;
    }
    code = sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(db, argv[2], -1, &statement, NULL);
    if (code == SQLITE_OK)
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(statement, 0);
            puts(text ? text : "NULL");
        }
    if (code != SQLITE_DONE)
        fprintf(stderr, "%s: %s\n", argv[1], sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return code != SQLITE_DONE;
}
