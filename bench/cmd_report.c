/* SPDX-License-Identifier: MIT
 *
 * `report`: the tables of a `paper` run again, from its database; or what a figure shows of a run.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bench/command.h"
#include "bench/figure_rows.h"
#include "bench/paper_rows.h"
#include "bench/run.h"

/* The run that --run names, of any command where only a figure's rows are asked for, or the last
 * of `paper`. 0: there is none. */
static int64_t find_run(sqlite3 *db, const char *wanted, bool any)
{
    sqlite3_stmt *statement = NULL;
    int64_t id = 0;

    if (sqlite3_prepare_v2(db,
                           "SELECT id FROM run WHERE CASE ?1 WHEN 0 THEN command = 'paper' ELSE "
                           "id = ?1 AND (?2 OR command = 'paper') END "
                           "ORDER BY id DESC LIMIT 1",
                           -1, &statement, NULL))
        return 0;
    sqlite3_bind_int64(statement, 1, wanted ? strtoll(wanted, NULL, 10) : 0);
    sqlite3_bind_int(statement, 2, any);
    if (sqlite3_step(statement) == SQLITE_ROW)
        id = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return id;
}

/* The first of the items that is a figure's; NULL: all are of the paper. */
static const char *figure_of(const struct text_list *only)
{
    for (int i = 0; i < only->count; i++)
        if (figure_rows_have(only->values[i]))
            return only->values[i];
    return NULL;
}

int cmd_report(const struct config *config)
{
    const char *figure = figure_of(&config->only);
    struct outputs *outputs = NULL;
    struct store *store = NULL;
    char why[400], *end = NULL;
    int status = 0;

    if (config->only.count > 1 && figure)
        return run_refuse("report", "--only %s: alone, please: its rows have other members",
                          figure);
    if (config->run && (strtoll(config->run, &end, 10) < 1 || *end))
        return run_refuse("report", "--run %s: want the number of a run", config->run);
    if (store_open_readonly(&store, config->db)) {
        status = run_refuse("report", "%s", store ? store_error(store) : "no memory");
        goto out;
    }
    const int64_t run = find_run(store_db(store), config->run, figure != NULL);
    if (!run) {
        status = config->run
                     ? run_refuse("report", "%s: no `paper` run %s", config->db, config->run)
                     : run_refuse("report", "%s: no `paper` run in it yet", config->db);
        goto out;
    }
    if (outputs_open(&outputs, config, why, sizeof why)) {
        status = run_refuse("report", "%s", why);
        goto out;
    }
    if (figure ? figure_rows_write(outputs, store_db(store), run, figure)
               : paper_rows_write(outputs, store_db(store), run, &config->only, config->figures))
        status = run_refuse("report", "%s: run %lld cannot be read", config->db, (long long)run);
    if (outputs_close(outputs, why, sizeof why))
        status = run_refuse("report", "%s", why);
out:
    store_close(store);
    return status;
}
