/* SPDX-License-Identifier: MIT
 *
 * What others took: ticks that the hypervisor gave to other guests (steal) and ticks in which any
 * CPU of this machine was busy, this process included (less cpu_time_us of `sched`: the others).
 * A tick is 1 / sysconf(_SC_CLK_TCK) s, so short samples see 0 or 1. */
#include "harness/meter.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/store.h"
#include "harness/sysfs.h"

static const struct channel channels[] = {
    { "steal_ticks", "tick", PROVENANCE_COUNTED },
    { "busy_ticks", "tick", PROVENANCE_COUNTED },
};
enum { CHANNELS = sizeof channels / sizeof channels[0] };

struct ticks {
    bool known;
    double steal, busy;
};
struct steal {
    char *sysroot;
    struct ticks before;
};

/* user nice system idle iowait irq softirq steal ...: guest time is inside user's. */
static int read_ticks(const char *sysroot, struct ticks *ticks)
{
    char line[256];
    unsigned long long user, nice, system, irq, softirq, steal;
    int error = sysfs_field_text(sysroot, "/proc/stat", "cpu", line, sizeof line);

    ticks->known = false;
    if (error)
        return error;
    if (sscanf(line, "%llu %llu %llu %*u %*u %llu %llu %llu", &user, &nice, &system, &irq, &softirq,
               &steal) != 6)
        return -EBADMSG;
    ticks->steal = (double)steal;
    ticks->busy = (double)(user + nice + system + irq + softirq);
    ticks->known = true;
    return 0;
}

static void steal_close(void *state)
{
    struct steal *s = state;

    free(s->sysroot);
    free(s);
}

static int steal_open(void **state, const struct meter_context *context, struct why *why)
{
    struct steal *s = calloc(1, sizeof *s);
    int error = -ENOMEM;

    if (!s)
        goto out;
    s->sysroot = strdup(context->sysroot);
    error = s->sysroot ? read_ticks(context->sysroot, &s->before) : -ENOMEM;
    if (!error) {
        *state = s;
        return 0;
    }
    steal_close(s);
out:
    why_set(why, why_status(error), "/proc/stat", NULL, "/proc/stat: %s",
            error == -EBADMSG ? "the cpu line has no steal column" : strerror(-error));
    return error;
}

static void steal_start(void *state, const char *region)
{
    struct steal *s = state;

    (void)region;
    read_ticks(s->sysroot, &s->before);
}

static void steal_stop(void *state, struct reading *readings)
{
    struct steal *s = state;
    struct ticks now;

    read_ticks(s->sysroot, &now);
    if (!s->before.known || !now.known) {
        readings[0] = readings[1] =
            (struct reading){ .value = NAN, .reason = "/proc/stat could not be read" };
        return;
    }
    readings[0] = (struct reading){ .value = now.steal - s->before.steal };
    readings[1] = (struct reading){ .value = now.busy - s->before.busy };
    /* Some hypervisors report steal that goes back. */
    if (readings[0].value < 0)
        readings[0] = (struct reading){ .value = NAN, .reason = "/proc/stat: steal went back" };
    if (readings[1].value < 0)
        readings[1] = (struct reading){ .value = NAN, .reason = "/proc/stat: busy went back" };
}

const struct meter meter_steal = {
    .name = "steal",
    .what = "CPU ticks that the hypervisor took, and busy ticks of all CPUs (/proc/stat)",
    .channels = channels,
    .channel_count = CHANNELS,
    .open = steal_open,
    .start = steal_start,
    .stop = steal_stop,
    .close = steal_close,
};
