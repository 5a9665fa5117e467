/* SPDX-License-Identifier: MIT
 *
 * /sys/class/powercap: zones are found by their names, never by their numbers. Documentation:
 * Documentation/power/powercap/powercap.rst; drivers/powercap/intel_rapl_common.c. */
#include "harness/energy/routes.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/counter.h"
#include "harness/sysfs.h"

#define CLASS  "/sys/class/powercap"
#define TARGET "/sys/devices/virtual/powercap"
#define MMIO   "intel-rapl-mmio"

/* Zones, and control types beside them. */
enum { ENTRIES_MAX = 2 * ENERGY_CHANNELS_MAX };

static const char fix_denied[] =
    "run as root, or let a group read it: a udev rule SUBSYSTEM==\"powercap\", "
    "KERNEL==\"intel-rapl*\", RUN+=\"/bin/chgrp power /sys%p/energy_uj\", "
    "RUN+=\"/bin/chmod g+r /sys%p/energy_uj\"; or use the perf route: setcap cap_perfmon+ep";
static const char fix_absent[] =
    "modprobe intel_rapl_msr (needs CONFIG_INTEL_RAPL; AMD since "
    "Linux 5.11); a virtual machine has none unless its host gives one";
static const char fix_masked[] =
    "the container hides it: run outside, or with --security-opt systempaths=unconfined";

struct powercap {
    int count;
    int fd[ENERGY_CHANNELS_MAX]; /* -1: not open */
};

struct zones {
    int count;
    char name[ENERGY_CHANNELS_MAX][SYSFS_NAME_MAX]; /* directories: "intel-rapl:0:1" */
};

/* ---- which zones there are ---- */

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A control type has no colon; a zone has a number behind each. Copies come last. */
static int list_zones(const char *sysroot, struct zones *zones)
{
    char names[ENTRIES_MAX][SYSFS_NAME_MAX];
    const int count = sysfs_list(sysroot, CLASS, names, ENTRIES_MAX);

    for (int copies = 0; copies <= 1; copies++)
        for (int i = 0; i < count; i++) {
            if (!strchr(names[i], ':') || has_prefix(names[i], MMIO) != (copies == 1))
                continue;
            if (zones->count == ENERGY_CHANNELS_MAX)
                return -E2BIG;
            memcpy(zones->name[zones->count++], names[i], sizeof names[i]);
        }
    return count < 0 ? count : 0;
}

