/* SPDX-License-Identifier: MIT
 *
 * The pool: every index runs once a job, on its own CPU; shares cover a range without overlap;
 * workers that went to sleep wake up. Nothing here depends on how long anything takes. */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include "kernels/threads.h"
#include "tests/pool.h"
#include "tests/task_state.h"

enum { MANY = 256, ROUNDS = 20000, WHY = 200 };

static int units;

/* ---- jobs ---- */

struct tally {
    atomic_int runs[MANY]; /* of each index */
    atomic_int wrong;      /* calls with an index or a count that cannot be */
    int count;
};

static void count_run(void *arg, int index, int count)
{
    struct tally *tally = arg;

    if (count != tally->count || index < 0 || index >= count || index >= MANY)
        atomic_fetch_add(&tally->wrong, 1);
    else
        atomic_fetch_add(&tally->runs[index], 1);
}

static void every_index_once(const void *unused)
{
    (void)unused;
    for (int count = 1; count <= units && count <= MANY; count++) {
        struct tally tally = { .count = count };
        check_context("%d threads", count);
        open_pool(count);
        for (int round = 1; round <= ROUNDS / 10; round++) {
            threads_run(pool, count_run, &tally);
            for (int i = 0; i < count; i++)
                if (atomic_load(&tally.runs[i]) != round)
                    check_fail("index %d ran %d times in %d rounds", i, atomic_load(&tally.runs[i]),
                               round);
        }
        check_that(atomic_load(&tally.wrong) == 0);
        close_pool();
    }
}

/* Plain memory, written by one job and read by the next: a run ends when all of it is visible. */
struct relay {
    int cells[MANY], sums[MANY];
};

static void write_cell(void *arg, int index, int count)
{
    struct relay *relay = arg;

    (void)count;
    relay->cells[index]++;
}

static void read_cells(void *arg, int index, int count)
{
    struct relay *relay = arg;
    int sum = 0;

    for (int i = 0; i < count; i++)
        sum += relay->cells[i];
    relay->sums[index] = sum;
}

static void results_are_visible(const void *unused)
{
    struct relay relay = { 0 };
    const int count = units < MANY ? units : MANY;

    (void)unused;
    open_pool(count);
    for (int round = 1; round <= ROUNDS; round++) {
        threads_run(pool, write_cell, &relay);
        threads_run(pool, read_cells, &relay);
        for (int i = 0; i < count; i++)
            if (relay.sums[i] != round * count)
                check_fail("index %d saw %d of %d in round %d", i, relay.sums[i], round * count,
                           round);
    }
}

static void idle_then_wake(const void *unused)
{
    const struct timespec idle = { .tv_nsec = 30 * 1000 * 1000 }; /* beyond any spinning */
    struct tally tally = { .count = units < MANY ? units : MANY };

    (void)unused;
    open_pool(tally.count);
    for (int round = 1; round <= 10; round++) {
        nanosleep(&idle, NULL);
        threads_run(pool, count_run, &tally);
        for (int i = 0; i < tally.count; i++)
            check_that(atomic_load(&tally.runs[i]) == round);
    }
    nanosleep(&idle, NULL); /* and close while they sleep */
}

/* A machine that is busy may take the worker's CPU away in between: one round of many will do. */
static void awake_before_a_job(const void *unused)
{
    const struct timespec idle = { .tv_nsec = 30 * 1000 * 1000 };
    int asleep = 0, awake = 0;
    long task = 0;

    (void)unused;
    open_pool(2);
    threads_run(pool, task_note, &task);
    for (int round = 0; round < 100 && !(asleep && awake); round++) {
        nanosleep(&idle, NULL);
        asleep += task_state(task) == 'S';
        threads_wake(pool);
        awake += task_state(task) == 'R';
    }
    check_that(asleep > 0);
    check_that(awake > 0);
}

/* A part of the pool, another one each round, with pauses in which the rest falls asleep. */
static void part_of_the_pool(const void *unused)
{
    const struct timespec idle = { .tv_nsec = 3 * 1000 * 1000 };
    const int count = units < MANY ? units : MANY;
    int wanted[MANY] = { 0 };
    struct tally tally = { .count = 0 };

    (void)unused;
    open_pool(count);
    for (int round = 0; round < ROUNDS / 10; round++) {
        tally.count = 1 + (round * 7 + round / 3) % count;
        threads_use(pool, tally.count);
        check_that(threads_count(pool) == tally.count);
        if (round % 100 == 0)
            nanosleep(&idle, NULL);
        threads_run(pool, count_run, &tally);
        for (int i = 0; i < count; i++) {
            wanted[i] += i < tally.count;
            if (atomic_load(&tally.runs[i]) != wanted[i])
                check_fail("round %d with %d threads: index %d ran %d times instead of %d", round,
                           tally.count, i, atomic_load(&tally.runs[i]), wanted[i]);
        }
    }
    check_that(atomic_load(&tally.wrong) == 0);
    threads_use(pool, 1); /* and close with the others asleep */
    nanosleep(&idle, NULL);
}

/* ---- CPUs ---- */

struct places {
    int cpu[MANY];
};

static void note_cpu(void *arg, int index, int count)
{
    struct places *places = arg;

    (void)count;
    places->cpu[index] = sched_getcpu();
}

