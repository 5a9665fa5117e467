/* SPDX-License-Identifier: MIT */
#include "harness/energy/period.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "harness/energy/counter.h"

enum { UPDATES_MAX = 50 };

struct poll {
    bool started, done;
    uint64_t raw;
    int updates;          /* changes that were seen */
    int64_t first_change; /* ns */
    int64_t last_change;
    int64_t interval_ns[UPDATES_MAX]; /* (updates - 1) */
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
    } else if (sample.raw != poll->raw) {
        if (poll->updates == 0)
            poll->first_change = sample.time_ns;
        else
            poll->interval_ns[poll->updates - 1] = sample.time_ns - poll->last_change;
        poll->last_change = sample.time_ns;
        poll->updates++;
        poll->done = poll->updates > updates;
    }
    poll->raw = sample.raw;
}

/* Where other channels of its route have shown all their updates, a channel that has shown none has
 * had its time. Where none has, the route may be one that updates once a second. */
static bool waited_enough(const struct period_source *sources, const struct poll *polls, int count,
                          int i, double elapsed_s, const struct energy_rules *rules)
{
    if (polls[i].updates > 0 || elapsed_s < rules->frozen_s)
        return false;
    if (sources[i].channel->power)
        return true; /* a steady power is nothing wrong */
    for (int j = 0; j < count; j++)
        if (sources[j].state == sources[i].state && polls[j].updates > rules->updates)
            return true;
    return false;
}

static void conclude(const struct period_source *source, struct poll *poll, double elapsed_s)
{
    struct energy_channel *channel = source->channel;
    int intervals = poll->updates - 1;

    if (strcmp(channel->why.status, "ok") != 0)
        return;
    if (poll->updates == 0 && !channel->power) {
        why_set(&channel->why, "broken", channel->source, NULL,
                "%s: frozen: it stood still at %llu for %.2f s of a busy loop", channel->source,
                (unsigned long long)poll->raw, elapsed_s);
        return;
    }
    if (intervals < 1) { /* a power keeps what its driver says */
        double known_s = poll->updates > 0 ? elapsed_s : channel->period_s;

        channel->period_s = channel->period_p95_s = channel->period_max_s = known_s;
        return;
    }
    qsort(poll->interval_ns, (size_t)intervals, sizeof poll->interval_ns[0], compare);
    channel->period_s = 1e-9 * (double)(poll->last_change - poll->first_change) / intervals;
    channel->period_p95_s = 1e-9 * (double)poll->interval_ns[(95 * intervals + 99) / 100 - 1];
    channel->period_max_s = 1e-9 * (double)poll->interval_ns[intervals - 1];
}

int period_measure(const struct period_source *sources, int count, const struct energy_rules *rules)
{
    struct poll *polls = calloc((size_t)count + 1, sizeof *polls);
    int64_t start_ns = clock_ns();
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
            elapsed_s = 1e-9 * (double)(clock_ns() - start_ns);
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
