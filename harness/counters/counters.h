/* SPDX-License-Identifier: MIT
 *
 * The meters of counters: those of perf_event_open, and PAPI's. Open them before the threads that
 * are to be counted exist. */
#ifndef HARNESS_COUNTERS_COUNTERS_H
#define HARNESS_COUNTERS_COUNTERS_H

#include <stddef.h>
#include "harness/counters/perf.h"
#include "harness/meter.h"

/* context.events, or the set of this CPU. It opens also when nothing can be counted: each of its
 * channels then has its reason, and why what the first one lacks. The exception: below a sysroot
 * nothing is opened. Start it last and stop it first: what other meters do would count. */
extern const struct meter meter_counters;

/* The events of context.events that are PAPI's (events.h); skipped when there is none, and PAPI is
 * not loaded then. Its channels are absent with PAPI's own words. */
extern const struct meter meter_papi;

/* Is every event of the list a name? 0, or -EINVAL with one line in why: the name at fault, and a
 * near one. An event that this machine cannot count is no mistake. */
int counters_check(const char *events, const struct meter_context *context, char *why, size_t size);

/* Why channel i of an opened meter_counters is absent in all samples; status ok: it is not. */
const struct why *counters_why(const void *state, int channel);

/* For tests: another kernel for what is opened from now on (provenance "fixture"); NULL: Linux. */
void counters_use(const struct perf_system *system);
const struct perf_system *counters_system(void);

#endif
