/* SPDX-License-Identifier: MIT
 *
 * Conditions of the machine: what is recorded with each run, and what disturbs one. */
#include "bench/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "harness/host.h"
#include "harness/sysfs.h"
#include "kernels/threads.h"

/* Conditions of the host that a file tells: what is quiet, and how to get there. */
static void doctor_conditions(struct doctor *d)
{
    static const struct {
        const char *name, *path, *quiet, *fix;
    } conditions[] = {
        { "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance",
          "cpupower frequency-set -g performance" },
        { "smt", "/sys/devices/system/cpu/smt/active", "0",
          "--threads phys keeps to one thread a core; or echo off > "
          "/sys/devices/system/cpu/smt/control" },
        { "nmi watchdog", "/proc/sys/kernel/nmi_watchdog", "0", "sysctl kernel.nmi_watchdog=0" },
        { "numa balancing", "/proc/sys/kernel/numa_balancing", "0",
          "sysctl kernel.numa_balancing=0" },
    };
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        char text[80];
        int error = sysfs_text(d->sysroot, conditions[i].path, text, sizeof text);
        bool quiet = !error && strcmp(text, conditions[i].quiet) == 0;
        doctor_row(d, "host", conditions[i].name,
                   error   ? why_status(error)
                   : quiet ? "ok"
                           : "warn",
                   conditions[i].path, error || quiet ? NULL : conditions[i].fix, "%s",
                   error ? strerror(-error) : text);
    }
}

/* Time that a hypervisor gave to others, of all time since boot. */
static void doctor_steal(struct doctor *d)
{
    static const char path[] = "/proc/stat";
    char line[256];
    unsigned long long ticks[8] = { 0 }, total = 0;
    int error = sysfs_field_text(d->sysroot, path, "cpu", line, sizeof line);
    int n = error ? 0
                  : sscanf(line, "%llu %llu %llu %llu %llu %llu %llu %llu", &ticks[0], &ticks[1],
                           &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]);
    for (int i = 0; i < n; i++)
        total += ticks[i];
    if (n < 8 || total == 0) {
        doctor_row(d, "host", "steal", error ? why_status(error) : "broken", path, NULL, "%s",
                   error ? strerror(-error) : "no line 'cpu' with eight numbers");
        return;
    }
    double share = (double)ticks[7] / (double)total;
    doctor_row(d, "host", "steal", share > 0.001 ? "warn" : "ok", path,
               share > 0.001 ? "other guests take time: a dedicated host, or more repetitions"
                             : NULL,
               "%.3f%% of all time since boot", 100 * share);
}

