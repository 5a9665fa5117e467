/* SPDX-License-Identifier: MIT
 *
 * perf_event_open: hardware and software events of this process. */
#include "bench/doctor.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "harness/sysfs.h"

/* Something to count: a few million instructions. */
static void spin(void)
{
    for (volatile int i = 0; i < 3000000;)
        i = i + 1;
}

int doctor_count(unsigned type, unsigned long long config, int cpu, long long *value)
{
    struct perf_event_attr attr = { .size = sizeof attr, .type = type, .config = config };
    struct {
        uint64_t value, enabled, running;
    } read_back;
    attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    attr.exclude_kernel = attr.exclude_hv = cpu < 0; /* an energy PMU takes no exclusions */
    long fd = syscall(SYS_perf_event_open, &attr, cpu < 0 ? 0 : -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return -errno;
    spin();
    ssize_t n = read((int)fd, &read_back, sizeof read_back);
    int error = n == sizeof read_back ? 0 : n < 0 ? -errno : -EIO;
    close((int)fd);
    if (!error && read_back.running == 0)
        error = -EBUSY; /* opened, and never on a counter */
    *value = (long long)read_back.value;
    return error;
}

/* Has the kernel a driver for core counters? EACCES comes before ENOENT, so errno cannot tell. */
static bool has_core_pmu(const struct doctor *d)
{
    static const char *const prefixes[] = { "cpu", "armv8", "armv9" };
    char names[4][DOCTOR_NAME_MAX];
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (doctor_entries(d, "/sys/bus/event_source/devices", prefixes[i], names, 4) > 0)
            return true;
    }
    return false;
}

static void explain(struct doctor *d, const char *name, const char *tried, int error, bool hardware)
{
    static const char paranoid_fix[] =
        "sysctl kernel.perf_event_paranoid=2, or setcap cap_perfmon+ep on the program";
    if (hardware && (error == -ENOENT || error == -EOPNOTSUPP || !has_core_pmu(d))) {
        doctor_row(d, "counters", name, "absent", tried,
                   d->virtual_machine ? "give the guest a vPMU (KVM: -cpu host,pmu=on) or run on "
                                        "the host"
                                      : "switch the PMU on in the firmware; load its driver",
                   "%s; the kernel has no core PMU", strerror(-error));
    } else if (error == -EPERM || error == -ENOSYS) {
        doctor_row(d, "counters", name, "masked", tried,
                   "a container's seccomp filter: --cap-add PERFMON, or --security-opt "
                   "seccomp=unconfined",
                   "%s", strerror(-error));
    } else if (error == -EACCES) {
        doctor_row(d, "counters", name, "denied", tried, paranoid_fix, "%s", strerror(-error));
    } else if (error == -EBUSY) {
        doctor_row(d, "counters", name, "broken", tried,
                   "free the counters: sysctl kernel.nmi_watchdog=0, end other profilers",
                   "opened, and never counted");
    } else {
        doctor_row(d, "counters", name, "broken", tried, NULL, "%s", strerror(-error));
    }
}

static void counter(struct doctor *d, const char *name, unsigned type, unsigned config,
                    const char *tried)
{
    long long value = 0;
    if (*d->sysroot) {
        doctor_row(d, "counters", name, "skipped", tried, NULL, "not tried below --sysroot");
        return;
    }
    int error = doctor_count(type, config, -1, &value);
    if (error)
        explain(d, name, tried, error, type == PERF_TYPE_HARDWARE);
    else if (value <= 0)
        doctor_row(d, "counters", name, "broken", tried, NULL,
                   "counted %lld while the process was running", value);
    else
        doctor_row(d, "counters", name, "ok", tried, NULL, "counted %lld in a short loop", value);
}

void doctor_counters(struct doctor *d)
{
    static const char path[] = "/proc/sys/kernel/perf_event_paranoid";
    int64_t level;
    counter(d, "cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES,
            "perf_event_open(PERF_COUNT_HW_CPU_CYCLES)");
    counter(d, "instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS,
            "perf_event_open(PERF_COUNT_HW_INSTRUCTIONS)");
    counter(d, "task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK,
            "perf_event_open(PERF_COUNT_SW_TASK_CLOCK)");

    int error = sysfs_int64(d->sysroot, path, &level);
    if (error)
        doctor_row(d, "counters", "paranoid", why_status(error), path,
                   "a kernel with CONFIG_PERF_EVENTS", "%s", strerror(-error));
    else if (level > 2)
        doctor_row(d, "counters", "paranoid", "denied", path, "sysctl kernel.perf_event_paranoid=2",
                   "%lld: no event at all without CAP_PERFMON", (long long)level);
    else
        doctor_row(d, "counters", "paranoid", "ok", path,
                   level > 0 ? "sysctl kernel.perf_event_paranoid=0 for CPU-wide and energy events"
                             : NULL,
                   "%lld: %s", (long long)level,
                   level > 0 ? "events of this process only, unless CAP_PERFMON"
                             : "events of the whole CPU too");
}
