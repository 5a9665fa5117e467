/* SPDX-License-Identifier: MIT */
#include "harness/counters/counters.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/counters/events.h"
#include "harness/counters/sysfs_pmu.h"
#include "harness/store.h"

static const struct perf_system *kernel = &perf_linux;

struct counters {
    struct perf *perf;
    int events, opened, channels;
    struct perf_event event[PERF_EVENTS_MAX]; /* those that perf has first */
    struct why why[PERF_EVENTS_MAX];
    int channel_of[PERF_EVENTS_MAX]; /* several events may be one channel's: cycles of each group */
    struct channel channel[PERF_EVENTS_MAX];
    int lacking[PERF_EVENTS_MAX];            /* (channels) an event of it: why it is absent */
    struct reading reading[PERF_EVENTS_MAX]; /* (opened) of the sample */
};

void counters_use(const struct perf_system *system)
{
    kernel = system ? system : &perf_linux;
}

const struct perf_system *counters_system(void)
{
    return kernel;
}

/* ---- which events ---- */

/* Without a PMU the generic set says why there is none, in few words. */
static void choose_set(struct counters *c, const struct meter_context *context)
{
    const bool pmu = sysfs_pmu_core(context->sysroot, NULL, 0);
    const struct sets_set *set = pmu ? sets_choose(context->cpu) : sets_find("generic");

    for (int i = 0; i < set->count; i++)
        events_of_set(set, i, &c->event[c->events++]);
    for (int i = 0; i < sets_software.count; i++)
        events_of_set(&sets_software, i, &c->event[c->events++]);
    c->opened = c->events;
}

/* Those that can be tried come first; what the machine lacks goes to the end, with its reason. */
static int choose_events(struct counters *c, const struct meter_context *context, struct why *why)
{
    const struct sets_set *set = sets_choose(context->cpu);
    const char *list = context->events;
    struct perf_event lacking[PERF_EVENTS_MAX];
    struct why reason[PERF_EVENTS_MAX];
    char name[EVENTS_NAME_MAX];
    int lack = 0, error;

    while ((error = events_next(&list, name)) > 0) {
        struct perf_event event;

        if (events_papi(name))
            continue;
        if (c->events + lack == PERF_EVENTS_MAX)
            return -E2BIG;
        error = events_parse(name, context->sysroot, set, &event, why);
        if (error == -EINVAL)
            return error;
        if (error) {
            lacking[lack] = event;
            reason[lack++] = *why;
        } else {
            c->event[c->events++] = event;
        }
    }
    c->opened = c->events;
    for (int i = 0; i < lack; i++) {
        c->why[c->events] = reason[i];
        c->event[c->events++] = lacking[i];
    }
    return error;
}

static void make_channels(struct counters *c)
{
    const char *provenance = kernel == &perf_linux ? PROVENANCE_COUNTED : PROVENANCE_FIXTURE;

    for (int i = 0; i < c->events; i++) {
        int at = 0;

        while (at < c->channels && strcmp(c->channel[at].name, c->event[i].name) != 0)
            at++;
        if (at == c->channels) {
            c->channel[c->channels++] =
                (struct channel){ c->event[i].name, c->event[i].unit, provenance };
            c->lacking[at] = i;
        }
        c->channel_of[i] = at;
        if (strcmp(c->why[i].status, "ok") == 0) /* one of its events will do */
            c->lacking[at] = i;
    }
}

/* ---- the meter ---- */

static void counters_close(void *state)
{
    struct counters *c = state;

    perf_close(c->perf);
    free(c);
}

static int counters_open(void **state, const struct meter_context *context, struct why *why)
{
    struct counters *c;
    int error = 0;

    if (context->sysroot[0] && kernel == &perf_linux) {
        why_set(why, "skipped", "perf_event_open", NULL, "not tried below a sysroot");
        return -ENODEV;
    }
    c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    if (context->events)
        error = choose_events(c, context, why);
    else
        choose_set(c, context);
    if (!error)
        error = perf_open(&c->perf, c->event, c->opened, context->sysroot, kernel);
    if (error) {
        counters_close(c);
        return error;
    }
    for (int i = 0; i < c->opened; i++)
        c->why[i] = *perf_why(c->perf, i);
    make_channels(c);
    *why = (struct why){ .status = "ok" };
    for (int i = c->events - 1; i >= 0; i--)
        if (strcmp(c->why[i].status, "ok") != 0)
            *why = c->why[i];
    *state = c;
    return 0;
}

static const struct channel *counters_list(const void *state, int *count)
{
    const struct counters *c = state;

    *count = c->channels;
    return c->channel;
}

const struct why *counters_why(const void *state, int channel)
{
    const struct counters *c = state;

    return &c->why[c->lacking[channel]];
}

static void counters_start(void *state, const char *region)
{
    perf_start(((struct counters *)state)->perf, region);
}

static void counters_stop(void *state, struct reading *readings)
{
    struct counters *c = state;

    perf_stop(c->perf, c->reading);
    for (int i = 0; i < c->channels; i++) {
        const int last = c->lacking[i];

        readings[i] = last < c->opened
                          ? c->reading[last]
                          : (struct reading){ .value = NAN, .reason = c->why[last].said };
    }
    for (int i = 0; i < c->opened; i++) { /* the group whose turn it was */
        struct reading *reading = &readings[c->channel_of[i]];

        if (reading->reason == meter_not_its_turn && strcmp(c->why[i].status, "ok") == 0)
            *reading = c->reading[i];
    }
}

const struct meter meter_counters = {
    .name = "counters",
    .what = "cycles, instructions, stalls and misses by perf_event_open",
    .open = counters_open,
    .list = counters_list,
    .start = counters_start,
    .stop = counters_stop,
    .close = counters_close,
};

int counters_check(const char *events, const struct meter_context *context, char *why, size_t size)
{
    const struct sets_set *set = sets_choose(context->cpu);
    char name[EVENTS_NAME_MAX];
    int error, count = 0;

    if (!*events) {
        snprintf(why, size, "no event is named");
        return -EINVAL;
    }
    while ((error = events_next(&events, name)) > 0) {
        struct perf_event event;
        struct why said = { .status = "ok" };

        if (++count > PERF_EVENTS_MAX) {
            snprintf(why, size, "more than %d events", PERF_EVENTS_MAX);
            return -EINVAL;
        }
        if (events_papi(name))
            continue;
        if (events_parse(name, context->sysroot, set, &event, &said) == -EINVAL) {
            snprintf(why, size, "%s", said.said);
            return -EINVAL;
        }
    }
    if (error)
        snprintf(why, size, "%s: an empty name, a comma at the end, or one too long", name);
    return error;
}
