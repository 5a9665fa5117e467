/* SPDX-License-Identifier: MIT
 *
 * A list of events as the user writes it, --events, into what perf.c opens. An event is
 *   cycles, page-faults, ...    the kernel's generic names; with :u or :k for one mode alone
 *   stalls_mem, llc_misses, ... a channel of this CPU's built-in set (sets.h)
 *   pmu/event/, pmu/a=1,b=2/    by sysfs; uncore PMUs too, all boxes of a name added up
 *   raw:0x2c2, raw:0x1b7:0x1    config and config1 of the core's PMU
 *   papi:NAME, PAPI_TOT_INS     PAPI's (papi.h)
 *   anything else               libpfm4's */
#ifndef HARNESS_COUNTERS_EVENTS_H
#define HARNESS_COUNTERS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/counters/perf.h"
#include "harness/counters/sets.h"

enum { EVENTS_NAME_MAX = 128 };

/* The next event of the list, which moves on: commas between slashes belong to a name. 1; 0 at the
 * end; -EINVAL for an empty name and one of EVENTS_NAME_MAX characters or more. */
int events_next(const char **list, char *name);

/* PAPI's own name of the event when it is PAPI's, or NULL. */
const char *events_papi(const char *name);

/* One event. 0; -EINVAL when the name is wrong wherever it is asked, and why->said has it and a
 * near one; another -errno when this machine cannot count it, with why. */
int events_parse(const char *name, const char *sysroot, const struct sets_set *set,
                 struct perf_event *event, struct why *why);

/* Event i of a set; its name is the channel's. */
void events_of_set(const struct sets_set *set, int i, struct perf_event *event);

#endif
