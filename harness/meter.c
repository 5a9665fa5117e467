/* SPDX-License-Identifier: MIT */
#include "harness/meter.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/counters/counters.h"
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
};

struct meter_set {
    int meters, channels;
    struct opened *opened; /* (meters) */
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
    if (!new->opened)
        goto out;
    for (int i = 0; i < count; i++) {
        struct opened *opened = &new->opened[i];

        opened->meter = list[i];
        open_meter(opened, context);
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

void meter_set_start(struct meter_set *set, const char *region)
{
    for (int i = 0; i < set->meters; i++)
        if (set->opened[i].open)
            set->opened[i].meter->start(set->opened[i].state, region);
}

/* Last started, first stopped: the regions nest, and each is as near to the work as it can be. */
void meter_set_stop(struct meter_set *set, struct reading *readings)
{
    for (int i = set->meters - 1; i >= 0; i--) {
        const struct opened *opened = &set->opened[i];

        if (opened->open) {
            opened->meter->stop(opened->state, readings + opened->first);
            continue;
        }
        for (int c = 0; c < opened->count; c++)
            readings[opened->first + c] =
                (struct reading){ .value = NAN, .reason = opened->why.said };
    }
}
