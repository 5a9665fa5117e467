/* SPDX-License-Identifier: MIT
 *
 * Energy of workloads: idle, then rounds in which each workload runs in a window of its own, again
 * and again until the window is long enough, then idle. Apart from harness/measure.h's samples,
 * because a joule needs a second where a latency needs a microsecond. */
#ifndef HARNESS_ENERGY_WINDOWS_H
#define HARNESS_ENERGY_WINDOWS_H

#include "harness/energy/energy.h"
#include "harness/measure.h"

struct windows_plan {
    int windows;              /* of each workload */
    double idle_s;            /* each side; 0: no idle window */
    double settle_s;          /* after work, before idle is measured */
    uint64_t seed;            /* of the order in a round */
    int64_t deadline_ns;      /* clock_ns after which no new round begins; 0: none */
    const volatile int *stop; /* may be NULL */
};

/* One window: workload -1 is idle (round 0 before, 1 after the work). runs: how often run() was
 * called in it. 0 to go on; -errno ends the measurement. */
typedef int window_sink(void *arg, int workload, int round, int runs,
                        const struct energy_window *window);

/* errors is (count): 0, or what a workload's run() returned: it gets no more windows. Returns 0;
 * -EINTR when stopped; -ENODEV when nothing counts energy; the sink's error. */
int windows_measure(struct energy *energy, const struct workload *workloads, int count,
                    const struct windows_plan *plan, window_sink *sink, void *sink_arg,
                    int *errors);

#endif
