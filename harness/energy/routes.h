/* SPDX-License-Identifier: MIT
 *
 * The rows of energy_routes, a file each. */
#ifndef HARNESS_ENERGY_ROUTES_H
#define HARNESS_ENERGY_ROUTES_H

#include "harness/energy/energy.h"

extern const struct energy_route energy_pipe, energy_powercap, energy_perf, energy_likwid,
    energy_papi, energy_hwmon;

/* energy_perf that opens below a sysroot, too: a test names a PMU there that this kernel has. */
extern const struct energy_route energy_perf_any;

/* The provenance of a counter on the die. */
const char *routes_provenance(const struct meter_context *context);
/* What the platform contains: packages and DRAM are its children, where there is one. */
void routes_platform(struct energy_channel *channels, int count);
/* A sample of a counter's file (counter.h), with the time and its error. */
void routes_read_file(int fd, struct energy_sample *sample);

#endif
