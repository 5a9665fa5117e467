/* SPDX-License-Identifier: MIT */
#include "harness/meter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/counters/counters.h"
#include "harness/stats.h"
#include "harness/store.h"

/* The last two's regions lie inside the others', whose file reads would count as page faults. */
const struct meter *const meters[] = {
    &meter_steal,  &meter_throttle, &meter_frequency, &meter_dram,     &meter_papi,
    &meter_likwid, &meter_pressure, &meter_sched,     &meter_counters, NULL
};

bool meter_asked(const struct meter_context *context, const char *name)
{
    const size_t n = strlen(name);
    const char *at = context->meters ? context->meters : "";

    for (; *at; at += *at == ',') {
        const size_t word = strcspn(at, ",");
        if (word == n && !strncmp(at, name, n))
            return true;
        at += word;
    }
    return false;
}

const char meter_not_its_turn[] = "another channel's turn";

struct opened {
    const struct meter *meter;
    void *state;
    bool open;
    int first, count; /* channels */
    struct why why;
    int64_t cost_ns;
    bool left_out;
    char reason[120]; /* of a sample that it is left out of */
};

/* A meter is worth 0.5% of what it is read around. */
enum { FIT = 200 };
/* Of the empty regions; where those take long, they are few. */
enum { REGIONS = 100, REGIONS_MIN = 3, REGIONS_NS = 500000000 };

struct meter_set {
    int meters, channels;
    struct opened *opened; /* (meters) */
    int *by_cost;          /* (meters) the cheapest first */
    struct channel channel[SAMPLE_READINGS_MAX];
};

static int add_channels(struct meter_set *set, struct opened *opened, const char *sysroot)
{
    const struct meter *meter = opened->meter;
    const struct channel *channels = meter->channels;

    opened->first = set->channels;
    opened->count = channels ? meter->channel_count : 0;
    if (!channels && opened->open)
        channels = meter->list(opened->state, &opened->count);
    if (set->channels + opened->count > SAMPLE_READINGS_MAX)
        return -E2BIG;
    for (int i = 0; i < opened->count; i++) {
        struct channel *channel = &set->channel[set->channels++];

        *channel = channels[i];
        if (sysroot[0])
            channel->provenance = PROVENANCE_FIXTURE;
    }
    return 0;
}

static void open_meter(struct opened *opened, const struct meter_context *context)
{
    int error = opened->meter->open(&opened->state, context, &opened->why);

    opened->open = error == 0;
    if (!error && !opened->why.status)
        opened->why.status = "ok";
    else if (error && !opened->why.said[0])
        why_set(&opened->why, why_status(error), opened->meter->name, NULL, "%s: %s",
                opened->meter->name, strerror(-error));
}

int meter_set_open(struct meter_set **set, const struct meter *const *list,
                   const struct meter_context *context)
{
    struct meter_set *new = calloc(1, sizeof *new);
    int count = 0, error = -ENOMEM;

    *set = NULL;
    while (list[count])
        count++;
    if (!new)
        return -ENOMEM;
    new->opened = calloc((size_t)count + 1, sizeof *new->opened);
    new->by_cost = calloc((size_t)count + 1, sizeof *new->by_cost);
    if (!new->opened || !new->by_cost)
        goto out;
    for (int i = 0; i < count; i++) {
        struct opened *opened = &new->opened[i];

        opened->meter = list[i];
        open_meter(opened, context);
        new->by_cost[i] = i;
        new->meters++;
        error = add_channels(new, opened, context->sysroot);
        if (error)
            goto out;
    }
    *set = new;
    return 0;
out:
    meter_set_close(new);
    return error;
}

void meter_set_close(struct meter_set *set)
{
    if (!set)
        return;
    for (int i = 0; i < set->meters; i++)
        if (set->opened[i].open)
            set->opened[i].meter->close(set->opened[i].state);
    free(set->opened);
    free(set->by_cost);
    free(set);
}

int meter_set_channels(const struct meter_set *set)
{
    return set->channels;
}

const struct channel *meter_set_channel(const struct meter_set *set, int i)
{
    return &set->channel[i];
}

