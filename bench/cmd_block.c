/* SPDX-License-Identifier: MIT
 *
 * `block DB RUN POSITION FD`: the process of a block, which no user starts. See child.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/block.h"
#include "bench/child.h"
#include "bench/command.h"
#include "bench/names.h"
#include "bench/rows.h"
#include "bench/schedule.h"

enum { WORDS_MAX = 256 };

/* The plan's row, as far as this process needs it. */
struct place {
    char command[16];
    char arguments[sizeof((struct config *)0)->arguments];
    char *spec;
    int block, invocation, process;
};

static int read_place(const char *db, int64_t run, int position, struct place *place)
{
    struct store *store = NULL;
    sqlite3_stmt *s = NULL;
    int error = store_open_readonly(&store, db);

    if (!error &&
        sqlite3_prepare_v2(store_db(store),
                           "SELECT command, arguments, spec, block, invocation, (SELECT "
                           "sum(processes) FROM plan WHERE run = ?1) FROM plan JOIN run ON run.id "
                           "= plan.run WHERE run = ?1 AND position = ?2",
                           -1, &s, NULL))
        error = -EIO;
    if (!error) {
        sqlite3_bind_int64(s, 1, run);
        sqlite3_bind_int(s, 2, position);
        error = sqlite3_step(s) == SQLITE_ROW ? 0 : -ENOENT;
    }
    if (!error) {
        snprintf(place->command, sizeof place->command, "%s", rows_text(s, 0));
        snprintf(place->arguments, sizeof place->arguments, "%s", rows_text(s, 1));
        place->spec = strdup(rows_text(s, 2));
        place->block = sqlite3_column_int(s, 3);
        place->invocation = sqlite3_column_int(s, 4);
        place->process = sqlite3_column_int(s, 5) - 1;
    }
    if (error)
        run_refuse("block", "%s", store ? store_error(store) : "no memory");
    sqlite3_finalize(s);
    store_close(store);
    return error;
}

int cmd_block(int argc, char **argv)
{
    static struct config config;
    static struct block block;
    static struct place place;
    char *words[WORDS_MAX], why[400] = "its plan cannot be read";
    struct run run;

    if (argc != 4)
        return run_refuse("block", "want DB RUN POSITION FD");
    const int64_t id = strtoll(argv[1], NULL, 10);
    schedule_claim_block(argv[0], id);
    if (read_place(argv[0], id, atoi(argv[2]), &place))
        return 2;
    const int count = option_split(place.arguments, place.command, words, WORDS_MAX);
    if (count < 0 ||
        option_parse(&config, command_find(place.command)->bit, count, words, why, sizeof why) ||
        names_check(&config, command_find(place.command)->bit, why, sizeof why) ||
        names_pin(&config, why, sizeof why) || names_threads(&config, why, sizeof why) ||
        block_parse(place.spec, &block))
        return run_refuse("block", "%s", why);
    config.db = argv[0];
    int status = run_open_block(&run, &config, place.command, id);
    if (status)
        return status;
    run.watch = child_watch(atoi(argv[3]));
    if (!run.watch) {
        run_refuse("block", "no memory to be watched in");
        run.broken = -ENOMEM;
        return run_close_block(&run);
    }
    run.deadline_ns = run.watch->deadline_ns;
    run.end_ns = run.watch->end_ns;
    run.block = place.block;
    run.invocation = place.invocation;
    run.process = place.process;
    block_run(&run, &block);
    run.watch->deadline_ns = run.deadline_ns;
    run.watch->limit_ns = 0;
    free(place.spec);
    return run_close_block(&run);
}
