/* SPDX-License-Identifier: MIT */
#include "harness/measure.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include "harness/order.h"
#include "harness/stats.h"

/* A slope through fewer samples is noise. */
enum { STEADY_WINDOW_MIN = 3 };

struct session {
    const struct workload *workloads;
    int count;
    const struct plan *plan;
    sample_sink *sink;
    void *sink_arg;
    struct outcome *outcomes; /* (count) */
    struct reading *readings; /* (meter_set_channels) */
    double *times;            /* (warmup_max): of the workload that warms up */
    int64_t *shortest_ns;     /* (count) sample so far; 0: none */
    int *order;               /* (count) */
    uint64_t random;
};

static bool stopped(const struct plan *plan)
{
    return plan->stop && *plan->stop;
}

static bool too_late(const struct plan *plan)
{
    return plan->deadline_ns && clock_ns() > plan->deadline_ns;
}

/* One sample of one workload. The workload's error goes to its outcome and no sample to the sink;
 * returned is only what ends the measurement. */
static int take(struct session *s, int workload, int round, int order, int64_t *time_ns)
{
    const struct workload *w = &s->workloads[workload];
    struct meter_set *set = s->plan->meters;
    struct sample sample = {
        .workload = workload, .round = round, .order = order, .readings = s->readings
    };
    int error = w->prepare ? w->prepare(w->arg) : 0;

    if (!error) {
        if (set)
            meter_set_fit(set, s->shortest_ns[workload]);
        if (s->plan->ready)
            s->plan->ready(s->plan->ready_arg);
        if (set)
            meter_set_start(set, w->name);
        sample.start_ns = clock_ns();
        error = w->run(w->arg);
        sample.time_ns = clock_ns() - sample.start_ns;
        if (set)
            meter_set_stop(set, s->readings);
    }
    if (error) {
        s->outcomes[workload].error = error;
        return 0;
    }
    error = s->sink(s->sink_arg, &sample);
    if (error)
        return error;
    if (round < 0)
        s->outcomes[workload].warmups++;
    else
        s->outcomes[workload].samples++;
    *time_ns = sample.time_ns;
    if (!s->shortest_ns[workload] || sample.time_ns < s->shortest_ns[workload])
        s->shortest_ns[workload] = sample.time_ns > 0 ? sample.time_ns : 1;
    return 0;
}

static int warm_up(struct session *s, int workload)
{
    const struct plan *plan = s->plan;
    struct outcome *outcome = &s->outcomes[workload];
    int window = plan->warmup_min > STEADY_WINDOW_MIN ? plan->warmup_min : STEADY_WINDOW_MIN;

    while (outcome->warmups < plan->warmup_max && !outcome->steady && !too_late(plan)) {
        int64_t time_ns = 0;
        int error;

        if (stopped(plan))
            return -EINTR;
        error =
            take(s, workload, -1 - s->workloads[workload].warmed - outcome->warmups, 0, &time_ns);
        if (error || outcome->error)
            return error;
        s->times[outcome->warmups - 1] = (double)time_ns;
        outcome->steady = stats_steady(s->times, outcome->warmups, window, plan->steady_slope,
                                       plan->steady_deviation);
    }
    return 0;
}

static int repetitions_of(const struct session *s, int workload)
{
    int own = s->workloads[workload].repetitions;

    return own > 0 ? own : s->plan->repetitions;
}

/* *taken: how many workloads still had a sample to give. */
static int run_round(struct session *s, int round, int *taken)
{
    *taken = 0;
    if (!s->plan->fixed_order)
        order_shuffle(s->order, s->count, &s->random);
    for (int i = 0; i < s->count; i++) {
        int workload = s->order[i], error;
        int64_t time_ns;

        if (s->outcomes[workload].error || round < s->workloads[workload].done ||
            round >= repetitions_of(s, workload))
            continue;
        if (stopped(s->plan))
            return -EINTR;
        error = take(s, workload, round, *taken, &time_ns);
        if (error)
            return error;
        ++*taken;
    }
    return 0;
}

static int run_all(struct session *s)
{
    int error = 0, taken = s->count, first = INT_MAX;

    for (int i = 0; i < s->count && !error; i++) {
        const int done = s->workloads[i].done;
        first = done < first ? done : first;
        if (done < repetitions_of(s, i))
            error = warm_up(s, i);
    }
    for (int round = first; taken > 0 && !error && !too_late(s->plan); round++)
        error = run_round(s, round, &taken);
    return error;
}

int measure(const struct workload *workloads, int count, const struct plan *plan, sample_sink *sink,
            void *sink_arg, struct outcome *outcomes)
{
    int channels = plan->meters ? meter_set_channels(plan->meters) : 0;
    int warmups = plan->warmup_max > 0 ? plan->warmup_max : 0;
    struct session s = { .workloads = workloads,
                         .count = count,
                         .plan = plan,
                         .sink = sink,
                         .sink_arg = sink_arg,
                         .outcomes = outcomes,
                         .random = plan->seed };
    int error = -ENOMEM;

    /* One more of each: nothing of size 0 is asked for, so NULL means no memory. */
    s.readings = calloc((size_t)channels + 1, sizeof *s.readings);
    s.times = calloc((size_t)warmups + 1, sizeof *s.times);
    s.order = calloc((size_t)count + 1, sizeof *s.order);
    s.shortest_ns = calloc((size_t)count + 1, sizeof *s.shortest_ns);
    for (int i = 0; i < count; i++)
        outcomes[i] = (struct outcome){ 0 };
    if (!s.readings || !s.times || !s.order || !s.shortest_ns)
        goto out;
    for (int i = 0; i < count; i++)
        s.order[i] = i;
    error = run_all(&s);
out:
    free(s.readings);
    free(s.times);
    free(s.order);
    free(s.shortest_ns);
    return error;
}
