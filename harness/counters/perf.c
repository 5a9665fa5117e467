/* SPDX-License-Identifier: MIT */
#include "harness/counters/perf_group.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { WITNESS_NS = 100000 };

static const char never_ran[] = "not counted: it never ran (running = 0)";
static const char unreadable[] = "the counter could not be read";
static const char went_back[] = "the counter went back";
static const char silent[] =
    "silent: 0 ever since it was opened, while the CPU ran: this machine may not count it";

/* ---- reading ---- */

void perf_group_read(const struct perf *perf, struct perf_group *group)
{
    struct {
        uint64_t count, enabled, running;
        struct {
            uint64_t value, id;
        } member[PERF_GROUP_MAX];
    } now;
    const size_t size =
        offsetof(__typeof__(now), member) + (size_t)group->count * sizeof now.member[0];

    group->error = perf->system.read(group->fd[0], &now, sizeof now) != (ssize_t)size;
    if (group->error)
        return;
    group->enabled = now.enabled;
    group->running = now.running;
    for (int m = 0; m < group->count; m++)
        for (int n = 0; n < group->count; n++)
            if (now.member[n].id == group->id[m])
                group->value[m] = now.member[n].value;
}

void perf_group_enable(const struct perf *perf, const struct perf_group *group)
{
    perf->system.control(group->fd[0], PERF_EVENT_IOC_ENABLE, 0);
}

void perf_group_disable(const struct perf *perf, const struct perf_group *group)
{
    perf->system.control(group->fd[0], PERF_EVENT_IOC_DISABLE, 0);
}

/* ---- samples ---- */

static unsigned *turn_of(struct perf *perf, const char *region)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    struct perf_turn *turn = &perf->turn[0];

    for (const char *c = region; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    hash |= 1;
    for (unsigned probe = 0; probe < PERF_TURNS; probe++) {
        turn = &perf->turn[(hash + probe) % PERF_TURNS];
        if (!turn->region)
            turn->region = hash;
        if (turn->region == hash)
            break;
    }
    return &turn->next; /* in a full table: one of another region */
}

void perf_start(struct perf *perf, const char *region)
{
    if (perf->turning)
        perf->now = (int)((*turn_of(perf, region))++ % (unsigned)perf->turning);
    for (int g = perf->turning; g < perf->groups; g++)
        perf_group_enable(perf, &perf->group[g]);
    if (perf->turning)
        perf_group_enable(perf, &perf->group[perf->now]);
}

/* Member m of a group: before and now are the group's last two reads. */
static struct reading reading_of(const struct perf *perf, const struct perf_group *before,
                                 const struct perf_group *now, int m)
{
    const int i = now->event[m];
    const uint64_t enabled = now->enabled - before->enabled,
                   running = now->running - before->running,
                   count = now->value[m] - before->value[m];
    const double cover = enabled ? (double)running / (double)enabled : 0;
    const char *reason = NULL, *note;

    if (now->error || before->error)
        reason = unreadable;
    else if (now->value[m] < before->value[m] || now->running < before->running)
        reason = went_back;
    else if (!running)
        reason = never_ran;
    else if (cover < 0.9)
        reason = perf->part[(int)(100 * cover)];
    else if (!now->value[m] && now->running >= WITNESS_NS && perf_hardware(&perf->event[i]))
        reason = silent;
    if (reason)
        return (struct reading){ .value = NAN, .reason = reason };
    note = perf->note[i][running == enabled ? PERF_EXACT : (int)(100 * cover) - 90];
    return (struct reading){ .value =
                                 (double)count * (cover < 1 ? 1 / cover : 1) * perf->event[i].scale,
                             .note = note[0] ? note : NULL };
}

/* Boxes are added up: a part that was not counted leaves none of the sum. */
static void add_reading(struct reading *sum, struct reading part)
{
    sum->value += part.value; /* NAN stays */
    if (!sum->reason)
        sum->reason = part.reason;
    if (part.note)
        sum->note = part.note;
}

/* Of an event that no group of this sample has. */
static struct reading not_read(const struct perf *perf, int i)
{
    const bool open = strcmp(perf->why[i].status, "ok") == 0;

    return (struct reading){ .value = NAN,
                             .reason = open ? meter_not_its_turn : perf->why[i].said };
}

void perf_stop(struct perf *perf, struct reading *readings)
{
    bool read[PERF_EVENTS_MAX] = { false };

    if (perf->turning)
        perf_group_disable(perf, &perf->group[perf->now]);
    for (int g = perf->groups - 1; g >= perf->turning; g--)
        perf_group_disable(perf, &perf->group[g]);
    for (int i = 0; i < perf->events; i++)
        readings[i] = not_read(perf, i);
    for (int g = 0; g < perf->groups; g++) {
        struct perf_group *group = &perf->group[g];
        const struct perf_group before = *group;

        if (g < perf->turning && g != perf->now)
            continue;
        perf_group_read(perf, group);
        for (int m = 0; m < group->count; m++) {
            const int i = group->event[m];
            const struct reading part = reading_of(perf, &before, group, m);

            if (read[i])
                add_reading(&readings[i], part);
            else
                readings[i] = part;
            read[i] = true;
        }
    }
}
