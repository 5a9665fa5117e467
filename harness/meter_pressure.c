/* SPDX-License-Identifier: MIT
 *
 * Pressure stall information: the time in which some task of this machine waited for a CPU, for
 * memory or for a disk. The totals of /proc/pressure are brought up to date when they are read, to
 * the microsecond. Our own threads count, too: more of them than CPUs press each other. */
#include "harness/meter.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/counter.h"
#include "harness/store.h"

static const struct channel channels[] = {
    { "pressure_cpu_us", "us", PROVENANCE_COUNTED },
    { "pressure_memory_us", "us", PROVENANCE_COUNTED },
    { "pressure_io_us", "us", PROVENANCE_COUNTED },
};
enum { CHANNELS = sizeof channels / sizeof channels[0], TEXT_MAX = 256 };

static const char *const paths[CHANNELS] = { "/proc/pressure/cpu", "/proc/pressure/memory",
                                             "/proc/pressure/io" };

struct pressure {
    int fd[CHANNELS], error[CHANNELS]; /* error: of the last edge */
    uint64_t before[CHANNELS];
    char reason[CHANNELS][96];
};

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=66494056". */
static int read_total(int fd, uint64_t *total)
{
    static const char some[] = "some ", key[] = " total=";
    char text[TEXT_MAX];
    const ssize_t length = pread(fd, text, sizeof text - 1, 0);
    const char *at;

    if (length < 0)
        return -errno;
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    at = strncmp(text, some, sizeof some - 1) ? NULL : strstr(text, key);
    if (!at)
        return -EBADMSG;
    at += sizeof key - 1;
    return counter_parse(at, strlen(at), total);
}

static void pressure_close(void *state)
{
    struct pressure *p = state;

    for (int i = 0; i < CHANNELS; i++)
        if (p->fd[i] >= 0)
            close(p->fd[i]);
    free(p);
}

static int pressure_open(void **state, const struct meter_context *context, struct why *why)
{
    static const char fix[] = "Linux 4.20 or later with CONFIG_PSI; where it is off by default, "
                              "boot with psi=1";
    struct pressure *p = calloc(1, sizeof *p);
    int known = 0;

    if (!p)
        return -ENOMEM;
    for (int i = 0; i < CHANNELS; i++) {
        p->fd[i] = counter_open(context->sysroot, paths[i]);
        /* Switched off, the files open, and cannot be read. */
        p->error[i] = p->fd[i] < 0 ? p->fd[i] : read_total(p->fd[i], &p->before[i]);
        snprintf(p->reason[i], sizeof p->reason[i], "%s: %s", paths[i], strerror(-p->error[i]));
        if (p->error[i] && !why->status)
            why_set(why, why_status(p->error[i]), paths[i], fix, "%s", p->reason[i]);
        known += !p->error[i];
    }
    if (known) {
        *state = p;
        return 0;
    }
    const int error = p->error[0];
    pressure_close(p);
    return error;
}

static void pressure_start(void *state, const char *region)
{
    struct pressure *p = state;

    (void)region;
    for (int i = 0; i < CHANNELS; i++)
        if (p->fd[i] >= 0)
            p->error[i] = read_total(p->fd[i], &p->before[i]);
}

static void pressure_stop(void *state, struct reading *readings)
{
    struct pressure *p = state;

    for (int i = CHANNELS - 1; i >= 0; i--) {
        uint64_t now = 0;
        int error = p->error[i];

        if (!error)
            error = read_total(p->fd[i], &now);
        readings[i] = (struct reading){ .value = NAN, .reason = p->reason[i] };
        if (!error && now >= p->before[i])
            readings[i] = (struct reading){ .value = (double)(now - p->before[i]) };
        else if (!error || p->fd[i] >= 0)
            snprintf(p->reason[i], sizeof p->reason[i], "%s: %s", paths[i],
                     error ? strerror(-error) : "its total went back");
    }
}

const struct meter meter_pressure = {
    .name = "pressure",
    .what = "time in which some task waited for a CPU, memory or a disk (/proc/pressure)",
    .channels = channels,
    .channel_count = CHANNELS,
    .open = pressure_open,
    .start = pressure_start,
    .stop = pressure_stop,
    .close = pressure_close,
};
