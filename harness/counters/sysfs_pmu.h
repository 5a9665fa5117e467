/* SPDX-License-Identifier: MIT
 *
 * The kernel's own description of its PMUs, /sys/bus/event_source/devices: names of events into the
 * numbers of perf_event_attr. The only way to the type of an uncore PMU, of `power`, and of the two
 * kinds of core of a hybrid CPU. */
#ifndef HARNESS_COUNTERS_SYSFS_PMU_H
#define HARNESS_COUNTERS_SYSFS_PMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSFS_PMU_DEVICES "/sys/bus/event_source/devices"

/* CPUs: dies, sockets. PMUs of one kind: memory channels. */
enum { SYSFS_PMU_CPUS_MAX = 64, SYSFS_PMU_BOXES_MAX = 64 };

struct sysfs_pmu {
    char name[64]; /* of its directory */
    uint32_t type;
    /* From cpumask: it counts a CPU's, die's or socket's doings, whoever did them, and is opened on
     * each of these. 0: none, it counts tasks. */
    int cpu_count;
    int cpus[SYSFS_PMU_CPUS_MAX];
};

struct sysfs_pmu_event {
    uint64_t config, config1, config2;
    double scale;  /* a count in `unit`s; 1 where the PMU says nothing */
    char unit[32]; /* "count" where the PMU says nothing; "Joules", "MiB" */
};

/* Is there a core PMU, under whatever name (cpu, cpu_core, cpu_atom, armv8_pmuv3*, ...)? Its first
 * name goes to name when that is not NULL. */
bool sysfs_pmu_core(const char *sysroot, char *name, size_t size);

/* The PMU called `name`. 0; -ENOENT; -errno of the file that could not be read; -EBADMSG. */
int sysfs_pmu_read(const char *sysroot, const char *name, struct sysfs_pmu *pmu);

/* The PMUs that are called `name`, or name_0, name_1, ...: one for each memory channel, say. Their
 * number, at most `max`; -ENOENT when there is none; -errno. */
int sysfs_pmu_boxes(const char *sysroot, const char *name, struct sysfs_pmu *boxes, int max);

/* terms: an event of events/ ("energy-pkg"), or fields of format/ with numbers
 * ("event=0x3c,umask=0", "config=0x10"), or an event followed by fields. A field without a number
 * is 1. 0; -ENOENT when the PMU knows no such event or field, -ERANGE when a number does not fit
 * its field, -EBADMSG when a file or term makes no sense: then why has a sentence. */
int sysfs_pmu_encode(const char *sysroot, const char *pmu, const char *terms,
                     struct sysfs_pmu_event *event, char *why, size_t size);

/* The event of `pmu` that was probably meant by `word`, copied to name; false: none is near. */
bool sysfs_pmu_nearest(const char *sysroot, const char *pmu, const char *word, char *name,
                       size_t size);

#endif
