/* SPDX-License-Identifier: MIT
 *
 * Every way to joules that Linux has. Core, uncore and psys zones overlap with others: the rows say
 * what there is, they do not add it up. */
#include "bench/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/meter.h"
#include "harness/sysfs.h"
#include "kernels/cpu.h"

enum { ZONES_MAX = 64, PATH_BYTES = 256, TEXT_BYTES = 64 };

static const char powercap_class[] = "/sys/class/powercap";
static const char powercap_devices[] = "/sys/devices/virtual/powercap";

static const char denied_fix[] =
    "run as root; or a udev rule: SUBSYSTEM==\"powercap\", RUN+=\"/bin/chgrp power "
    "/sys%p/energy_uj\", RUN+=\"/bin/chmod g+r /sys%p/energy_uj\"; or setcap cap_perfmon+ep for "
    "the perf row";

/* Does a meter of this program read energy? */
static bool any_energy_meter(void)
{
    for (int i = 0; meters[i]; i++) {
        for (int c = 0; c < meters[i]->channel_count; c++) {
            if (strcmp(meters[i]->channels[c].unit, "J") == 0)
                return true;
        }
    }
    return false;
}

/* A way that works; and truth, as long as no meter of ours goes it. */
static void energy_ok(struct doctor *d, const char *name, const char *tried, const char *said)
{
    doctor_row(d, "energy", name, "ok", tried, NULL, "%s%s%s", said,
               d->virtual_machine ? "; in a virtual machine: not this machine's own energy" : "",
               any_energy_meter() ? "" : "; no meter of this version reads it yet");
}

/* 20 ms of work: a counter that stands still meanwhile counts nothing. */
static void work(void)
{
    for (int64_t end = clock_ns() + 20000000; clock_ns() < end;)
        ;
}

static void powercap_zone(struct doctor *d, const char *zone)
{
    char path[PATH_BYTES], domain[TEXT_BYTES] = "?", name[TEXT_BYTES * 2 + 16], said[160];
    int64_t first, second, range, power;
    snprintf(path, sizeof path, "%s/%.63s/name", powercap_class, zone);
    sysfs_text(d->sysroot, path, domain, sizeof domain);
    snprintf(name, sizeof name, "powercap %.63s %s", zone, domain);

    snprintf(path, sizeof path, "%s/%.63s/power_uw", powercap_class, zone);
    bool average = sysfs_int64(d->sysroot, path, &power) == 0;
    snprintf(path, sizeof path, "%s/%.63s/max_energy_range_uj", powercap_class, zone);
    int range_error = sysfs_int64(d->sysroot, path, &range);
    snprintf(path, sizeof path, "%s/%.63s/energy_uj", powercap_class, zone);
    int error = sysfs_int64(d->sysroot, path, &first);
    if (error == -ENOENT && average) {
        doctor_row(d, "energy", name, "broken", path, NULL,
                   "no energy counter, only an average power of %lld uW", (long long)power);
        return;
    }
    if (error) {
        doctor_row(d, "energy", name, why_status(error), path,
                   error == -EACCES || error == -EPERM ? denied_fix : NULL, "%s",
                   error == -EBADMSG ? "not a number" : strerror(-error));
        return;
    }
    if (range_error) {
        doctor_row(d, "energy", name, "broken", path, NULL,
                   "counts, but max_energy_range_uj: %s; a wrap could not be undone",
                   strerror(-range_error));
        return;
    }
    if (!*d->sysroot) {
        work();
        error = sysfs_int64(d->sysroot, path, &second);
        if (error || second == first) {
            doctor_row(d, "energy", name, "broken", path, NULL, "stands still at %lld uJ",
                       (long long)first);
            return;
        }
    }
    snprintf(said, sizeof said, "%lld uJ, wraps at %lld uJ%s", (long long)first, (long long)range,
             strstr(zone, "mmio")          ? "; the same package again, by another road"
             : strcmp(domain, "psys") == 0 ? "; the whole platform, packages included"
                                           : "");
    energy_ok(d, name, path, said);
}

static void powercap(struct doctor *d)
{
    char zones[ZONES_MAX][DOCTOR_NAME_MAX], hidden[1][DOCTOR_NAME_MAX];
    int found = 0;
    int count = doctor_entries(d, powercap_class, "", zones, ZONES_MAX);
    for (int i = 0; i < count; i++) {
        if (!strchr(zones[i], ':'))
            continue; /* the control type, not a zone */
        found++;
        powercap_zone(d, zones[i]);
    }
    if (found)
        return;
    if (doctor_entries(d, powercap_devices, "", hidden, 1) == 0 || count > 0)
        doctor_row(d, "energy", "powercap", "masked", powercap_devices,
                   "a container hides it: run on the host, or docker run --security-opt "
                   "systempaths=unconfined",
                   "the driver is there and its directory is empty");
    else
        doctor_row(d, "energy", "powercap", "absent", powercap_class,
                   d->virtual_machine ? "a virtual machine has no RAPL of its own: run on the host"
                                      : "modprobe intel_rapl_msr (for AMD too, Linux 5.8 or later)",
                   "%s", count < 0 ? strerror(-count) : "no zone in it");
}

