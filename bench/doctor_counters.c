/* SPDX-License-Identifier: MIT
 *
 * Counters, as their meters count them around a short loop: those of --events, or of this CPU's own
 * set; and PAPI's, in a process of its own. */
#include "bench/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "harness/counters/counters.h"
#include "harness/counters/sets.h"
#include "harness/counters/sysfs_pmu.h"
#include "harness/sysfs.h"

/* Groups take turns: enough rounds for all of them. */
enum { ROUNDS = PERF_GROUPS_MAX + 1, SPIN = 300000 };

static void spin(void)
{
    for (volatile int i = 0; i < SPIN;)
        i = i + 1;
}

/* The last reading of each channel that was its own turn. */
static void count(const struct meter *meter, void *state, int channels, struct reading *readings)
{
    struct reading sample[SAMPLE_READINGS_MAX];

    for (int i = 0; i < channels; i++)
        readings[i] = (struct reading){ .reason = meter_not_its_turn };
    for (int round = 0; round < ROUNDS; round++) {
        meter->start(state, "doctor");
        spin();
        meter->stop(state, sample);
        for (int i = 0; i < channels; i++)
            if (sample[i].reason != meter_not_its_turn)
                readings[i] = sample[i];
    }
}

static void channel_row(struct doctor *d, const struct channel *channel,
                        const struct reading *reading, const struct why *why)
{
    char tried[160];

    snprintf(tried, sizeof tried, "%s, around a short loop", channel->name);
    if (!reading->reason)
        doctor_row(d, "counters", channel->name, "ok", tried, NULL, "%.0f %s%s%s", reading->value,
                   channel->unit, reading->note ? "; " : "", reading->note ? reading->note : "");
    else if (why && why->status && strcmp(why->status, "ok") != 0)
        doctor_why(d, "counters", channel->name, why, tried);
    else
        doctor_row(d, "counters", channel->name, "broken", tried, NULL, "%s", reading->reason);
}

/* Opens the meter on the events and shows every channel. why_of: of a channel; NULL: what open
 * says holds for the only one. */
static void show(struct doctor *d, const struct meter *meter, const char *events,
                 const struct why *(*why_of)(const void *state, int channel))
{
    struct meter_context context = *d->context;
    struct reading readings[SAMPLE_READINGS_MAX];
    struct why why = { .status = NULL };
    void *state;
    int channels;

    context.events = events;
    const int error = meter->open(&state, &context, &why);
    if (error) {
        if (!why.status)
            why_set(&why, why_status(error), meter->what, NULL, "%s", strerror(-error));
        doctor_why(d, "counters", events ? events : meter->name, &why, meter->what);
        return;
    }
    const struct channel *list = meter->list(state, &channels);
    channels = channels < SAMPLE_READINGS_MAX ? channels : SAMPLE_READINGS_MAX;
    count(meter, state, channels, readings);
    for (int i = 0; i < channels; i++)
        channel_row(d, &list[i], &readings[i], why_of ? why_of(state, i) : &why);
    meter->close(state);
}

/* Queries say yes to events that do not exist: each is counted. */
static void show_papi(struct doctor *d, const char *name)
{
    static const char *const events[] = { "papi:perf::TASK-CLOCK", "papi:PAPI_TOT_CYC",
                                          "papi:PAPI_TOT_INS" };

    (void)name;
    for (size_t e = 0; e < sizeof events / sizeof *events; e++)
        show(d, &meter_papi, events[e], NULL);
}

static void pmu_row(struct doctor *d)
{
    char pmu[64] = "";
    const bool there = sysfs_pmu_core(d->sysroot, pmu, sizeof pmu);
    const struct sets_set *set = sets_choose(d->context->cpu);

    if (there)
        doctor_row(d, "counters", "pmu", "ok", SYSFS_PMU_DEVICES, NULL, "%s; events of %s (%s)",
                   pmu, set->name, set->what);
    else
        doctor_row(d, "counters", "pmu", "absent", SYSFS_PMU_DEVICES,
                   d->context->virtual_machine
                       ? "give the guest a PMU (KVM: -cpu host,pmu=on) or run on the host"
                       : "switch the PMU on in the firmware; load its driver",
                   "no PMU of a core: software events only");
}

static void paranoid_row(struct doctor *d)
{
    static const char path[] = "/proc/sys/kernel/perf_event_paranoid";
    int64_t level;
    const int error = sysfs_int64(d->sysroot, path, &level);

    if (error)
        doctor_row(d, "counters", "paranoid", why_status(error), path,
                   "a kernel with CONFIG_PERF_EVENTS", "%s", strerror(-error));
    else if (level > 2)
        doctor_row(d, "counters", "paranoid", "denied", path, "sysctl kernel.perf_event_paranoid=2",
                   "%" PRId64 ": no event at all without CAP_PERFMON", level);
    else
        doctor_row(d, "counters", "paranoid", "ok", path,
                   level > 0 ? "sysctl kernel.perf_event_paranoid=0 for CPU-wide and energy events"
                             : NULL,
                   "%" PRId64 ": %s", level,
                   level > 0 ? "events of this process only, unless CAP_PERFMON"
                             : "events of the whole CPU too");
}

void doctor_counters(struct doctor *d)
{
    pmu_row(d);
    paranoid_row(d);
    show(d, &meter_counters, d->context->events, counters_why);
    if (*d->sysroot)
        doctor_row(d, "counters", "papi", "skipped", "PAPI_start", NULL,
                   "not tried below a sysroot");
    else
        doctor_apart(d, "counters", "papi", show_papi);
}
