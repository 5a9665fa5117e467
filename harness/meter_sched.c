/* SPDX-License-Identifier: MIT
 *
 * What the scheduler and the pager did to this process, all its threads: getrusage. Costs a system
 * call, needs no privilege, and exists in every virtual machine. */
#include "harness/meter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "harness/store.h"

static const struct channel channels[] = {
    { "context_switches_voluntary", "count", PROVENANCE_COUNTED },
    { "context_switches_involuntary", "count", PROVENANCE_COUNTED },
    { "page_faults_minor", "count", PROVENANCE_COUNTED },
    { "page_faults_major", "count", PROVENANCE_COUNTED },
    { "cpu_time_us", "us", PROVENANCE_COUNTED },
};
enum { CHANNELS = sizeof channels / sizeof channels[0] };

static void read_now(double *values) /* (CHANNELS) */
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use); /* cannot fail: the question is valid and use is ours */
    values[0] = (double)use.ru_nvcsw;
    values[1] = (double)use.ru_nivcsw;
    values[2] = (double)use.ru_minflt;
    values[3] = (double)use.ru_majflt;
    values[4] = 1e6 * (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static int sched_open(void **state, const struct meter_context *context, struct why *why)
{
    (void)context;
    (void)why;
    *state = calloc(CHANNELS, sizeof(double));
    return *state ? 0 : -ENOMEM;
}

static void sched_start(void *state, const char *region)
{
    (void)region;
    read_now(state);
}

static void sched_stop(void *state, struct reading *readings)
{
    const double *before = state;
    double now[CHANNELS];

    read_now(now);
    for (int i = 0; i < CHANNELS; i++)
        readings[i] = (struct reading){ .value = now[i] - before[i] };
}

const struct meter meter_sched = {
    .name = "sched",
    .what = "context switches, page faults and CPU time of this process (getrusage)",
    .channels = channels,
    .channel_count = CHANNELS,
    .open = sched_open,
    .start = sched_start,
    .stop = sched_stop,
    .close = free,
};