/* perf's PMU `power`: its type, event and CPU come from sysfs, never from a library's tables. */
static void perf_power(struct doctor *d)
{
    static const char name[] = "perf power";
    static const char type_path[] = "/sys/bus/event_source/devices/power/type";
    static const char event_path[] = "/sys/bus/event_source/devices/power/events/energy-pkg";
    static const char mask_path[] = "/sys/bus/event_source/devices/power/cpumask";
    char event[TEXT_BYTES], mask[TEXT_BYTES];
    int64_t type;
    long long value;
    int error = sysfs_int64(d->sysroot, type_path, &type);
    if (error) {
        doctor_row(d, "energy", name, why_status(error), type_path,
                   d->virtual_machine ? "a virtual machine has no RAPL of its own: run on the host"
                                      : "modprobe rapl",
                   "%s", strerror(-error));
        return;
    }
    error = sysfs_text(d->sysroot, event_path, event, sizeof event);
    if (!error)
        error = sysfs_text(d->sysroot, mask_path, mask, sizeof mask);
    if (error || strncmp(event, "event=", 6) != 0) {
        doctor_row(d, "energy", name, error ? why_status(error) : "broken", event_path, NULL, "%s",
                   error ? strerror(-error) : event);
        return;
    }
    if (*d->sysroot) {
        doctor_row(d, "energy", name, "skipped", event_path, NULL,
                   "type %lld, %s, CPUs %s; not opened below --sysroot", (long long)type, event,
                   mask);
        return;
    }
    error = doctor_count((unsigned)type, strtoull(event + 6, NULL, 0), atoi(mask), &value);
    if (error)
        doctor_row(d, "energy", name, why_status(error), "perf_event_open(power/energy-pkg)",
                   "sysctl kernel.perf_event_paranoid=0, or setcap cap_perfmon+ep on the program",
                   "%s", strerror(-error));
    else if (value <= 0)
        doctor_row(d, "energy", name, "broken", "perf_event_open(power/energy-pkg)", NULL,
                   "counted %lld while the CPU was running", value);
    else
        energy_ok(d, name, "perf_event_open(power/energy-pkg)", "counts");
}

/* Sensors of boards: energyN_input, else powerN_input or powerN_average. */
static int hwmon_device(struct doctor *d, const char *device)
{
    static const char *const prefixes[] = { "energy", "power" };
    char directory[PATH_BYTES], path[PATH_BYTES + DOCTOR_NAME_MAX], chip[TEXT_BYTES] = "?";
    char files[ZONES_MAX][DOCTOR_NAME_MAX], name[2 * DOCTOR_NAME_MAX + TEXT_BYTES], said[80];
    int found = 0;
    snprintf(directory, sizeof directory, "/sys/class/hwmon/%.63s", device);
    snprintf(path, sizeof path, "%s/name", directory);
    sysfs_text(d->sysroot, path, chip, sizeof chip);
    for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
        int count = doctor_entries(d, directory, prefixes[p], files, ZONES_MAX);
        for (int i = 0; i < count; i++) {
            int64_t value;
            const char *suffix = strchr(files[i], '_');
            if (!suffix || (strcmp(suffix, "_input") != 0 && strcmp(suffix, "_average") != 0))
                continue;
            found++;
            snprintf(path, sizeof path, "%s/%.63s", directory, files[i]);
            snprintf(name, sizeof name, "hwmon %s %.63s", chip, files[i]);
            int error = sysfs_int64(d->sysroot, path, &value);
            snprintf(said, sizeof said, "%lld %s", (long long)value, p ? "uW" : "uJ");
            if (error)
                doctor_row(d, "energy", name, why_status(error), path,
                           error == -EACCES ? "run as root" : NULL, "%s", strerror(-error));
            else
                energy_ok(d, name, path, said);
        }
    }
    return found;
}

static void hwmon(struct doctor *d)
{
    static const char path[] = "/sys/class/hwmon";
    char devices[ZONES_MAX][DOCTOR_NAME_MAX];
    int found = 0;
    int count = doctor_entries(d, path, "hwmon", devices, ZONES_MAX);
    for (int i = 0; i < count; i++)
        found += hwmon_device(d, devices[i]);
    if (!found)
        doctor_row(d, "energy", "hwmon", "absent", path,
                   "sensors-detect finds the driver of a board that has such a sensor", "%s",
                   count < 0 ? strerror(-count) : "no energy or power sensor among its devices");
}

/* The register that likwid reads: RAPL's unit. */
static void msr(struct doctor *d)
{
    static const char name[] = "msr (likwid)";
    bool amd = strcmp(cpu_identify().vendor, "AuthenticAMD") == 0;
    off_t reg = amd ? 0xC0010299 : 0x606;
    uint64_t value;
    char path[PATH_BYTES], tried[PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/dev/cpu/0/msr", d->sysroot);
    snprintf(tried, sizeof tried, "%s, register 0x%llX", path, (long long)reg);
    if (*d->sysroot) {
        doctor_row(d, "energy", name, "skipped", tried, NULL, "not tried below --sysroot");
        return;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? errno : 0;
    ssize_t n = fd < 0 ? -1 : pread(fd, &value, sizeof value, reg);
    if (fd >= 0 && n < 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    if (n == sizeof value && value != 0)
        energy_ok(d, name, tried, "the unit register reads");
    else if (fd < 0)
        doctor_row(d, "energy", name, why_status(-error), tried,
                   error == ENOENT || error == ENXIO
                       ? "modprobe msr"
                       : "run as root (CAP_SYS_RAWIO), or setuid likwid-accessD",
                   "%s", strerror(error));
    else
        doctor_row(d, "energy", name, "absent", tried,
                   d->virtual_machine ? "a virtual machine has no RAPL of its own: run on the host"
                                      : NULL,
                   "%s", n < 0 ? strerror(error) : "reads 0: no RAPL behind it");
}

void doctor_energy(struct doctor *d)
{
    powercap(d);
    perf_power(d);
    hwmon(d);
    msr(d);
    doctor_papi_energy(d);
}