static void each_on_its_own_cpu(const void *unused)
{
    struct places places;
    const int count = units < MANY ? units : MANY;

    (void)unused;
    open_pool(count);
    threads_run(pool, note_cpu, &places);
    for (int i = 0; i < count; i++) {
        check_context("index %d of %d", i, count);
        check_that(places.cpu[i] == threads_cpu(pool, i));
        for (int j = 0; j < i; j++)
            check_that(places.cpu[i] != places.cpu[j]);
    }
}

/* A list of CPUs turned round: each thread runs on its own of them, and may run nowhere else. */
static void note_affinity(void *arg, int index, int count)
{
    struct places *places = arg;
    cpu_set_t set;

    (void)count;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &set))
            places->cpu[index] = CPU_COUNT(&set) == 1 && cpu == sched_getcpu() ? cpu : -1;
}

static void on_a_list(const void *unused)
{
    struct places places;
    const int count = units < MANY ? units : MANY;
    int list[MANY];
    char why[WHY] = "";

    (void)unused;
    open_pool(count);
    for (int i = 0; i < count; i++)
        list[i] = threads_cpu(pool, count - 1 - i);
    close_pool();
    for (int n = count; n > 0; n--) {
        check_context("%d of the list", n);
        check_that(!threads_pin(list, n, why, sizeof why));
        check_that(threads_units() == n && threads_cores() == n);
        check_that(threads_open(&pool, n + 1, why, sizeof why) < 0 && why[0]);
        open_pool(n);
        threads_run(pool, note_affinity, &places);
        for (int i = 0; i < n; i++)
            check_that(places.cpu[i] == list[i] && threads_cpu(pool, i) == list[i]);
        close_pool();
    }
    check_that(!threads_pin(NULL, 0, why, sizeof why));
    check_that(threads_units() == units);
}

static void lists_refused(const void *unused)
{
    const int absent[] = { CPU_SETSIZE - 1 }, negative[] = { -1 };
    char why[WHY] = "";
    int twice[2];

    (void)unused;
    open_pool(1);
    twice[0] = twice[1] = threads_cpu(pool, 0);
    close_pool();
    check_that(threads_pin(twice, 2, why, sizeof why) == -EINVAL && strstr(why, "twice"));
    check_that(threads_pin(absent, 1, why, sizeof why) == -EINVAL && strstr(why, "may not use"));
    check_that(threads_pin(negative, 1, why, sizeof why) == -EINVAL);
    check_that(threads_pin(twice, 1 << 20, why, sizeof why) == -EINVAL);
    check_that(threads_units() == units);
}

static void affinity_comes_back(const void *unused)
{
    cpu_set_t before, after;

    (void)unused;
    check_that(!sched_getaffinity(0, sizeof before, &before));
    open_pool(units);
    close_pool();
    check_that(!sched_getaffinity(0, sizeof after, &after));
    check_that(CPU_EQUAL(&before, &after));
    check_that(threads_units() == units);
}

static void counts(const void *unused)
{
    static const int wrong[] = { 0, -1, 1 << 20 };

    (void)unused;
    check_that(threads_cores() >= 1 && threads_units() >= threads_cores());
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char why[WHY] = "";
        check_context("%d threads", wrong[i]);
        check_that(threads_open(&pool, wrong[i], why, sizeof why) < 0);
        check_that(why[0]);
        check_that(!pool);
    }
}

/* ---- shares ---- */

static void shares(const void *unused)
{
    static const int totals[] = { 0, 1, 15, 16, 17, 100, 5460, 131072, 2000000000 };
    static const int unit_sizes[] = { 1, 16, 64 };

    (void)unused;
    for (size_t t = 0; t < sizeof totals / sizeof *totals; t++)
        for (size_t u = 0; u < sizeof unit_sizes / sizeof *unit_sizes; u++)
            for (int count = 1; count <= MANY; count++) {
                int end = 0, least = totals[t], most = 0;
                check_context("%d in units of %d for %d", totals[t], unit_sizes[u], count);
                for (int i = 0; i < count; i++) {
                    const struct range r = threads_share(totals[t], unit_sizes[u], i, count);
                    check_that(r.first == end && r.last >= r.first);
                    check_that(r.last % unit_sizes[u] == 0 || r.last == totals[t]);
                    end = r.last;
                    least = r.last - r.first < least ? r.last - r.first : least;
                    most = r.last - r.first > most ? r.last - r.first : most;
                }
                check_that(end == totals[t]);
                check_that(most - least < 2 * unit_sizes[u]);
            }
}

static void group(void)
{
    static const struct {
        const char *name;
        check_body *body;
    } tests[] = {
        { "shares cover the range", shares },
        { "counts", counts },
        { "every index once", every_index_once },
        { "results are visible", results_are_visible },
        { "idle, then awake", idle_then_wake },
        { "a part of the pool", part_of_the_pool },
        { "each on its own CPU", each_on_its_own_cpu },
        { "affinity comes back", affinity_comes_back },
        { "on a list of CPUs", on_a_list },
        { "lists that are refused", lists_refused },
    };

    units = threads_units();
    for (size_t t = 0; t < sizeof tests / sizeof *tests; t++) {
        check_run(CHECK_PASSES, tests[t].body, NULL, "threads: %s", tests[t].name);
        close_pool();
    }
    if (units > 1)
        check_run(CHECK_PASSES, awake_before_a_job, NULL, "threads: awake before a job");
    else
        check_skip("one CPU", "threads: awake before a job");
    close_pool();
}

int main(int argc, char **argv)
{
    static check_group *const groups[] = { group, NULL };

    return check_main(argc, argv, groups);
}
