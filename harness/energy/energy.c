/* SPDX-License-Identifier: MIT */
#include "harness/energy/energy_open.h"

#include <math.h>
#include <stdio.h>

/* ---- what there is ---- */

int energy_route_count(const struct energy *energy)
{
    return energy->routes;
}

const struct energy_route *energy_route(const struct energy *energy, int route)
{
    return energy->opened[route].route;
}

const struct why *energy_route_why(const struct energy *energy, int route)
{
    return &energy->opened[route].why;
}

int64_t energy_route_cost_ns(const struct energy *energy, int route)
{
    return energy->opened[route].cost_ns;
}

int energy_channel_count(const struct energy *energy)
{
    return energy->channels;
}

const struct energy_channel *energy_channel(const struct energy *energy, int channel)
{
    return &energy->channel[channel];
}

int energy_channel_route(const struct energy *energy, int channel)
{
    return energy->route_of[channel];
}

const char *energy_domains(const struct energy *energy)
{
    return energy->has_total ? energy->domains : NULL;
}

const char *energy_reason(const struct energy *energy)
{
    return energy->has_total ? NULL : energy->reason;
}

const char *energy_provenance(const struct energy *energy)
{
    return energy->provenance;
}

int64_t energy_window_ns(const struct energy *energy)
{
    double window_s = energy->rules.window_s, edges_s = 0;

    for (int r = 0; r < energy->routes; r++)
        edges_s += 1e-9 * (double)energy->opened[r].cost_ns;
    if (energy->rules.edges_share > 0 && edges_s / energy->rules.edges_share > window_s)
        window_s = edges_s / energy->rules.edges_share;
    for (int i = 0; i < energy->channels; i++) {
        double needed_s = energy->rules.window_periods * energy->channel[i].period_s;

        if (energy->in_total[i] && needed_s > window_s)
            window_s = needed_s;
    }
    return (int64_t)ceil(1e9 * window_s); /* no shorter by a rounding */
}

int energy_trace_read(struct energy *energy, struct energy_trace *trace, int max)
{
    return guard_trace(energy->guard, trace, max);
}

/* ---- a window ---- */

int energy_aligned(const struct energy *energy)
{
    return energy->align.source < 0 ? -1 : energy->source[energy->align.source].channel;
}

bool energy_updated(struct energy *energy, int64_t run_ns)
{
    return energy->align.source < 0 || align_updated(&energy->align, run_ns);
}

/* An update, and at once the other channels: what of them updates together is aligned, too. */
void energy_begin(struct energy *energy)
{
    const int aligned = energy->align.source;

    if (aligned >= 0)
        align_wait(&energy->align);
    load_read(energy->stat_fd, &energy->begin);
    energy->begin.guard_ns = guard_cpu_ns(energy->guard);
    for (int s = 0; s < energy->sources; s++) {
        struct energy_sample sample;

        guard_begin(energy->guard, s, &sample);
        if (s == aligned)
            align_begin(&energy->align, &sample);
    }
    energy->start_ns = clock_ns();
}

static void withhold(struct joules *joules, const char *reason)
{
    *joules = (struct joules){ .value = NAN, .uncertainty = NAN, .bound = NAN, .reason = reason };
}

/* Channels are added as if their edges were off in the same direction: sockets may update at one
 * time. */
static void add_total(const struct energy *energy, struct energy_window *window)
{
    struct joules *total = &window->total;

    *total = (struct joules){ 0 };
    if (!energy->has_total) {
        withhold(total, energy->reason);
        return;
    }
    for (int i = 0; i < energy->channels; i++) {
        const struct joules *joules = &window->joules[i];

        if (!energy->in_total[i])
            continue;
        if (joules->reason) {
            if (window->state != WINDOW_INVALID)
                snprintf(window->reason, sizeof window->reason, "%s", joules->reason);
            window->state = WINDOW_INVALID;
            withhold(total, joules->reason);
            return;
        }
        total->value += joules->value;
        total->uncertainty += joules->uncertainty;
        total->bound += joules->bound;
        total->wraps += joules->wraps;
    }
}

/* The whole window is worth nothing: it was too short, or the load says so, whose shares of a
 * window too short mean little. */
static bool judge(struct energy *energy, const struct load_edge *end, struct energy_window *window)
{
    int64_t shortest_ns = energy_window_ns(energy);

    if (window->time_ns < shortest_ns) {
        window->state = WINDOW_INVALID;
        snprintf(window->reason, sizeof window->reason,
                 "the window of %.3g s is shorter than %.3g s: edges would weigh too much",
                 1e-9 * (double)window->time_ns, 1e-9 * (double)shortest_ns);
    }
    load_judge(&energy->begin, end, &energy->rules, window);
    return window->state == WINDOW_INVALID;
}

void energy_end(struct energy *energy, struct energy_window *window)
{
    const int64_t end_ns = clock_ns();
    const int aligned = energy->align.source;
    struct energy_sample last = { 0 };
    struct load_edge end;

    guard_hold(energy->guard, true);
    for (int s = energy->sources - 1; s >= 0; s--)
        guard_add(energy->guard, s, s == aligned ? &last : NULL);
    load_read(energy->stat_fd, &end);
    end.guard_ns = guard_cpu_ns(energy->guard);
    if (aligned >= 0)
        align_end(&energy->align, &last);

    window->start_ns = energy->start_ns;
    window->time_ns = end_ns - energy->start_ns;
    window->state = WINDOW_VALID;
    window->reason[0] = '\0';
    for (int i = 0; i < energy->channels; i++)
        withhold(&window->joules[i], energy->channel[i].why.said);
    for (int s = 0; s < energy->sources; s++) {
        int i = energy->source[s].channel;

        guard_end(energy->guard, s, window->start_ns, window->time_ns, &window->joules[i],
                  energy->said[i], sizeof energy->said[i]);
    }
    guard_hold(energy->guard, false);
    if (judge(energy, &end, window)) {
        snprintf(energy->said_of_all, sizeof energy->said_of_all, "%s", window->reason);
        for (int i = 0; i < energy->channels; i++)
            if (!window->joules[i].reason)
                withhold(&window->joules[i], energy->said_of_all);
    }
    add_total(energy, window);
}
