/* SPDX-License-Identifier: MIT
 *
 * schedule.c: who may go on with a run, and the order of a plan. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "bench/schedule.h"
#include "tests/scratch_store.h"

static struct config config = { .seed = 3 };
static struct run run = { .command = "paper", .config = &config };

static int open_run(void **state)
{
    run.id = scratch_store_run(&run.store, state, "paper");
    config.db = *state;
    return run.id > 0 ? 0 : -1;
}

static int close_run(void **state)
{
    return scratch_store_close(run.store, state);
}

/* ---- claims ---- */

/* A process that claims what `block` says, writes a byte, and after `ms` another before it ends. */
static pid_t claimant(bool block, int64_t id, int ms, int *from)
{
    const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        if (block)
            schedule_claim_block(config.db, id);
        else if (schedule_claim("paper", config.db, id))
            _exit(1);
        if (write(ends[1], "r", 1) != 1)
            _exit(1);
        nanosleep(&pause, NULL);
        _exit(write(ends[1], "e", 1) != 1);
    }
    assert_true(pid > 0);
    close(ends[1]);
    *from = ends[0];
    char ready;
    assert_int_equal(read(ends[0], &ready, 1), 1);
    return pid;
}

static void a_run_is_one_process(void **state)
{
    int from, status;
    const pid_t pid = claimant(false, 1000, 60000, &from);

    (void)state;
    assert_int_equal(schedule_claim("resume", config.db, 1000), 2);
    assert_int_equal(schedule_claim("resume", config.db, 1001),
                     0); /* another run of the database */
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(schedule_claim("resume", config.db, 1000), 0);
    close(from);
}

/* Nothing begins before the process of a block has ended, and given its memory back. */
static void a_block_is_waited_for(void **state)
{
    int from, status;
    const pid_t pid = claimant(true, 2000, 300, &from);

    (void)state;
    assert_int_equal(schedule_claim("resume", config.db, 2000), 0);
    assert_int_equal(poll(&(struct pollfd){ .fd = from, .events = POLLIN }, 1, 0), 1);
    char end = '\0';
    assert_int_equal(read(from, &end, 1), 1);
    assert_int_equal(end, 'e');
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(from);
}

/* ---- order ---- */

enum { EACH = 6, BLOCKS = 2 * EACH, TIMES = 3 };

/* The formats of all rows in order of their positions: one letter a row, models apart. */
static void letters_of(char *letters)
{
    sqlite3_stmt *s;
    int n = 0;

    assert_int_equal(sqlite3_prepare_v2(store_db(run.store),
                                        "SELECT model, block, invocation FROM plan WHERE run = ?1 "
                                        "ORDER BY position",
                                        -1, &s, NULL),
                     SQLITE_OK);
    sqlite3_bind_int64(s, 1, run.id);
    while (sqlite3_step(s) == SQLITE_ROW) {
        assert_int_equal(sqlite3_column_int(s, 2), n / BLOCKS);
        assert_string_equal((const char *)sqlite3_column_text(s, 0),
                            n % BLOCKS < EACH ? "700M" : "3B");
        letters[n++] = (char)('a' + (sqlite3_column_int(s, 1) - 1) % BLOCKS);
    }
    sqlite3_finalize(s);
    assert_int_equal(n, BLOCKS * TIMES);
    letters[n] = '\0';
}

static void each_invocation_draws_the_order_of_a_models_blocks(void **state)
{
    static struct block blocks[BLOCKS], back[BLOCKS];
    char letters[BLOCKS * TIMES + 1], again[BLOCKS * TIMES + 1];

    (void)state;
    for (int i = 0; i < BLOCKS; i++) {
        struct pass_block *b = &blocks[i].passes;
        blocks[i].kind = "model";
        blocks[i].threads = 1;
        b->spec_count = b->test_count = 1;
        b->specs[0] = pass_spec(&config, shape_find(i < EACH ? "700M" : "3B"), families[0], NULL);
        b->tests[0] = (struct pass_test){ .n_gen = 1 + i, .batch = 1, .parallel = 1 };
    }
    schedule_add(&run, blocks, BLOCKS, TIMES);
    assert_int_equal(run.broken, 0);
    letters_of(letters);
    for (int t = 0; t < TIMES; t++)
        for (int i = 0; i < BLOCKS; i++) /* each once */
            assert_non_null(memchr(letters + t * BLOCKS, 'a' + i, BLOCKS));
    assert_true(memcmp(letters, "abcdefghijkl", BLOCKS) != 0);
    assert_true(memcmp(letters, letters + BLOCKS, BLOCKS) != 0);

    /* What was planned is what is read back, in the order in which it runs. */
    assert_int_equal(schedule_blocks(&run, 0, back, BLOCKS), BLOCKS);
    for (int i = 0; i < BLOCKS; i++)
        assert_int_equal(back[i].passes.tests[0].n_gen, 1 + letters[i] - 'a');

    sqlite3_exec(store_db(run.store), "DELETE FROM plan", NULL, NULL, NULL);
    schedule_add(&run, blocks, BLOCKS, TIMES);
    letters_of(again);
    assert_string_equal(letters, again); /* the seed's order */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_one_process),
        cmocka_unit_test(a_block_is_waited_for),
        cmocka_unit_test(each_invocation_draws_the_order_of_a_models_blocks),
    };

    return cmocka_run_group_tests_name("schedule", tests, open_run, close_run);
}
