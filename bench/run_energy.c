/* SPDX-License-Identifier: MIT */
#include "bench/run_energy.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/energy/windows.h"

enum { SETTLE_S = 3, TRACE_MAX = 1 << 16 };

/* ---- what there is ---- */

static void record(struct run *run, int error)
{
    if (error && !run->broken) {
        run_refuse(run->command, "%s", store_error(run->store));
        run->broken = -EIO;
    }
}

static void record_meters(struct run *run)
{
    for (int i = 0; meters[i] && run->meters; i++)
        record(run, store_meter(run->store, run->id, "meter", meters[i]->name,
                                meter_set_why(run->meters, i)));
    for (int i = 0; run->energy && i < energy_route_count(run->energy); i++)
        record(run,
               store_meter(run->store, run->id, "energy route", energy_route(run->energy, i)->name,
                           energy_route_why(run->energy, i)));
}

static void record_channels(struct run *run)
{
    const int count = run->energy ? energy_channel_count(run->energy) : 0;

    run->energy_names = calloc((size_t)count + 1, sizeof *run->energy_names);
    for (int i = 0; i < count && run->energy_names; i++) {
        const struct energy_channel *channel = energy_channel(run->energy, i);
        const char *route = energy_route(run->energy, energy_channel_route(run->energy, i))->name;
        struct joules_name *name = &run->energy_names[i];

        snprintf(name->name, sizeof name->name, "%s: %s", route, channel->name);
        name->provenance = channel->provenance;
        record(run, store_energy_channel(run->store, run->id, route, channel));
    }
    if (count && !run->energy_names)
        run->broken = -ENOMEM;
}

static void record_cost(struct run *run, const char *name, const char *of, int64_t ns,
                        const char *reason)
{
    char fact[80], text[32];

    snprintf(fact, sizeof fact, "%s%s%s", name, of ? "." : "", of ? of : "");
    snprintf(text, sizeof text, "%lld", (long long)ns);
    record(run, store_fact(run->store, run->id, fact, reason ? NULL : text, reason));
}

/* What it takes to read every meter around nothing, and each way to energy at a window's edges. */
static void record_overhead(struct run *run)
{
    if (run->meters)
        meter_set_measure(run->meters, clock_ns);
    run->region_ns = run->meters ? meter_set_fit(run->meters, 0) : 0;
    record_cost(run, "region_overhead_ns", NULL, run->region_ns,
                run->meters ? NULL : "the meters could not be opened");
    for (int i = 0; meters[i] && run->meters; i++)
        record_cost(run, "meter_overhead_ns", meters[i]->name, meter_set_cost_ns(run->meters, i),
                    meter_set_is_open(run->meters, i) ? NULL : meter_set_why(run->meters, i)->said);
    for (int r = 0; run->energy && r < energy_route_count(run->energy); r++) {
        const struct why *why = energy_route_why(run->energy, r);

        record_cost(run, "edges_overhead_ns", energy_route(run->energy, r)->name,
                    energy_route_cost_ns(run->energy, r),
                    strcmp(why->status, "ok") == 0 ? NULL : why->said);
    }
}

void run_meters_open(struct run *run)
{
    /* First: its guard thread is not among those that the counters of the second count. */
    const int error = energy_open(&run->energy, &run->context, energy_routes);

    if (error) {
        run->energy = NULL;
        snprintf(run->no_energy, sizeof run->no_energy, "energy could not be opened: %s",
                 strerror(-error));
    }
    if (meter_set_open(&run->meters, meters, &run->context))
        run->meters = NULL;
    record_meters(run);
    record_channels(run);
    record_overhead(run);
    if (!run_energy_reason(run))
        record(run, store_run_certify(run->store, run->id, energy_domains(run->energy),
                                      energy_provenance(run->energy)));
}

void run_meters_close(struct run *run)
{
    if (run->energy)
        energy_close(run->energy);
    free(run->energy_names);
    meter_set_close(run->meters);
}

const char *run_energy_reason(const struct run *run)
{
    if (!run->energy)
        return run->no_energy;
    return energy_domains(run->energy) ? NULL : energy_reason(run->energy);
}

/* ---- windows ---- */

struct energy_sink {
    struct run *run;
    const int64_t *cells; /* of the workloads */
};

static int keep_window(void *arg, int workload, int round, int runs,
                       const struct energy_window *window)
{
    const struct energy_sink *sink = arg;
    struct run *run = sink->run;
    const struct window_place place = { run->id, workload < 0 ? 0 : sink->cells[workload],
                                        run->series, round, runs };

    record(run, store_window(run->store, &place, window, run->energy_names,
                             energy_channel_count(run->energy), energy_domains(run->energy),
                             energy_provenance(run->energy)));
    return run->broken;
}

/* What the guard saw since the last time. */
static void keep_trace(struct run *run)
{
    struct energy_trace *points = malloc(TRACE_MAX * sizeof *points);
    const int n = points ? energy_trace_read(run->energy, points, TRACE_MAX) : 0;
    int first = 0;

    while (first < n && points[first].time_ns <= run->trace_ns)
        first++;
    if (first < n) {
        record(run, store_trace(run->store, run->id, points + first, n - first, run->energy_names));
        run->trace_ns = points[n - 1].time_ns;
    }
    free(points);
}

int run_energy_measure(struct run *run, const struct workload *workloads, const int64_t *cells,
                       int count, uint64_t seed, struct outcome *outcomes)
{
    struct workload list[RUN_WORKLOADS_MAX];
    int64_t list_cells[RUN_WORKLOADS_MAX];
    int place[RUN_WORKLOADS_MAX], errors[RUN_WORKLOADS_MAX] = { 0 }, n = 0;
    struct energy_sink sink = { run, list_cells };
    const struct windows_plan plan = { .windows = (int)run->config->energy_windows,
                                       .idle_s = (double)run->config->idle_s,
                                       .settle_s = run->config->idle_s ? SETTLE_S : 0,
                                       .seed = seed,
                                       .stop = &run_stop };

    for (int i = 0; i < count; i++)
        if (!outcomes[i].error && outcomes[i].samples) {
            list[n] = workloads[i];
            list_cells[n] = cells[i];
            place[n++] = i;
        }
    if (run_energy_reason(run) || !n || run->broken)
        return run->broken;
    const int64_t start = clock_ns();
    run_progress(run, "energy: %d windows of %d workloads, %.1f s each at least, %d s idle around",
                 plan.windows, n, (double)energy_window_ns(run->energy) * 1e-9, (int)plan.idle_s);
    run->series++;
    const int error = windows_measure(run->energy, list, n, &plan, keep_window, &sink, errors);
    keep_trace(run);
    for (int i = 0; i < n; i++)
        outcomes[place[i]].error = errors[i];
    if (run->deadline_ns) /* joules come on top of the time for samples */
        run->deadline_ns += clock_ns() - start;
    return run->broken ? run->broken : error;
}
