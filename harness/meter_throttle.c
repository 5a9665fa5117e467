/* SPDX-License-Identifier: MIT
 *
 * What held the CPUs back: how often a core or a package began to throttle itself because it was
 * too hot (x86's thermal interrupt, as sysfs counts it), and for how long the cgroup's quota of CPU
 * time was used up. A power limit is in neither: it shows in the frequency. */
#include "harness/meter.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/counter.h"
#include "harness/packages.h"
#include "harness/store.h"
#include "harness/sysfs.h"

static const struct channel channels[] = {
    { "throttle_core_count", "count", PROVENANCE_COUNTED },
    { "throttle_package_count", "count", PROVENANCE_COUNTED },
    { "throttle_quota_us", "us", PROVENANCE_COUNTED },
};
enum { CORE, PACKAGE, QUOTA, CHANNELS };
enum { FILES_MAX = 1024, CPUS_MAX = 4096, TEXT_MAX = 512 };

static const char *const words[CHANNELS] = {
    [CORE] =
        "no thermal_throttle/core_throttle_count in sysfs: Intel's CPUs have it, guests do not",
    [PACKAGE] = "no thermal_throttle/package_throttle_count in sysfs",
    [QUOTA] = "the cgroup's cpu.stat has no throttled time",
};

/* The files whose sum a channel is. */
struct files {
    int count, *fd; /* (count) */
    int error;      /* of the first edge */
    uint64_t before;
};

struct throttle {
    struct files files[CHANNELS];
    const char *key; /* of the quota's file */
    double us;       /* a count of it */
};

/* The number behind `key` in lines of "key number". */
static int read_field(int fd, const char *key, uint64_t *value)
{
    char text[TEXT_MAX], *line = text;
    const size_t n = strlen(key);
    const ssize_t length = pread(fd, text, sizeof text - 1, 0);

    if (length < 0)
        return -errno;
    text[length] = '\0';
    while (line) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (!strncmp(line, key, n) && line[n] == ' ')
            return counter_parse(line + n + 1, strlen(line + n + 1), value);
        line = next;
    }
    return -ENODATA;
}

static int read_sum(const struct throttle *t, int channel, uint64_t *sum)
{
    const struct files *f = &t->files[channel];
    uint64_t value = 0;
    int error = f->count ? 0 : -ENOENT;

    *sum = 0;
    for (int i = 0; i < f->count && !error; i++) {
        error = channel == QUOTA ? read_field(f->fd[i], t->key, &value)
                                 : counter_read(f->fd[i], &value);
        *sum += value;
    }
    return error;
}

static void throttle_close(void *state)
{
    struct throttle *t = state;

    for (int c = 0; c < CHANNELS; c++) {
        for (int i = 0; i < t->files[c].count; i++)
            close(t->files[c].fd[i]);
        free(t->files[c].fd);
    }
    free(t);
}

static int add_file(struct files *f, const char *sysroot, const char *path)
{
    const int fd = counter_open(sysroot, path);

    if (fd < 0)
        return fd;
    if (f->count == FILES_MAX) {
        close(fd);
        return -E2BIG;
    }
    f->fd[f->count++] = fd;
    return 0;
}

/* The siblings of a core share its counter: the first of them has it read. */
static void add_cores(struct throttle *t, const char *sysroot)
{
    char path[120], siblings[64];

    for (int cpu = 0; cpu < CPUS_MAX && t->files[CORE].count < FILES_MAX; cpu++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
                 cpu);
        if (sysfs_text(sysroot, path, siblings, sizeof siblings)) {
            if (cpu >= sysconf(_SC_NPROCESSORS_CONF))
                return;
            continue; /* switched off */
        }
        if (atoi(siblings) != cpu)
            continue;
        snprintf(path, sizeof path,
                 "/sys/devices/system/cpu/cpu%d/thermal_throttle/core_throttle_count", cpu);
        add_file(&t->files[CORE], sysroot, path);
    }
}

static void add_packages(struct throttle *t, const char *sysroot)
{
    int cpus[PACKAGES_MAX];
    const int count = packages_read(sysroot, cpus);
    char path[120];

    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path,
                 "/sys/devices/system/cpu/cpu%d/thermal_throttle/package_throttle_count", cpus[i]);
        add_file(&t->files[PACKAGE], sysroot, path);
    }
}

/* Version 2 counts microseconds, version 1 nanoseconds. Groups above may have a quota, too: theirs
 * is counted in the group whose it is, and not seen here. */
static void add_quota(struct throttle *t, const char *sysroot)
{
    static const char v1[] = "/sys/fs/cgroup/cpu/cpu.stat";
    struct files *f = &t->files[QUOTA];
    char path[PATH_MAX];
    uint64_t value;

    t->key = "throttled_usec";
    t->us = 1;
    if (!sysfs_cgroup(sysroot, "cpu.stat", path, sizeof path) && !add_file(f, sysroot, path) &&
        read_sum(t, QUOTA, &value)) /* the root's has no such line */
        close(f->fd[--f->count]);
    if (f->count)
        return;
    t->key = "throttled_time";
    t->us = 1e-3;
    if (!add_file(f, sysroot, v1) && read_sum(t, QUOTA, &value))
        close(f->fd[--f->count]);
}

static int throttle_open(void **state, const struct meter_context *context, struct why *why)
{
    struct throttle *t = calloc(1, sizeof *t);
    int known = 0;

    for (int c = 0; t && c < CHANNELS; c++)
        if (!(t->files[c].fd = calloc(FILES_MAX, sizeof(int)))) {
            throttle_close(t);
            t = NULL;
        }
    if (!t)
        return -ENOMEM;
    add_cores(t, context->sysroot);
    add_packages(t, context->sysroot);
    add_quota(t, context->sysroot);
    for (int c = 0; c < CHANNELS; c++)
        known += t->files[c].count > 0;
    if (!t->files[CORE].count)
        why_set(why, "absent", "/sys/devices/system/cpu/cpu*/thermal_throttle", NULL, "%s",
                words[CORE]);
    if (known) {
        *state = t;
        return 0;
    }
    throttle_close(t);
    return -ENOENT;
}

static void throttle_start(void *state, const char *region)
{
    struct throttle *t = state;

    (void)region;
    for (int c = 0; c < CHANNELS; c++)
        t->files[c].error = read_sum(t, c, &t->files[c].before);
}

static void throttle_stop(void *state, struct reading *readings)
{
    struct throttle *t = state;

    for (int c = CHANNELS - 1; c >= 0; c--) {
        const struct files *f = &t->files[c];
        uint64_t now = 0;
        const int error = f->error ? f->error : read_sum(t, c, &now);

        if (!error && now >= f->before)
            readings[c] =
                (struct reading){ .value = (double)(now - f->before) * (c == QUOTA ? t->us : 1) };
        else
            readings[c] = (struct reading){ .value = NAN,
                                            .reason = !f->count ? words[c]
                                                      : error ? "a file could not be read any more"
                                                              : "the count went back" };
    }
}

const struct meter meter_throttle = {
    .name = "throttle",
    .what = "thermal throttling of cores and packages, and the cgroup's CPU quota",
    .channels = channels,
    .channel_count = CHANNELS,
    .open = throttle_open,
    .start = throttle_start,
    .stop = throttle_stop,
    .close = throttle_close,
};
