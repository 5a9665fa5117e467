/* SPDX-License-Identifier: MIT
 *
 * Why an event is not counted. errno alone cannot tell: without a PMU, root gets ENOENT and another
 * user EACCES; so what PMUs there are is asked first. */
#include "harness/counters/perf.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "harness/counters/sysfs_pmu.h"
#include "harness/sysfs.h"

bool perf_hardware(const struct perf_event *event)
{
    return !event->boxes && event->type != PERF_TYPE_SOFTWARE &&
           event->type != PERF_TYPE_TRACEPOINT && event->type != PERF_TYPE_BREAKPOINT;
}

static bool devices_listed(const char *sysroot)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s" SYSFS_PMU_DEVICES, sysroot);

    return n > 0 && (size_t)n < sizeof path && access(path, R_OK | X_OK) == 0;
}

static void denied(struct why *why, const struct perf_event *event, const char *tried, int error,
                   const char *sysroot)
{
    int64_t paranoid;
    char level[64] = "perf_event_paranoid cannot be read";

    if (sysfs_int64(sysroot, "/proc/sys/kernel/perf_event_paranoid", &paranoid) == 0)
        snprintf(level, sizeof level, "perf_event_paranoid is %" PRId64, paranoid);
    if (event->boxes)
        why_set(why, "denied", tried,
                "sysctl kernel.perf_event_paranoid=0, or setcap cap_perfmon+ep on the program, or "
                "root",
                "%s: %s; %s, and what others do is counted too", event->name, strerror(-error),
                level);
    else
        why_set(why, "denied", tried,
                "sysctl kernel.perf_event_paranoid=2 (this process in user mode; 1: with the "
                "kernel), or setcap cap_perfmon+ep on the program; in a container: --cap-add "
                "PERFMON and a seccomp profile that allows perf_event_open",
                "%s: %s; %s", event->name, strerror(-error), level);
}

void perf_explain(struct why *why, const struct perf_event *event, int error, const char *sysroot)
{
    char tried[160];

    snprintf(tried, sizeof tried, "perf_event_open(%s)", event->name);
    if (perf_hardware(event) && event->type <= PERF_TYPE_RAW && devices_listed(sysroot) &&
        !sysfs_pmu_core(sysroot, NULL, 0)) {
        why_set(why, "absent", tried,
                "in a virtual machine: a host that gives its guests a PMU (QEMU: -cpu "
                "host,pmu=on; a cloud: a bare-metal instance)",
                "%s: no PMU: %s has none of a core (%s)", event->name, SYSFS_PMU_DEVICES,
                strerror(-error));
        return;
    }
    switch (error) {
    case -EACCES:
        denied(why, event, tried, error, sysroot);
        break;
    case -EPERM:
    case -ENOSYS:
        why_set(why, "masked", tried,
                "in a container: --cap-add PERFMON and a seccomp profile that allows "
                "perf_event_open",
                "%s: %s: a seccomp filter refuses perf_event_open, or what runs this program does "
                "not have it",
                event->name, strerror(-error));
        break;
    case -ENOENT:
    case -EINVAL:
    case -EOPNOTSUPP:
    case -ENODEV:
    case -ENXIO:
        why_set(why, "absent", tried, NULL, "%s: %s: %s", event->name, strerror(-error),
                event->type == PERF_TYPE_BREAKPOINT
                    ? "the kernel takes no such breakpoint; without kprobes, none in itself"
                    : "the kernel's driver of this PMU does not take it");
        break;
    case -ENOSPC:
        why_set(why, "absent", tried, "ask for fewer such events at a time",
                "%s: %s: no counter of this kind is free", event->name, strerror(-error));
        break;
    case -EBUSY:
        why_set(why, "denied", tried, "end the other program",
                "%s: %s: another program has the PMU for itself", event->name, strerror(-error));
        break;
    case -EMFILE:
    case -ENFILE:
        why_set(why, "broken", tried, "ulimit -n 4096", "%s: %s: each event takes one", event->name,
                strerror(-error));
        break;
    default:
        why_set(why, why_status(error), tried, NULL, "%s: %s", event->name, strerror(-error));
    }
}
