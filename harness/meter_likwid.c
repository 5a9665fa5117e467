/* SPDX-License-Identifier: MIT
 *
 * likwid's markers around every measured region, for a run under `likwid-perfctr -m`, which prints
 * what it counted in each. likwid counts CPUs, and a region is of the CPU that its thread is pinned
 * to: so it is started and stopped on every thread that does the work, through the context's
 * each_thread. Regions of one name add up, warm-up samples among them. */
#include "harness/meter.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/liblikwid.h"
#include "harness/store.h"

enum { REGION_MAX = 100, REGIONS_MAX = 512 };

/* Threads whose CPU likwid counted in this sample. */
static const struct channel channels[] = { { "likwid_threads", "count", PROVENANCE_COUNTED } };

struct markers {
    struct liblikwid likwid;
    void (*each_thread)(void *threads, void (*fn)(void *), void *arg);
    void *threads;
    unsigned generation;
    bool new; /* likwid has not heard of this region */
    char region[REGION_MAX];
    int known_count;
    char known[REGIONS_MAX][REGION_MAX]; /* (known_count) */
    atomic_int counted, failed, error;
    char reason[200];
};

/* Of the meter that this thread has told likwid about it for; pools come and go. */
static _Thread_local unsigned thread_generation;
static unsigned last_generation;

/* Both calls pin the calling thread where LIKWID_PIN is set, in the order in which threads happen
 * to come. This program pins its threads itself. */
static void keeping_affinity(void (*call)(void))
{
    cpu_set_t before;
    const bool known = !sched_getaffinity(0, sizeof before, &before);

    call();
    if (known)
        sched_setaffinity(0, sizeof before, &before);
}

static int markers_open(void **state, const struct meter_context *context, struct why *why)
{
    static const char *const set_by_perfctr[] = { "LIKWID_MODE", "LIKWID_FILEPATH", "LIKWID_EVENTS",
                                                  "LIKWID_THREADS" };
    struct markers *m;

    for (size_t i = 0; i < sizeof set_by_perfctr / sizeof *set_by_perfctr; i++)
        if (!getenv(set_by_perfctr[i])) {
            why_set(why, "skipped", "$LIKWID_MODE, $LIKWID_FILEPATH",
                    "likwid-perfctr -C 0 -g MEM -m tritbench ...",
                    "not run under likwid-perfctr -m");
            return -ENODEV;
        }
    if (context->sysroot[0]) {
        why_set(why, "skipped", "$LIKWID_MODE", NULL, "not tried below a sysroot");
        return -ENODEV;
    }
    m = calloc(1, sizeof *m);
    if (!m)
        return -ENOMEM;
    const int error = liblikwid_load(&m->likwid, why);
    if (error) {
        free(m);
        return error;
    }
    m->each_thread = context->each_thread;
    m->threads = context->threads;
    m->generation = ++last_generation;
    keeping_affinity(m->likwid.marker_init);
    *state = m;
    return 0;
}

static const struct channel *markers_list(const void *state, int *count)
{
    (void)state;
    *count = 1;
    return channels;
}

/* likwid's names are letters, digits, '-' and '_'; it adds "-<group>". */
static void set_region(struct markers *m, const char *name)
{
    size_t n = 0;

    for (; name[n] && n < REGION_MAX - 1; n++) {
        const unsigned char c = (unsigned char)name[n];
        m->region[n] = isalnum(c) || c == '-' || c == '_' ? (char)c : '_';
    }
    m->region[n] = '\0';
    m->new = true;
    for (int i = 0; i < m->known_count && m->new; i++)
        m->new = strcmp(m->known[i], m->region) != 0;
    if (m->new && m->known_count < REGIONS_MAX)
        memcpy(m->known[m->known_count++], m->region, sizeof m->region);
}

static void note(struct markers *m, int error)
{
    if (error < 0) {
        atomic_store(&m->error, error);
        atomic_fetch_add(&m->failed, 1);
    } else {
        atomic_fetch_add(&m->counted, 1);
    }
}

static void start_here(void *arg)
{
    struct markers *m = arg;

    if (thread_generation != m->generation) {
        keeping_affinity(m->likwid.marker_thread_init);
        thread_generation = m->generation;
    }
    if (m->new)
        m->likwid.marker_register(m->region); /* what fails here fails at the start, too */
    note(m, m->likwid.marker_start(m->region));
}

static void stop_here(void *arg)
{
    struct markers *m = arg;

    note(m, m->likwid.marker_stop(m->region));
}

static void on_threads(struct markers *m, void (*fn)(void *))
{
    atomic_store(&m->counted, 0);
    if (m->each_thread)
        m->each_thread(m->threads, fn, m);
    else
        fn(m);
}

static void markers_start(void *state, const char *region)
{
    struct markers *m = state;

    set_region(m, region);
    atomic_store(&m->failed, 0);
    on_threads(m, start_here);
}

static void markers_stop(void *state, struct reading *readings)
{
    struct markers *m = state;

    on_threads(m, stop_here);
    if (!atomic_load(&m->failed)) {
        readings[0] = (struct reading){ .value = atomic_load(&m->counted) };
        return;
    }
    snprintf(m->reason, sizeof m->reason,
             "likwid's markers: %s; a thread's CPU is not in LIKWID_THREADS=%.60s, or likwid could "
             "not reach its counters",
             strerror(-atomic_load(&m->error)), getenv("LIKWID_THREADS"));
    readings[0] = (struct reading){ .value = NAN, .reason = m->reason };
}

static void markers_close(void *state)
{
    struct markers *m = state;

    m->likwid.marker_close();
    free(m);
}

const struct meter meter_likwid = {
    .name = "likwid",
    .what = "likwid's markers around every sample, under likwid-perfctr -m",
    .open = markers_open,
    .list = markers_list,
    .start = markers_start,
    .stop = markers_stop,
    .close = markers_close,
};
