/* SPDX-License-Identifier: MIT
 *
 * A kernel for perf.c that does what a test says: what opens, what runs, and for how long. */
#ifndef TESTS_FAKE_PERF_H
#define TESTS_FAKE_PERF_H

#include "harness/counters/perf.h"

struct fake_perf {
    int kernel_error;  /* errno for events that are not exclude_kernel; 0: they open */
    int error;         /* errno for every event; 0: they open */
    uint32_t bad_type; /* `bad_error` for events of this type and config */
    uint64_t bad_config;
    int bad_error;
    int group_room;      /* a group of more hardware events opens and never runs; 0: any runs */
    int group_limit;     /* -EINVAL for a larger group; 0: none */
    double cover;        /* of the time that it is enabled, a group runs */
    uint64_t silent;     /* a config that stays 0 */
    int read_error;      /* errno of read */
    int opened, closed;  /* counted */
    int leaders, tasks;  /* of those that were opened: of a group; not of a CPU */
    int enabled_largest; /* most hardware groups that were enabled at a time */
};

/* Running for 1 ms between enable and disable, an event counts 1000 + config. */
extern struct fake_perf fake_perf;
extern const struct perf_system fake_perf_system;
void fake_perf_reset(void); /* everything opens and runs all the time */

/* ---- fake_devices.c: PMUs as sysfs shows them ---- */

/* A root with a core, a power and two uncore PMUs, some that make no sense, and paranoid 3; below
 * fake_devices_empty there is none of a core. */
extern char fake_devices[], fake_devices_empty[];
int fake_devices_make(void **state);   /* a cmocka fixture */
int fake_devices_remove(void **state); /* likewise */

#endif
