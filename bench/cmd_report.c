/* SPDX-License-Identifier: MIT
 *
 * `report`: the tables of a `paper` run again, from its database. */
#include <errno.h>
#include <stdlib.h>
#include "bench/command.h"
#include "bench/paper_rows.h"
#include "bench/run.h"

/* The run that --run names, or the last of `paper`. 0: there is none. */
static int64_t find_run(sqlite3 *db, const char *wanted)
{
    sqlite3_stmt *statement = NULL;
    int64_t id = 0;

    if (sqlite3_prepare_v2(db,
                           "SELECT id FROM run WHERE command = 'paper' AND (?1 = 0 OR id = ?1) "
                           "ORDER BY id DESC LIMIT 1",
                           -1, &statement, NULL))
        return 0;
    sqlite3_bind_int64(statement, 1, wanted ? strtoll(wanted, NULL, 10) : 0);
    if (sqlite3_step(statement) == SQLITE_ROW)
        id = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return id;
}

int cmd_report(const struct config *config)
{
    static const struct text_list all = { .count = 0 };
    struct outputs *outputs = NULL;
    struct store *store = NULL;
    char why[400], *end = NULL;
    int status = 0;

    if (config->run && (strtoll(config->run, &end, 10) < 1 || *end))
        return run_refuse("report", "--run %s: want the number of a run", config->run);
    if (store_open_readonly(&store, config->db)) {
        status = run_refuse("report", "%s", store ? store_error(store) : "no memory");
        goto out;
    }
    const int64_t run = find_run(store_db(store), config->run);
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
    if (paper_rows_write(outputs, store_db(store), run, &all))
        status = run_refuse("report", "%s: run %lld cannot be read", config->db, (long long)run);
    if (outputs_close(outputs, why, sizeof why))
        status = run_refuse("report", "%s", why);
out:
    store_close(store);
    return status;
}
