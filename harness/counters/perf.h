/* SPDX-License-Identifier: MIT
 *
 * Groups of perf events of this process: its opener and every thread that it starts afterwards
 * (inherit; a thread that was there before is not counted, and each reading says so). Hardware
 * groups take turns over the samples instead of sharing the counters of one (multiplexing), and
 * software events and uncore PMUs are counted in every sample. An event that was not counted, or
 * not long enough, has a reason: never 0. */
#ifndef HARNESS_COUNTERS_PERF_H
#define HARNESS_COUNTERS_PERF_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "harness/meter.h"
#include "harness/why.h"

enum { PERF_EVENTS_MAX = 32, PERF_GROUP_MAX = 8, PERF_GROUPS_MAX = 32, PERF_BOXES_MAX = 64 };

struct perf_event {
    char name[128];
    char unit[32]; /* "count" */
    double scale;  /* units a count */
    uint32_t type;
    uint64_t config, config1, config2; /* of a breakpoint: bp_type, bp_addr, bp_len */
    bool exclude_kernel, exclude_user; /* asked for */
    int group; /* hardware events of one number are counted together; -1: in any group */
    /* Of an event that no task owns: opened on each of these, the counts added up. */
    int boxes; /* 0: an event of tasks */
    struct perf_box {
        uint32_t type;
        int cpu;
    } box[PERF_BOXES_MAX];
};

/* Every contact with the kernel, so that a test can replace it. read and control are those of
 * read(2) and ioctl(2); each gives -1 and errno. */
struct perf_system {
    int (*open)(struct perf_event_attr *attr, pid_t pid, int cpu, int group, unsigned long flags);
    int (*control)(int fd, unsigned long request, unsigned long argument);
    ssize_t (*read)(int fd, void *buffer, size_t size);
    int (*close)(int fd);
};
extern const struct perf_system perf_linux;

struct perf;

/* Opens what can be opened and runs each group for about 1 ms: one that opens and never runs is
 * split. 0 also when no event can be counted (perf_counted); -ENOMEM, -E2BIG. events is copied;
 * sysroot is for the reasons: what PMUs there are, what perf_event_paranoid says. */
int perf_open(struct perf **perf, const struct perf_event *events, int count, const char *sysroot,
              const struct perf_system *system);
void perf_close(struct perf *perf);

int perf_counted(const struct perf *perf); /* events that are counted */
int perf_groups(const struct perf *perf);  /* hardware groups that take turns */
/* status "ok", or why event i is not counted. */
const struct why *perf_why(const struct perf *perf, int i);

/* Turns are those of the region: each gets all groups, whatever runs in between. A count that ran
 * for less than all the time that it was enabled is scaled, and its note says so; below 0.9 of it,
 * it has no value. Hardware events that were 0 ever since they were opened are no value either
 * ("silent"): a virtual PMU opens events that it does not count. */
void perf_start(struct perf *perf, const char *region);
void perf_stop(struct perf *perf, struct reading *readings); /* (count) */

/* ---- perf_explain.c ---- */

/* Is it counted by the PMU of a core, of which there are few counters? */
bool perf_hardware(const struct perf_event *event);
/* Why perf_event_open failed with -errno for this event. */
void perf_explain(struct why *why, const struct perf_event *event, int error, const char *sysroot);

#endif
