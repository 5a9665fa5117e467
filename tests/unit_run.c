/* SPDX-License-Identifier: MIT
 *
 * run_measure: what comes between a workload's prepare and its clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>
#include "bench/run.h"
#include "kernels/threads.h"
#include "tests/scratch_store.h"
#include "tests/task_state.h"

enum { SAMPLES = 50 };

static struct config config = { .seed = 3, .sysroot = "" };
static struct run run = { .command = "kernel", .config = &config };

static int open_run(void **state)
{
    run.id = scratch_store_run(&run.store, state, "kernel");
    return run.id > 0 ? 0 : -1;
}

static int close_run(void **state)
{
    threads_close(run.pool);
    return scratch_store_close(run.store, state);
}

struct sleeper {
    long task; /* of the pool's thread 1 */
    int asleep, awake;
};

/* Longer than a worker spins. */
static int fall_asleep(void *arg)
{
    const struct timespec idle = { .tv_nsec = 10 * 1000 * 1000 };
    struct sleeper *s = arg;

    nanosleep(&idle, NULL);
    s->asleep += task_state(s->task) == 'S';
    return 0;
}

static int look(void *arg)
{
    struct sleeper *s = arg;

    s->awake += task_state(s->task) == 'R';
    return 0;
}

/* A machine that is busy may take the worker's CPU away in between: one sample of many will do. */
static void the_threads_are_awake_when_a_sample_begins(void **state)
{
    struct sleeper sleeper = { 0 };
    const struct workload w = {
        .name = "sleeper", .prepare = fall_asleep, .run = look, .arg = &sleeper
    };
    const struct plan plan = { .repetitions = SAMPLES };
    const struct cell cell = { .kind = "kernel", .provenance = PROVENANCE_MEASURED };

    (void)state;
    if (threads_units() < 2) {
        print_message("one CPU\n");
        skip();
    }
    assert_non_null(run_threads(&run, 2));
    threads_run(run.pool, task_note, &sleeper.task);
    const int64_t id = run_cell(&run, &cell);
    assert_true(id > 0);
    assert_int_equal(run_measure(&run, &w, &id, 1, &plan), 0);
    assert_true(sleeper.asleep > 0);
    assert_true(sleeper.awake > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_threads_are_awake_when_a_sample_begins, open_run,
                                        close_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
