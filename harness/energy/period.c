/* SPDX-License-Identifier: MIT */
#include "harness/energy/period.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "harness/counter.h"

enum { UPDATES_MAX = 50, SPREAD_MIN = 10, AWAY_NS = 50000, ABSENT_NS = 50000000 };

struct poll {
    bool started, done, changed;
    uint64_t raw;
    int64_t read_ns, least_gap_ns; /* the last read; the shortest time between two */
    int64_t change_ns;             /* of the last change */
    int64_t away_ns;               /* the longest time without a read since before that */
    int64_t interval_ns[UPDATES_MAX];
    int intervals;
};

static int compare(const void *left, const void *right)
{
    int64_t l = *(const int64_t *)left, r = *(const int64_t *)right;

    return (l > r) - (l < r);
}

static void break_channel(const struct period_source *source, int error)
{
    struct energy_channel *channel = source->channel;
    const char *more = source->route->failure && error
                           ? source->route->failure(source->state, source->index)
                           : NULL;

    why_set(&channel->why, why_status(error), channel->source, NULL, "%s: %s", channel->source,
            more ? more : counter_error(error));
}

/* A thread that was off its CPU finds updates further apart than they are, and misses some: an
 * interval holds only where it was away for a small part of it, both ends included. */
static void note_change(struct poll *poll, const struct energy_sample *sample)
{
    int64_t gap_ns = sample->time_ns - poll->read_ns;
    int64_t interval_ns = sample->time_ns - poll->change_ns;
    bool away = gap_ns > AWAY_NS && gap_ns / 4 > poll->least_gap_ns;

    poll->least_gap_ns = gap_ns < poll->least_gap_ns ? gap_ns : poll->least_gap_ns;
    if (away && gap_ns > poll->away_ns)
        poll->away_ns = gap_ns;
    if (sample->raw == poll->raw)
        return;
    if (poll->changed && poll->away_ns <= interval_ns / 8)
        poll->interval_ns[poll->intervals++] = interval_ns;
    poll->changed = true;
    poll->change_ns = sample->time_ns;
    poll->away_ns = away ? gap_ns : 0;
}

static void poll_once(const struct period_source *source, struct poll *poll, int updates)
{
    const struct energy_channel *channel = source->channel;
    struct energy_sample sample = { 0 };

    source->route->read(source->state, source->index, &sample);
    if (!sample.error && !channel->power && channel->wrap && sample.raw >= channel->wrap)
        sample.error = -ERANGE;
    if (sample.error) {
        break_channel(source, sample.error);
        poll->done = true;
        return;
    }
    if (!poll->started) {
        poll->started = true;
        poll->least_gap_ns = INT64_MAX;
    } else {
        note_change(poll, &sample);
        poll->done = poll->intervals >= updates;
    }
    poll->raw = sample.raw;
    poll->read_ns = sample.time_ns;
}

/* Where other channels of its route have shown all their updates, a channel that has shown none has
 * had its time. Where none has, the route may be one that updates once a second. */
static bool waited_enough(const struct period_source *sources, const struct poll *polls, int count,
                          int i, double elapsed_s, const struct energy_rules *rules)
{
    if (polls[i].changed || elapsed_s < rules->frozen_s)
        return false;
    if (sources[i].channel->power)
        return true; /* a steady power is nothing wrong */
    for (int j = 0; j < count; j++)
        if (sources[j].state == sources[i].state && polls[j].intervals >= rules->updates)
            return true;
    return false;
}

static void conclude(const struct period_source *source, struct poll *poll, double elapsed_s)
{
    struct energy_channel *channel = source->channel;
    int64_t sum_ns = 0;
    int n = poll->intervals;

    if (strcmp(channel->why.status, "ok") != 0)
        return;
    if (!poll->changed && !channel->power) {
        why_set(&channel->why, "broken", channel->source, NULL,
                "%s: frozen: it stood still at %llu for %.2f s of a busy loop", channel->source,
                (unsigned long long)poll->raw, elapsed_s);
        return;
    }
    if (n == 0) { /* a power that was steady keeps what its driver says */
        double known_s = poll->changed ? elapsed_s : channel->period_s;

        channel->period_s = channel->period_p95_s = channel->period_max_s = known_s;
        return;
    }
    qsort(poll->interval_ns, (size_t)n, sizeof poll->interval_ns[0], compare);
    for (int i = 0; i < n; i++)
        sum_ns += poll->interval_ns[i];
    channel->period_s = 1e-9 * (double)sum_ns / n;
    if (n >= SPREAD_MIN) /* of fewer, the shortest says nothing */
        channel->period_p05_s = 1e-9 * (double)poll->interval_ns[(5 * n + 99) / 100 - 1];
    channel->period_p95_s = 1e-9 * (double)poll->interval_ns[(95 * n + 99) / 100 - 1];
    channel->period_max_s = 1e-9 * (double)poll->interval_ns[n - 1];
}

/* Since the last call. A long absence of this thread, or of the whole virtual machine, is no time
 * in which a counter stood still. */
static double polled_s(int64_t *last_ns)
{
    int64_t now_ns = clock_ns(), gap_ns = now_ns - *last_ns;

    *last_ns = now_ns;
    return 1e-9 * (double)(gap_ns < ABSENT_NS ? gap_ns : ABSENT_NS);
}

int period_measure(const struct period_source *sources, int count, const struct energy_rules *rules)
{
    struct poll *polls = calloc((size_t)count + 1, sizeof *polls);
    int64_t last_ns = clock_ns();
    double elapsed_s = 0;
    bool busy = count > 0;

    if (!polls)
        return -ENOMEM;
    for (int i = 0; i < count; i++)
        polls[i].done = strcmp(sources[i].channel->why.status, "ok") != 0;
    while (busy) {
        busy = false;
        for (int i = 0; i < count && elapsed_s < rules->poll_s; i++) {
            if (polls[i].done)
                continue;
            poll_once(&sources[i], &polls[i], rules->updates);
            elapsed_s += polled_s(&last_ns);
            if (waited_enough(sources, polls, count, i, elapsed_s, rules))
                polls[i].done = true;
            busy = busy || !polls[i].done;
        }
    }
    for (int i = 0; i < count; i++)
        conclude(&sources[i], &polls[i], elapsed_s);
    free(polls);
    return 0;
}