const struct why *meter_set_why(const struct meter_set *set, int i)
{
    return &set->opened[i].why;
}

/* ---- what they cost ---- */

/* One empty region of all meters; cost (meters) gets what each of them takes. */
static void empty_region(struct meter_set *set, int64_t (*now)(void), double *cost_ns)
{
    struct reading readings[SAMPLE_READINGS_MAX];

    for (int i = 0; i < set->meters; i++) {
        struct opened *opened = &set->opened[i];
        const int64_t start_ns = now();

        if (opened->open)
            opened->meter->start(opened->state, "empty");
        cost_ns[i] = (double)(now() - start_ns);
    }
    for (int i = set->meters - 1; i >= 0; i--) {
        struct opened *opened = &set->opened[i];
        const int64_t start_ns = now();

        if (opened->open)
            opened->meter->stop(opened->state, readings + opened->first);
        cost_ns[i] += (double)(now() - start_ns);
    }
}

static void sort_by_cost(struct meter_set *set)
{
    for (int n = 1; n < set->meters; n++)
        for (int k = n; k > 0 && set->opened[set->by_cost[k]].cost_ns <
                                     set->opened[set->by_cost[k - 1]].cost_ns;
             k--) {
            const int cheaper = set->by_cost[k];

            set->by_cost[k] = set->by_cost[k - 1];
            set->by_cost[k - 1] = cheaper;
        }
}

void meter_set_measure(struct meter_set *set, int64_t (*now)(void))
{
    const int64_t begin_ns = now();
    double *ns = calloc(((size_t)set->meters + 1) * REGIONS, sizeof *ns);
    double *of_one; /* the last stretch */
    int n = 0;

    if (!ns)
        return;
    for (; n < REGIONS && (n < REGIONS_MIN || now() - begin_ns < REGIONS_NS); n++)
        empty_region(set, now, ns + n * set->meters);
    of_one = ns + n * set->meters;
    for (int i = 0; i < set->meters; i++) {
        struct opened *opened = &set->opened[i];

        if (!opened->open)
            continue;
        for (int r = 0; r < n; r++)
            of_one[r] = ns[r * set->meters + i];
        opened->cost_ns = (int64_t)stats_median(of_one, n);
        snprintf(
            opened->reason, sizeof opened->reason,
            "left out: with meters that cost less, its %.3g us are more than 0.5%% of a sample",
            1e-3 * (double)opened->cost_ns);
    }
    free(ns);
    sort_by_cost(set);
}

bool meter_set_is_open(const struct meter_set *set, int i)
{
    return set->opened[i].open;
}

int64_t meter_set_cost_ns(const struct meter_set *set, int i)
{
    return set->opened[i].cost_ns;
}

int64_t meter_set_fit(struct meter_set *set, int64_t sample_ns)
{
    int64_t sum_ns = 0;

    for (int n = 0; n < set->meters; n++) {
        struct opened *opened = &set->opened[set->by_cost[n]];

        opened->left_out = sample_ns > 0 && FIT * (sum_ns + opened->cost_ns) > sample_ns;
        if (!opened->left_out)
            sum_ns += opened->cost_ns;
    }
    return sum_ns;
}

/* ---- samples ---- */

void meter_set_start(struct meter_set *set, const char *region)
{
    for (int i = 0; i < set->meters; i++)
        if (set->opened[i].open && !set->opened[i].left_out)
            set->opened[i].meter->start(set->opened[i].state, region);
}

/* Last started, first stopped: the regions nest, and each is as near to the work as it can be. */
void meter_set_stop(struct meter_set *set, struct reading *readings)
{
    for (int i = set->meters - 1; i >= 0; i--) {
        const struct opened *opened = &set->opened[i];

        if (opened->open && !opened->left_out) {
            opened->meter->stop(opened->state, readings + opened->first);
            continue;
        }
        for (int c = 0; c < opened->count; c++)
            readings[opened->first + c] =
                (struct reading){ .value = NAN,
                                  .reason = opened->open ? opened->reason : opened->why.said };
    }
}
