/* SPDX-License-Identifier: MIT
 *
 * What others took: ticks that the hypervisor gave to other guests (steal), ticks in which any CPU
 * of this machine was busy, this process included, and what is left of these without this process's
 * own CPU time. A tick is 1 / sysconf(_SC_CLK_TCK) s, so short samples see 0 or 1, and the rest can
 * be some ticks below 0: own time is exact, and ticks come whole. */
#include "harness/meter.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/energy/load.h"
#include "harness/store.h"

static const struct channel channels[] = {
    { "steal_ticks", "tick", PROVENANCE_COUNTED },
    { "busy_ticks", "tick", PROVENANCE_COUNTED },
    { "others_cpu_us", "us", PROVENANCE_COUNTED },
};
enum { STEAL, BUSY, OTHERS, CHANNELS };

struct steal {
    int fd;
    struct load_edge before;
};

static void steal_close(void *state)
{
    struct steal *s = state;

    close(s->fd);
    free(s);
}

static int steal_open(void **state, const struct meter_context *context, struct why *why)
{
    static const char path[] = "/proc/stat";
    const int fd = load_open(context->sysroot);
    struct steal *s = fd < 0 ? NULL : calloc(1, sizeof *s);

    if (fd < 0) {
        why_set(why, why_status(fd), path, NULL, "%s: %s", path, strerror(-fd));
        return fd;
    }
    if (!s) {
        close(fd);
        return -ENOMEM;
    }
    s->fd = fd;
    load_read(fd, &s->before);
    if (!s->before.known) {
        why_set(why, "broken", path, NULL, "%s: the cpu line has no steal column", path);
        steal_close(s);
        return -EBADMSG;
    }
    *state = s;
    return 0;
}

static void steal_start(void *state, const char *region)
{
    struct steal *s = state;

    (void)region;
    load_read(s->fd, &s->before);
}

/* Some hypervisors report steal that goes back. */
static struct reading difference(uint64_t before, uint64_t after, const char *back)
{
    if (after < before)
        return (struct reading){ .value = NAN, .reason = back };
    return (struct reading){ .value = (double)(after - before) };
}

static void steal_stop(void *state, struct reading *readings)
{
    struct steal *s = state;
    struct load_edge now;

    load_read(s->fd, &now);
    if (!s->before.known || !now.known) {
        for (int i = 0; i < CHANNELS; i++)
            readings[i] =
                (struct reading){ .value = NAN, .reason = "/proc/stat could not be read" };
        return;
    }
    readings[STEAL] = difference(s->before.steal, now.steal, "/proc/stat: steal went back");
    readings[BUSY] = difference(s->before.busy, now.busy, "/proc/stat: busy went back");
    readings[OTHERS] = readings[BUSY];
    if (!readings[OTHERS].reason)
        readings[OTHERS].value = readings[BUSY].value * 1e6 / (double)sysconf(_SC_CLK_TCK) -
                                 1e-3 * (double)(now.own_ns - s->before.own_ns);
}

const struct meter meter_steal = {
    .name = "steal",
    .what = "CPU time that the hypervisor took, and other processes (/proc/stat)",
    .channels = channels,
    .channel_count = CHANNELS,
    .open = steal_open,
    .start = steal_start,
    .stop = steal_stop,
    .close = steal_close,
};
