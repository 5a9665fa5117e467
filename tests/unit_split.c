/* SPDX-License-Identifier: MIT
 *
 * Work in parts: every row is done once, whatever the threads take from each other; parts are large
 * enough; a slow thread is helped. Nothing here depends on how long anything takes. */
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include "kernels/split.h"
#include "tests/pool.h"

enum { MANY = 256, ROUNDS = 2000, ITEMS = 3, ROWS = 4096 };

static int units;

/* What was done of a split. */
struct done {
    const struct split *split;
    atomic_int rows[ITEMS][ROWS];
    atomic_int wrong; /* parts that cannot be */
    int slow;         /* the thread whose share takes longer, whoever does it */
};

/* Of a share that is larger, no part is smaller than the least. */
static bool large_enough(const struct split *s, int item, struct range part)
{
    const int least = s->unit * s->least;

    for (int i = 0, count = threads_count(pool); i < count; i++) {
        const struct range r = threads_share(s->totals[item], s->unit, i, count);
        if (part.first >= r.first && part.last <= r.last)
            return (part.first == r.first && part.last == r.last) ||
                   part.last - part.first >= least - (part.last % s->unit ? s->unit : 0);
    }
    return false;
}

static void note_part(void *arg, int item, struct range part)
{
    struct done *d = arg;
    const struct split *s = d->split;

    if (item < 0 || item >= s->items || part.first < 0 || part.last > s->totals[item] ||
        part.first >= part.last || part.first % s->unit ||
        (part.last % s->unit && part.last != s->totals[item]) || !large_enough(s, item, part)) {
        atomic_fetch_add(&d->wrong, 1);
        return;
    }
    for (int r = part.first; r < part.last; r++)
        atomic_fetch_add(&d->rows[item][r], 1);
    if (part.first >= threads_share(s->totals[item], s->unit, d->slow, threads_count(pool)).first)
        nanosleep(&(struct timespec){ .tv_nsec = 1000 }, NULL);
}

/* Every row once, whatever the threads take from each other. */
static void splits_cover(const void *unused)
{
    static const int totals[][ITEMS] = { { 1, 0, 0 },      { 100, 17, 4096 }, { 4096, 4096, 4096 },
                                         { 0, 0, 0 },      { 1600, 15, 33 },  { 16, 16, 16 },
                                         { 4095, 1, 2000 } };
    static const int steps[][2] = { { 1, 1 }, { 16, 1 }, { 16, 8 }, { 16, 5 }, { 64, 100 } };
    static struct done d;
    const int most = units < MANY ? units : MANY;

    (void)unused;
    open_pool(most);
    for (int round = 0; round < ROUNDS; round++) {
        const int *of = totals[(size_t)round % (sizeof totals / sizeof *totals)];
        const int *step = steps[(size_t)(round / 7) % (sizeof steps / sizeof *steps)];
        const struct split split = { of, 1 + round % ITEMS, step[0], step[1] };
        threads_use(pool, 1 + round % most);
        memset(&d, 0, sizeof d);
        d.split = &split;
        d.slow = round / 3 % (1 + round % most);
        check_context("%d, %d, %d in units of %d, at least %d, on %d threads", of[0], of[1], of[2],
                      split.unit, split.least, 1 + round % most);
        split_run(pool, &split, note_part, &d);
        check_that(!atomic_load(&d.wrong));
        for (int item = 0; item < ITEMS; item++)
            for (int r = 0; r < ROWS; r++)
                if (atomic_load(&d.rows[item][r]) != (item < split.items && r < of[item]))
                    check_fail("row %d of item %d was done %d times", r, item,
                               atomic_load(&d.rows[item][r]));
    }
}

/* Parts that are the share of the thread that does them, whole; and others. */
struct whole {
    const struct split *split;
    atomic_int own, others;
};

static void note_whole(void *arg, int item, struct range part)
{
    struct whole *w = arg;
    const int count = threads_count(pool);

    for (int i = 0; i < count; i++) {
        const struct range r = threads_share(w->split->totals[item], w->split->unit, i, count);
        if (threads_cpu(pool, i) == sched_getcpu())
            atomic_fetch_add(r.first == part.first && r.last == part.last ? &w->own : &w->others,
                             1);
    }
}

/* One thread does its share of a range as one part, and so does each of several where shares are
 * small. */
static void no_more_parts_than_needed(const void *unused)
{
    const int totals[] = { 640, 320 }, most = units < MANY ? units : MANY;

    (void)unused;
    open_pool(most);
    for (int count = 1; count <= most && count <= 20; count++) {
        const struct split split = { totals, 2, 16, count == 1 ? 1 : 60 / count / 4 + 1 };
        struct whole w = { .split = &split };
        threads_use(pool, count);
        for (int round = 0; round < 100; round++)
            split_run(pool, &split, note_whole, &w);
        check_context("%d threads: %d shares, %d others", count, w.own, w.others);
        check_that(atomic_load(&w.own) == 200 * count && !atomic_load(&w.others));
    }
}

/* A part that waits until all other rows are done. */
struct wait {
    const struct split *split;
    int rows; /* its own; 0: the wait was in vain */
    atomic_int others;
    atomic_bool begun;
};

/* The first part of thread 1's share does not end before every other row is done: thread 0 has to
 * do the rest of the share. Were that left to thread 1, this would give up after a while. */
static void wait_for_others(void *arg, int item, struct range part)
{
    const struct timespec pause = { .tv_nsec = 1000 * 1000 };
    struct wait *w = arg;
    const int own = part.last - part.first;

    (void)item;
    if (part.first != threads_share(ROWS, w->split->unit, 1, 2).first) {
        for (int i = 0; i < 5000 && !atomic_load(&w->begun); i++)
            nanosleep(&pause, NULL);
        atomic_fetch_add(&w->others, own);
        return;
    }
    atomic_store(&w->begun, true);
    for (int i = 0; i < 5000 && atomic_load(&w->others) < ROWS - own; i++)
        nanosleep(&pause, NULL);
    w->rows = atomic_load(&w->others) == ROWS - own ? own : 0;
}

static void a_slow_thread_is_helped(const void *unused)
{
    const int total = ROWS;
    const struct split split = { &total, 1, 16, 2 };
    struct wait w = { .split = &split };

    (void)unused;
    open_pool(2);
    split_run(pool, &split, wait_for_others, &w);
    check_that(w.rows > 0 && w.rows < ROWS / 2);
}

static void group(void)
{
    static const struct {
        const char *name;
        check_body *body;
        int threads; /* at least */
    } tests[] = {
        { "every row once", splits_cover, 1 },
        { "no more parts than needed", no_more_parts_than_needed, 1 },
        { "a slow thread is helped", a_slow_thread_is_helped, 2 },
    };

    units = threads_units();
    for (size_t t = 0; t < sizeof tests / sizeof *tests; t++) {
        if (units < tests[t].threads)
            check_skip("one CPU", "split: %s", tests[t].name);
        else
            check_run(CHECK_PASSES, tests[t].body, NULL, "split: %s", tests[t].name);
        close_pool();
    }
}

int main(int argc, char **argv)
{
    static check_group *const groups[] = { group, NULL };

    return check_main(argc, argv, groups);
}
