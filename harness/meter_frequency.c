/* SPDX-License-Identifier: MIT
 *
 * The frequency of the CPUs as cpufreq tells it, read when the region ends: on x86 a mean over the
 * last tick or so, elsewhere what the driver asked for. Idle CPUs count in the mean; the maximum is
 * that of a CPU at work. */
#include "harness/meter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/store.h"
#include "harness/sysfs.h"

static const struct channel channels[] = {
    { "frequency_max_khz", "kHz", PROVENANCE_COUNTED },
    { "frequency_mean_khz", "kHz", PROVENANCE_COUNTED },
};
enum { CHANNELS = sizeof channels / sizeof channels[0], CPUS_MAX = 4096 };

struct frequency {
    char *sysroot;
    int cpus, cpu[]; /* those that have the file */
};

static int read_khz(const char *sysroot, int cpu, int64_t *khz)
{
    char path[96];

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", cpu);
    return sysfs_int64(sysroot, path, khz);
}

static void frequency_close(void *state)
{
    struct frequency *f = state;

    free(f->sysroot);
    free(f);
}

/* The last CPU number that the system may have; a hole in the numbers is a CPU that is off. */
static int last_cpu(const char *sysroot)
{
    char text[256];
    const char *number = text;

    if (sysfs_text(sysroot, "/sys/devices/system/cpu/possible", text, sizeof text))
        return 0;
    for (const char *c = text; *c; c++) /* "0-7" or "0,2-15" */
        if (*c == '-' || *c == ',')
            number = c + 1;
    return atoi(number);
}

static int frequency_open(void **state, const struct meter_context *context, struct why *why)
{
    const char *sysroot = context->sysroot;
    int last = last_cpu(sysroot), error = -ENOMEM;
    int64_t khz;
    struct frequency *f;

    if (last < 0 || last >= CPUS_MAX)
        last = CPUS_MAX - 1;
    f = calloc(1, sizeof *f + ((size_t)last + 1) * sizeof f->cpu[0]);
    if (f)
        f->sysroot = strdup(sysroot);
    if (!f || !f->sysroot)
        goto out;
    for (int cpu = 0; cpu <= last; cpu++)
        if (read_khz(sysroot, cpu, &khz) == 0)
            f->cpu[f->cpus++] = cpu;
    if (f->cpus > 0) {
        *state = f;
        return 0;
    }
    error = read_khz(sysroot, 0, &khz);
    if (!error) /* it came back in between */
        error = -EAGAIN;
    why_set(why, why_status(error), "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", NULL,
            "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq: %s: no cpufreq driver (usual "
            "in a virtual machine)",
            strerror(-error));
out:
    if (f)
        frequency_close(f);
    return error;
}

static void frequency_start(void *state, const char *region)
{
    (void)region;
    (void)state; /* a state, not a counter: one reading at the end */
}

static void frequency_stop(void *state, struct reading *readings)
{
    const struct frequency *f = state;
    double most = 0, sum = 0;
    int count = 0;

    for (int i = 0; i < f->cpus; i++) {
        int64_t khz;

        if (read_khz(f->sysroot, f->cpu[i], &khz) || khz <= 0)
            continue; /* switched off since */
        most = fmax(most, (double)khz);
        sum += (double)khz;
        count++;
    }
    if (count > 0) {
        readings[0] = (struct reading){ .value = most };
        readings[1] = (struct reading){ .value = sum / count };
        return;
    }
    readings[0] = readings[1] =
        (struct reading){ .value = NAN, .reason = "scaling_cur_freq could not be read any more" };
}

const struct meter meter_frequency = {
    .name = "frequency",
    .what = "frequency of the CPUs at the end of a sample (cpufreq)",
    .channels = channels,
    .channel_count = CHANNELS,
    .open = frequency_open,
    .start = frequency_start,
    .stop = frequency_stop,
    .close = frequency_close,
};
