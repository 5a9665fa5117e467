/* SPDX-License-Identifier: MIT
 *
 * What perf_open.c makes and perf.c counts with; for these two alone. */
#ifndef HARNESS_COUNTERS_PERF_GROUP_H
#define HARNESS_COUNTERS_PERF_GROUP_H

#include "harness/counters/perf.h"

enum { PERF_TURNS = 256, PERF_EXACT = 10 };

/* What opens, runs and is read together. */
struct perf_group {
    int count, event[PERF_GROUP_MAX], fd[PERF_GROUP_MAX];
    uint64_t id[PERF_GROUP_MAX], value[PERF_GROUP_MAX]; /* as last read, since it was opened */
    uint64_t enabled, running;                          /* ns, likewise */
    bool turns;                                         /* counts in its turn only */
    struct perf_box box;                                /* of events that have boxes */
    bool error;                                         /* of the last read */
};

struct perf_turn {
    uint64_t region; /* hash; 0: free */
    unsigned next;
};

struct perf {
    struct perf_system system;
    const char *sysroot;
    int events, groups, room;
    struct perf_group *group; /* those that take turns first */
    int turning, now;         /* groups that take turns; which one's turn it is */
    int threads;              /* that were there before */
    struct perf_event event[PERF_EVENTS_MAX];
    struct why why[PERF_EVENTS_MAX];
    bool user_only[PERF_EVENTS_MAX];
    /* Of a count that holds: [PERF_EXACT] when it ran all the time, [0] to [9] for 90% to 99%. */
    char note[PERF_EVENTS_MAX][PERF_EXACT + 1][112];
    char part[90][64]; /* the reason for 0% to 89% */
    struct perf_turn turn[PERF_TURNS];
};

void perf_group_enable(const struct perf *perf, const struct perf_group *group);
void perf_group_disable(const struct perf *perf, const struct perf_group *group);
void perf_group_read(const struct perf *perf, struct perf_group *group);

#endif