/* The CPU time that the cgroup of this process grants, v2 or v1. */
static void doctor_cpu_limit(struct doctor *d)
{
    char path[300], text[80];
    int64_t quota = -1, period = 0;
    int error = sysfs_cgroup(d->sysroot, "cpu.max", path, sizeof path);
    if (!error)
        error = sysfs_text(d->sysroot, path, text, sizeof text);
    if (error) { /* v1, or v2 beside it without controllers */
        snprintf(path, sizeof path, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
        error = sysfs_int64(d->sysroot, path, &quota);
        if (!error)
            error = sysfs_int64(d->sysroot, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period);
    } else if (sscanf(text, "%" SCNd64 " %" SCNd64, &quota, &period) != 2) {
        quota = -1; /* "max 100000" */
    }
    if (error)
        doctor_row(d, "host", "cpu limit", "absent", path, NULL, "no limit found: %s",
                   strerror(-error));
    else if (quota < 0)
        doctor_row(d, "host", "cpu limit", "ok", path, NULL, "no limit");
    else
        doctor_row(d, "host", "cpu limit", "warn", path,
                   "raise the container's CPU limit: a throttled thread measures the throttle",
                   "%.2f CPUs", (double)quota / (double)(period > 0 ? period : 1));
}

/* A guest has no energy counter of its own, and its time is given by others. */
static void doctor_hypervisor(struct doctor *d)
{
    const char *name = d->context->cpu->hypervisor;

    if (*d->sysroot)
        doctor_row(d, "host", "hypervisor", "skipped", "CPUID", NULL, "not tried below a sysroot");
    else
        doctor_row(d, "host", "hypervisor", *name ? "warn" : "ok", "CPUID",
                   *name ? "run on the host: a guest's RAPL, where it has one, is a model's share "
                           "of the host's, and is marked 'virtual'"
                         : NULL,
                   "%s", *name ? name : "none");
}

/* ---- energy filtering ---- */

/* Intel's model-specific registers. Intel: INTEL-SA-00389, Running Average Power Limit Energy
 * Reporting. */
enum {
    MSR_PACKAGE_CONTROLS = 0xBC,   /* bit 0: filtering is on */
    MSR_ARCH_CAPABILITIES = 0x10A, /* bit 11: there is such a control */
    CAPABILITIES_FILTERING = 1 << 11,
};

static int read_msr(int fd, off_t number, uint64_t *value)
{
    const ssize_t got = pread(fd, value, sizeof *value, number);

    return got == (ssize_t)sizeof *value ? 0 : got < 0 ? -errno : -EIO;
}

/* Sets what the registers say: 0 and *on, or -errno with the register at fault. */
static int read_filtering(int fd, bool *control, bool *on, int *number)
{
    uint64_t value = 0;
    int error = read_msr(fd, *number = MSR_ARCH_CAPABILITIES, &value);

    *on = false;
    *control = !error && (value & CAPABILITIES_FILTERING);
    if (*control)
        error = read_msr(fd, *number = MSR_PACKAGE_CONTROLS, &value);
    *on = *control && !error && (value & 1);
    return error;
}

/* Noise that the CPU adds to its energy counters so that nobody reads secrets from them. */
static void doctor_filtering(struct doctor *d)
{
    static const char name[] = "energy filtering", path[] = "/dev/cpu/0/msr";
    char vendor[32] = "", full[PATH_MAX], tried[80];
    int number = MSR_ARCH_CAPABILITIES;
    bool control, on;

    sysfs_field_text(d->sysroot, "/proc/cpuinfo", "vendor_id", vendor, sizeof vendor);
    if (strcmp(vendor, "GenuineIntel") != 0) {
        doctor_row(d, "host", name, "ok", "/proc/cpuinfo", NULL, "not a CPU of Intel's: none");
        return;
    }
    snprintf(full, sizeof full, "%s%s", d->sysroot, path);
    const int fd = open(full, O_RDONLY | O_CLOEXEC);
    const int error = fd < 0 ? -errno : read_filtering(fd, &control, &on, &number);
    if (fd >= 0)
        close(fd);
    snprintf(tried, sizeof tried, "%s, register 0x%X", path, (unsigned)number);
    if (fd < 0)
        doctor_row(d, "host", name, why_status(error), path,
                   error == -EACCES || error == -EPERM ? "run doctor as root, once"
                                                       : "modprobe msr, then as root, once",
                   "%s; the update periods above are measured either way", strerror(-error));
    else if (error)
        doctor_row(d, "host", name, "absent", tried, NULL, "%s: this CPU has no such control",
                   strerror(-error));
    else if (on)
        doctor_row(d, "host", name, "warn", tried,
                   "switch SGX and energy filtering off in the firmware's setup",
                   "on: the counters are noisy and update less often");
    else
        doctor_row(d, "host", name, "ok", tried, NULL, "%s",
                   control ? "off" : "this CPU has no such control");
}

/* Is there a row of this kind and name already? */
static bool has_row(const struct doctor *d, const char *kind, const char *name)
{
    size_t i;
    json_t *row;
    json_array_foreach(d->rows, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "kind")), kind) == 0 &&
            strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
            return true;
    }
    return false;
}

void doctor_host(struct doctor *d)
{
    static struct host host; /* 20 KiB */

    host_read(&host, d->context->cpu, d->sysroot);
    doctor_conditions(d);
    doctor_steal(d);
    doctor_cpu_limit(d);
    doctor_hypervisor(d);
    doctor_filtering(d);
    doctor_row(d, "host", "threads", "ok", "hwloc, this process's CPU set", NULL,
               "may use %d hardware threads on %d cores", threads_units(), threads_cores());
    for (int i = 0; i < host.count; i++) {
        const struct fact *f = &host.facts[i];
        if (has_row(d, "host", f->name))
            continue; /* looked at above, with a remedy */
        doctor_row(d, "host", f->name, *f->value ? "ok" : "absent", "recorded with each run", NULL,
                   "%s", *f->value ? f->value : f->reason);
    }
}
