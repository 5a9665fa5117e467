/* SPDX-License-Identifier: MIT
 *
 * `resume`: goes on with a run that did not end, with the arguments that it was started with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/command.h"
#include "bench/names.h"
#include "bench/rows.h"
#include "bench/run.h"
#include "bench/schedule.h"

enum { WORDS_MAX = 256 };

/* A run that may be gone on with. */
struct unfinished {
    int64_t id;
    char command[16], arguments[sizeof((struct config *)0)->arguments];
    char machine[24], commit[64];
    bool finished, planned;
};

static bool find(sqlite3 *db, int64_t wanted, struct unfinished *run)
{
    static const char sql[] =
        "SELECT * FROM (SELECT r.id, command, arguments, m.key, coalesce(b.commit_hash, ''), "
        "status IN ('done', 'failed') AND NOT EXISTS (SELECT 1 FROM plan WHERE run = r.id AND "
        "state IN ('waiting', 'running', 'interrupted')) AS finished, command IN ('paper', "
        "'model') AS "
        "planned FROM run r JOIN machine m ON m.id = r.machine JOIN build b ON b.id = r.build) "
        "WHERE CASE ?1 WHEN 0 THEN planned AND NOT finished ELSE id = ?1 END ORDER BY id DESC";
    sqlite3_stmt *s = NULL;
    bool there = false;

    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        return false;
    sqlite3_bind_int64(s, 1, wanted);
    if (sqlite3_step(s) == SQLITE_ROW) {
        there = true;
        run->id = sqlite3_column_int64(s, 0);
        snprintf(run->command, sizeof run->command, "%s", rows_text(s, 1));
        snprintf(run->arguments, sizeof run->arguments, "%s", rows_text(s, 2));
        snprintf(run->machine, sizeof run->machine, "%s", rows_text(s, 3));
        snprintf(run->commit, sizeof run->commit, "%s", rows_text(s, 4));
        run->finished = sqlite3_column_int(s, 5);
        run->planned = sqlite3_column_int(s, 6);
    }
    sqlite3_finalize(s);
    return there;
}

/* Samples of another machine, or of other code, do not belong into one run. */
static int check_here(const struct config *config, const struct unfinished *run)
{
    const struct build build = build_read();
    struct machine machine;
    struct host host;

    machine_cpu(&machine);
    host_read(&host, &machine.cpu, config->sysroot);
    if (strcmp(host.key, run->machine))
        return run_refuse("resume", "run %lld is of another machine: %s, and this one is %s",
                          (long long)run->id, run->machine, host.key);
    if (strcmp(build.commit, run->commit))
        return run_refuse("resume", "run %lld is of another build: commit %s, and this one is %s",
                          (long long)run->id, run->commit[0] ? run->commit : "none",
                          build.commit[0] ? build.commit : "none");
    return 0;
}

static int go_on(const struct config *config, struct unfinished *run)
{
    static struct config stored;
    char *words[WORDS_MAX], why[400] = "its arguments were not stored whole";
    const struct command *command = command_find(run->command);
    const int count = option_split(run->arguments, run->command, words, WORDS_MAX);

    if (count < 0 || option_parse(&stored, command->bit, count, words, why, sizeof why) ||
        names_check(&stored, command->bit, why, sizeof why) ||
        names_pin(&stored, why, sizeof why) || names_threads(&stored, why, sizeof why))
        return run_refuse("resume", "run %lld: %s", (long long)run->id, why);
    stored.db = config->db;
    stored.resume = run->id;
    if (config->output_count) {
        stored.output_count = config->output_count;
        memcpy(stored.outputs, config->outputs, sizeof stored.outputs);
    }
    int status = check_here(&stored, run);
    if (!status)
        status = schedule_claim("resume", stored.db, run->id);
    return status ? status : command->run(&stored);
}

int cmd_resume(const struct config *config)
{
    static struct unfinished run;
    struct store *store = NULL;
    char *end = NULL;
    int status = 0;
    bool there = false;

    if (config->run && (strtoll(config->run, &end, 10) < 1 || *end))
        return run_refuse("resume", "--run %s: want the number of a run", config->run);
    if (store_open_readonly(&store, config->db))
        status = run_refuse("resume", "%s", store ? store_error(store) : "no memory");
    else
        there = find(store_db(store), config->run ? strtoll(config->run, NULL, 10) : 0, &run);
    store_close(store);
    if (status)
        return status;
    if (!there)
        return config->run ? run_refuse("resume", "%s: no run %s", config->db, config->run)
                           : run_refuse("resume", "%s: no run in it that did not end", config->db);
    if (!run.planned)
        return run_refuse("resume", "run %lld is of `%s`, which has no plan to go on with",
                          (long long)run.id, run.command);
    if (run.finished)
        return run_refuse("resume", "run %lld has ended: nothing is left to do", (long long)run.id);
    return go_on(config, &run);
}
