/* SPDX-License-Identifier: MIT */
#include "harness/meter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/store.h"

/* sched last: its region lies inside the others', whose file reads would count as page faults. */
const struct meter *const meters[] = { &meter_steal, &meter_frequency, &meter_sched, NULL };

struct opened {
    const struct meter *meter;
    void *state;
    int first;     /* channel */
    char why[160]; /* "" when it is open */
};

struct meter_set {
    int meters, channels;
    struct opened *opened; /* (meters) */
    struct channel channel[SAMPLE_READINGS_MAX];
};

static int add_channels(struct meter_set *set, struct opened *opened, const char *sysroot)
{
    const struct meter *meter = opened->meter;

    if (set->channels + meter->channel_count > SAMPLE_READINGS_MAX)
        return -E2BIG;
    opened->first = set->channels;
    for (int i = 0; i < meter->channel_count; i++) {
        struct channel *channel = &set->channel[set->channels++];

        *channel = meter->channels[i];
        if (sysroot[0])
            channel->provenance = PROVENANCE_FIXTURE;
    }
    return 0;
}

static void open_meter(struct opened *opened, const char *sysroot)
{
    int error = opened->meter->open(&opened->state, sysroot, opened->why, sizeof opened->why);

    if (!error)
        opened->why[0] = '\0';
    else if (!opened->why[0]) /* without a sentence it would pass for open */
        snprintf(opened->why, sizeof opened->why, "%s: %s", opened->meter->name, strerror(-error));
}

int meter_set_open(struct meter_set **set, const struct meter *const *list, const char *sysroot)
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
        error = add_channels(new, opened, sysroot);
        if (error)
            goto out;
        open_meter(opened, sysroot);
        new->meters++;
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
        if (!set->opened[i].why[0])
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

const char *meter_set_why(const struct meter_set *set, int i)
{
    return set->opened[i].why[0] ? set->opened[i].why : NULL;
}

void meter_set_start(struct meter_set *set)
{
    for (int i = 0; i < set->meters; i++)
        if (!set->opened[i].why[0])
            set->opened[i].meter->start(set->opened[i].state);
}

/* Last started, first stopped: the regions nest, and each is as near to the work as it can be. */
void meter_set_stop(struct meter_set *set, struct reading *readings)
{
    for (int i = set->meters - 1; i >= 0; i--) {
        const struct opened *opened = &set->opened[i];

        if (!opened->why[0]) {
            opened->meter->stop(opened->state, readings + opened->first);
            continue;
        }
        for (int c = 0; c < opened->meter->channel_count; c++)
            readings[opened->first + c] = (struct reading){ .value = NAN, .reason = opened->why };
    }
}