static bool is_directory(const char *sysroot, const char *path)
{
    char full[PATH_MAX];
    struct stat status;

    snprintf(full, sizeof full, "%s%s", sysroot, path);
    return stat(full, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The class's entries are links into TARGET. A container that covers TARGET leaves an empty
 * directory there, and links that lead nowhere; without any driver there is no TARGET. */
static bool is_masked(const char *sysroot, const struct zones *zones)
{
    char path[PATH_MAX];

    if (zones->count == 0)
        return is_directory(sysroot, TARGET) && !is_directory(sysroot, TARGET "/intel-rapl");
    for (int z = 0; z < zones->count; z++) {
        snprintf(path, sizeof path, CLASS "/%s", zones->name[z]);
        if (is_directory(sysroot, path))
            return false;
    }
    return true;
}

/* ---- one zone ---- */

static void set_name(struct energy_channel *channel, const char *name)
{
    snprintf(channel->name, sizeof channel->name, "%.*s", (int)sizeof channel->name - 1, name);
}

/* The zone that contains another: its name without the last number. -1: none. */
static int zone_above(const struct zones *zones, int zone)
{
    const char *name = zones->name[zone], *colon = strrchr(name, ':');

    for (int z = 0; z < zones->count; z++)
        if (strlen(zones->name[z]) == (size_t)(colon - name) &&
            strncmp(zones->name[z], name, (size_t)(colon - name)) == 0)
            return z;
    return -1;
}

static enum energy_role role_of(const char *zone, const char *name, bool has_parent)
{
    if (has_prefix(name, "package-"))
        return ENERGY_PACKAGE;
    if (strcmp(name, "dram") == 0)
        return ENERGY_DRAM;
    if (strcmp(name, "psys") == 0)
        return ENERGY_PLATFORM;
    if (!has_prefix(zone, "intel-rapl") && !has_parent)
        return ENERGY_BOARD; /* arm-scmi: firmware says what it is called, not what it holds */
    return ENERGY_PART;
}

/* The zone's own name, below its parent's. On AMD the zone `core` is one core: the driver reads the
 * counter on the package's first CPU only. */
static void name_zone(const char *sysroot, const char *zone, const char *name, const char *above,
                      struct energy_channel *channel)
{
    char full[160], vendor[32];

    if (strcmp(name, "core") == 0 &&
        !sysfs_field_text(sysroot, "/proc/cpuinfo", "vendor_id", vendor, sizeof vendor) &&
        (strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "HygonGenuine") == 0))
        name = "core-of-first-cpu";
    if (above)
        snprintf(full, sizeof full, "%s/%s", above, name);
    else
        snprintf(full, sizeof full, "%s%s", has_prefix(zone, MMIO) ? "mmio:" : "", name);
    set_name(channel, full);
}

static void fail(struct energy_channel *channel, const char *path, int error)
{
    const char *status = why_status(error);

    why_set(&channel->why, status, path, strcmp(status, "denied") == 0 ? fix_denied : NULL,
            "%s: %s", path, counter_error(error));
}

/* Counters are 32 bits wide; the file's range is the largest value, (2^32 - 1) units, so a unit
 * more is where they begin again. */
static void set_range(struct energy_channel *channel, int64_t range_uj)
{
    double unit_uj = (double)range_uj / 4294967295.0;

    unit_uj = unit_uj > 1 ? unit_uj : 1;
    channel->resolution = 1e-6 * unit_uj;
    channel->wrap = (uint64_t)range_uj + (uint64_t)llround(unit_uj);
}

static void open_energy(const char *sysroot, const char *zone, struct energy_channel *channel,
                        int *fd)
{
    char path[160];
    uint64_t value = 0;
    int64_t range_uj = 0;
    int error;

    snprintf(path, sizeof path, CLASS "/%s/energy_uj", zone);
    snprintf(channel->source, sizeof channel->source, "%s", path);
    channel->lsb = 1e-6;
    *fd = counter_open(sysroot, path);
    error = *fd < 0 ? *fd : counter_read(*fd, &value);
    if (error) {
        fail(channel, path, error);
        return;
    }
    snprintf(path, sizeof path, CLASS "/%s/max_energy_range_uj", zone);
    error = sysfs_int64(sysroot, path, &range_uj);
    if (error || range_uj <= 0) {
        fail(channel, path, error ? error : -EBADMSG);
        if (strcmp(channel->why.status, "denied") != 0)
            channel->why.status = "broken"; /* it counts, and where it wraps is not known */
        return;
    }
    set_range(channel, range_uj);
    if (value >= channel->wrap)
        why_set(&channel->why, "broken", channel->source, NULL,
                "%s: %llu is above the range of %lld", channel->source, (unsigned long long)value,
                (long long)range_uj);
}

/* arm-scmi has a power and no energy. */
static void open_power(const char *sysroot, const char *zone, struct energy_channel *channel,
                       int *fd)
{
    char path[160];
    uint64_t value;
    int error;

    snprintf(path, sizeof path, CLASS "/%s/power_uw", zone);
    *fd = counter_open(sysroot, path);
    if (*fd == -ENOENT)
        return; /* nor a power: what open_energy said holds */
    channel->power = true;
    snprintf(channel->source, sizeof channel->source, "%s", path);
    error = *fd < 0 ? *fd : counter_read(*fd, &value);
    if (error)
        fail(channel, path, error);
    else
        channel->why = (struct why){ .status = "ok" };
}

static void open_zone(struct powercap *p, const char *sysroot, const struct zones *zones, int zone,
                      struct energy_channel *channels)
{
    struct energy_channel *channel = &channels[zone];
    const char *directory = zones->name[zone];
    int above = zone_above(zones, zone);
    char path[160], name[64];
    int error;

    channel->why = (struct why){ .status = "ok" };
    channel->parent = -1;
    snprintf(path, sizeof path, CLASS "/%s/name", directory);
    error = sysfs_text(sysroot, path, name, sizeof name);
    if (error || !name[0]) {
        channel->role = ENERGY_PART;
        set_name(channel, directory);
        snprintf(channel->source, sizeof channel->source, "%s", path);
        fail(channel, path, error ? error : -ENODATA);
        return;
    }
    name_zone(sysroot, directory, name, above >= 0 ? channels[above].name : NULL, channel);
    channel->role = role_of(directory, name, above >= 0);
    if (channel->role == ENERGY_PART)
        channel->parent = above;
    open_energy(sysroot, directory, channel, &p->fd[zone]);
    if (p->fd[zone] == -ENOENT)
        open_power(sysroot, directory, channel, &p->fd[zone]);
}

/* ---- the tree ---- */

/* intel-rapl-mmio counts what intel-rapl counts, where both are there. */
static void mark_copies(struct energy_channel *channels, int count)
{
    for (int c = 0; c < count; c++)
        for (int o = 0; o < count && has_prefix(channels[c].name, "mmio:"); o++)
            if (strcmp(channels[o].name, channels[c].name + strlen("mmio:")) == 0) {
                channels[c].role = ENERGY_COPY;
                channels[c].parent = o;
            }
}

static int say_why_not(const char *sysroot, const struct zones *zones, int error, struct why *why)
{
    if (error == -ENOENT)
        why_set(why, "absent", CLASS, fix_absent, CLASS ": %s", strerror(ENOENT));
    else if (error)
        why_set(why, why_status(error), CLASS, NULL, CLASS ": %s", strerror(-error));
    else if (is_masked(sysroot, zones))
        why_set(why, "masked", CLASS, fix_masked,
                CLASS ": its zones are hidden: " TARGET " is empty");
    else
        why_set(why, "absent", CLASS, fix_absent, CLASS ": no zone in it");
    return error ? error : -ENODEV;
}

static void powercap_close(void *state)
{
    struct powercap *p = state;

    for (int c = 0; c < p->count; c++)
        if (p->fd[c] >= 0)
            close(p->fd[c]);
    free(p);
}

static int powercap_open(void **state, const struct meter_context *context,
                         struct energy_channel *channels, int max, struct why *why)
{
    struct zones zones = { 0 };
    struct powercap *p;
    int error = list_zones(context->sysroot, &zones);

    if (!error && zones.count > max)
        error = -E2BIG;
    if (error || zones.count == 0 || is_masked(context->sysroot, &zones))
        return say_why_not(context->sysroot, &zones, error, why);
    p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->count = zones.count;
    for (int z = 0; z < zones.count; z++) {
        p->fd[z] = -1;
        channels[z] = (struct energy_channel){ .provenance = routes_provenance(context) };
        open_zone(p, context->sysroot, &zones, z, channels);
    }
    mark_copies(channels, zones.count);
    routes_platform(channels, zones.count);
    *state = p;
    return zones.count;
}

static void powercap_read(void *state, int channel, struct energy_sample *sample)
{
    const struct powercap *p = state;

    routes_read_file(p->fd[channel], sample);
}

const struct energy_route energy_powercap = {
    .name = "powercap",
    .what = "RAPL and other zones of the kernel's powercap class (/sys/class/powercap)",
    .open = powercap_open,
    .read = powercap_read,
    .close = powercap_close,
};
