/* SPDX-License-Identifier: MIT */
#include "harness/energy/windows.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "harness/order.h"

enum { IDLE = -1 };
static const int64_t NAP_NS = 50000000; /* between looks at the stop flag */

struct session {
    struct energy *energy;
    const struct workload *workloads;
    int count;
    const struct windows_plan *plan;
    window_sink *sink;
    void *sink_arg;
    uint64_t random;
    int *errors;                  /* (count) */
    int *order;                   /* (count) */
    struct energy_window *window; /* large: not on the stack */
};

static bool stopped(const struct session *s)
{
    return s->plan->stop && *s->plan->stop;
}

static bool too_late(const struct session *s)
{
    return s->plan->deadline_ns && clock_ns() > s->plan->deadline_ns;
}

/* -EINTR: stopped meanwhile. */
static int sleep_until(const struct session *s, int64_t end_ns)
{
    while (!stopped(s)) {
        int64_t next = clock_ns() + NAP_NS;
        struct timespec until;

        if (next - NAP_NS >= end_ns)
            return 0;
        next = next < end_ns ? next : end_ns;
        until = (struct timespec){ .tv_sec = next / 1000000000, .tv_nsec = next % 1000000000 };
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    return -EINTR;
}

static int64_t later(double seconds)
{
    return clock_ns() + (int64_t)(1e9 * seconds);
}

/* At least as long as joules need. */
static int idle(struct session *s, int round)
{
    int64_t window_ns = (int64_t)(1e9 * s->plan->idle_s), least_ns = energy_window_ns(s->energy);
    int error;

    if (s->plan->idle_s <= 0)
        return 0;
    error = sleep_until(s, later(s->plan->settle_s));
    if (error)
        return error;
    energy_begin(s->energy);
    error = sleep_until(s, clock_ns() + (window_ns > least_ns ? window_ns : least_ns));
    energy_end(s->energy, s->window);
    return error ? error : s->sink(s->sink_arg, IDLE, round, 0, s->window);
}

/* The work goes on to an update, where its runs are shorter than an update's period: power between
 * the last run and the update would be of idle. */
static bool is_whole(struct session *s, int64_t start_ns, int64_t window_ns, int runs)
{
    const int64_t time_ns = clock_ns() - start_ns;

    return time_ns >= window_ns && energy_updated(s->energy, time_ns / runs);
}

/* One window. A window that was stopped, or whose work failed, is not given to the sink. */
static int work(struct session *s, int workload, int round)
{
    const struct workload *w = &s->workloads[workload];
    int64_t window_ns = energy_window_ns(s->energy), start_ns;
    int runs = 0, error = w->prepare ? w->prepare(w->arg) : 0;
    bool whole = false;

    if (!error) {
        energy_begin(s->energy);
        start_ns = clock_ns();
        do {
            error = w->run(w->arg);
            runs++;
            whole = is_whole(s, start_ns, window_ns, runs);
        } while (!error && !whole && !stopped(s));
        energy_end(s->energy, s->window);
    }
    if (error) {
        s->errors[workload] = error;
        return 0;
    }
    if (!whole)
        return -EINTR;
    return s->sink(s->sink_arg, workload, round, runs, s->window);
}

static int run_round(struct session *s, int round)
{
    int error = 0;

    order_shuffle(s->order, s->count, &s->random);
    for (int i = 0; i < s->count && !error; i++) {
        if (s->errors[s->order[i]])
            continue;
        error = stopped(s) ? -EINTR : work(s, s->order[i], round);
    }
    return error;
}

static int run_all(struct session *s)
{
    int error = idle(s, 0);

    for (int round = 0; round < s->plan->windows && !error && !too_late(s); round++)
        error = run_round(s, round);
    return error ? error : idle(s, 1);
}

int windows_measure(struct energy *energy, const struct workload *workloads, int count,
                    const struct windows_plan *plan, window_sink *sink, void *sink_arg, int *errors)
{
    struct session s = { .energy = energy,
                         .workloads = workloads,
                         .count = count,
                         .plan = plan,
                         .sink = sink,
                         .sink_arg = sink_arg,
                         .random = plan->seed,
                         .errors = errors };
    int error = -ENOMEM;

    for (int i = 0; i < count; i++)
        errors[i] = 0;
    if (!energy_domains(energy))
        return -ENODEV;
    /* One more: nothing of size 0 is asked for, so NULL means no memory. */
    s.order = calloc((size_t)count + 1, sizeof *s.order);
    s.window = calloc(1, sizeof *s.window);
    if (!s.order || !s.window)
        goto out;
    for (int i = 0; i < count; i++)
        s.order[i] = i;
    error = run_all(&s);
out:
    free(s.order);
    free(s.window);
    return error;
}
