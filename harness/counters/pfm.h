/* SPDX-License-Identifier: MIT
 *
 * libpfm4: the vendors' names of events. Loaded when the first such name is met, never linked, so
 * that a run without one has the memory footprint of a run without the library. */
#ifndef HARNESS_COUNTERS_PFM_H
#define HARNESS_COUNTERS_PFM_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/counters/perf.h"
#include "harness/why.h"

/* type, config, config1, config2 and the exclude_ bits of event. 0, or why and
 *   -EINVAL  libpfm4 has no such event for this CPU; the name is at fault
 *   -ENODEV  it is an event of another CPU, or of a PMU that this kernel does not show
 *   -ENOTSUP libpfm4 encodes it wrongly: it would count something else
 *   -ENOENT  libpfm4 is not installed, or not in this build (status missing, off) */
int pfm_encode(const char *name, struct perf_event *event, struct why *why);

/* The event of this CPU that was probably meant; false: none is near, or there is no libpfm4. */
bool pfm_nearest(const char *word, char *name, size_t size);

#endif
