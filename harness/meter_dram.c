/* SPDX-License-Identifier: MIT
 *
 * What the memory controllers moved, by their PMUs: reads and writes of every process and device of
 * the machine, prefetch included. Where a core's own events count lines from DRAM they are in its
 * set (counters/sets.h, dram_bytes). */
#include "harness/meter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/counters/counters.h"
#include "harness/counters/events.h"
#include "harness/counters/sysfs_pmu.h"
#include "harness/store.h"

enum { DIRECTIONS = 2, PARTS = 2, EVENTS = DIRECTIONS * PARTS };

static const struct channel channels[DIRECTIONS] = {
    { "dram_read_bytes", "B", PROVENANCE_COUNTED },
    { "dram_write_bytes", "B", PROVENANCE_COUNTED },
};

/* Best first: the first whose events sysfs all names. The kernel gives Intel's a scale in MiB; a
 * count without one is a line. */
static const struct controller {
    const char *pmu; /* all boxes: pmu_0, pmu_1, ... */
    const char *event[DIRECTIONS][PARTS];
} controllers[] = {
    /* Intel's servers, to Emerald Rapids; from Granite Rapids on, by sub-channels */
    { "uncore_imc", { { "cas_count_read" }, { "cas_count_write" } } },
    { "uncore_imc",
      { { "cas_count_read_sch0", "cas_count_read_sch1" },
        { "cas_count_write_sch0", "cas_count_write_sch1" } } },
    /* its clients, from Ice Lake on, and before */
    { "uncore_imc_free_running", { { "data_read" }, { "data_write" } } },
    { "uncore_imc", { { "data_reads" }, { "data_writes" } } },
    /* AMD, where the kernel names its events */
    { "amd_umc", { { "umc_cas_cmd.rd" }, { "umc_cas_cmd.wr" } } },
};
enum { CONTROLLERS = sizeof controllers / sizeof *controllers };
static const double LINE_BYTES = 64, MIB_BYTES = 1048576;

static const char note[] = "of the whole machine: all its processes and devices";

struct dram {
    struct perf *perf;
    int events, direction[EVENTS];
    struct perf_event event[EVENTS];
};

/* 0; -ENOENT: sysfs does not name this PMU or this event. */
static int add_event(struct dram *dram, const char *sysroot, const char *pmu, const char *name,
                     int direction, struct why *why)
{
    struct perf_event *event = &dram->event[dram->events];
    char terms[EVENTS_NAME_MAX];
    int error;

    snprintf(terms, sizeof terms, "%s/%s/", pmu, name);
    error = events_parse(terms, sysroot, sets_find("generic"), event, why);
    if (error)
        return error == -EINVAL ? -ENOENT : error;
    if (strcmp(event->unit, "MiB") == 0) {
        event->scale *= MIB_BYTES;
    } else if (strcmp(event->unit, "count") == 0) {
        event->scale *= LINE_BYTES;
    } else {
        why_set(why, "broken", terms, NULL, "%s: its unit '%s' is not known here", terms,
                event->unit);
        return -EBADMSG;
    }
    dram->direction[dram->events++] = direction;
    return 0;
}

static int find_events(struct dram *dram, const char *sysroot, struct why *why)
{
    int error = -ENOENT;

    for (int c = 0; c < CONTROLLERS && error == -ENOENT; c++) {
        dram->events = 0;
        error = 0;
        for (int d = 0; d < DIRECTIONS; d++)
            for (int p = 0; p < PARTS && controllers[c].event[d][p] && !error; p++)
                error = add_event(dram, sysroot, controllers[c].pmu, controllers[c].event[d][p], d,
                                  why);
    }
    if (error == -ENOENT)
        why_set(
            why, "absent", SYSFS_PMU_DEVICES,
            "modprobe intel_uncore or amd_uncore; a virtual machine has none",
            "no PMU of a memory controller that names reads and writes (uncore_imc*, amd_umc*)");
    return error;
}

static void dram_close(void *state)
{
    struct dram *dram = state;

    perf_close(dram->perf);
    free(dram);
}

static int dram_open(void **state, const struct meter_context *context, struct why *why)
{
    const struct perf_system *kernel = counters_system();
    struct dram *dram;
    int error;

    if (context->sysroot[0] && kernel == &perf_linux) {
        why_set(why, "skipped", "perf_event_open", NULL, "not tried below a sysroot");
        return -ENODEV;
    }
    dram = calloc(1, sizeof *dram);
    if (!dram)
        return -ENOMEM;
    error = find_events(dram, context->sysroot, why);
    if (!error)
        error = perf_open(&dram->perf, dram->event, dram->events, context->sysroot, kernel);
    for (int i = 0; i < dram->events && !error; i++) { /* a part of the traffic is none of it */
        if (strcmp(perf_why(dram->perf, i)->status, "ok") == 0)
            continue;
        *why = *perf_why(dram->perf, i);
        error = -ENODEV;
    }
    if (error) {
        dram_close(dram);
        return error;
    }
    *why = (struct why){ .status = "ok" };
    *state = dram;
    return 0;
}

static void dram_start(void *state, const char *region)
{
    perf_start(((struct dram *)state)->perf, region);
}

static void dram_stop(void *state, struct reading *readings)
{
    const struct dram *dram = state;
    struct reading counted[EVENTS];

    perf_stop(dram->perf, counted);
    for (int d = 0; d < DIRECTIONS; d++)
        readings[d] = (struct reading){ .value = 0, .note = note };
    for (int i = 0; i < dram->events; i++) {
        struct reading *sum = &readings[dram->direction[i]];

        sum->value += counted[i].value; /* NAN stays */
        if (counted[i].reason)
            sum->reason = counted[i].reason;
        if (counted[i].note)
            sum->note = counted[i].note;
    }
}

const struct meter meter_dram = {
    .name = "dram",
    .what = "bytes that the memory controllers moved, for the whole machine (uncore PMUs)",
    .channels = channels,
    .channel_count = DIRECTIONS,
    .open = dram_open,
    .start = dram_start,
    .stop = dram_stop,
    .close = dram_close,
};
