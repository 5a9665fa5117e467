/* SPDX-License-Identifier: MIT */
#include "harness/energy/energy_open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/energy/period.h"
#include "harness/energy/routes.h"
#include "harness/store.h"

enum { EDGES = 5 };

const struct energy_rules energy_rules_default = {
    .guard = true,
    .window_s = 1,
    .window_periods = 500,
    .updates = 50,
    .poll_s = 2.1, /* a meter of 1 Hz shows two updates */
    .frozen_s = 1,
    .package_w = 1000,
    .board_w = 10000,
    .margin = 1.5,
    .guard_s = 30,
    .trace_s = 0.1,
    .trace_cpus = 2,
    .guard_share = 0.005,
    .edges_share = 0.005,
    .foreign_share = 0.02,
    .suspend_s = 0.01,
    .align_s = 0.02,
};

static bool is_ok(const struct why *why)
{
    return strcmp(why->status, "ok") == 0;
}

/* ---- opening ---- */

static void open_route(struct energy *energy, const struct energy_route *route,
                       const struct meter_context *context)
{
    struct energy_opened *opened = &energy->opened[energy->routes];
    struct energy_channel *channels = energy->channel + energy->channels;
    int count;

    opened->route = route;
    opened->first = energy->channels;
    count = route->open(&opened->state, context, channels, ENERGY_CHANNELS_MAX - energy->channels,
                        &opened->why);
    if (count >= 0) {
        opened->open = true;
        opened->count = count;
        opened->why.status = "ok";
    } else if (!opened->why.status) {
        why_set(&opened->why, why_status(count), route->name, NULL, "%s: %s", route->name,
                strerror(-count));
    }
    for (int i = 0; i < opened->count; i++) {
        struct energy_channel *channel = &channels[i];

        energy->route_of[opened->first + i] = energy->routes;
        if (channel->parent >= 0)
            channel->parent += opened->first;
        if (context->sysroot[0])
            channel->provenance = PROVENANCE_FIXTURE;
    }
    energy->channels += opened->count;
    energy->routes++;
}

static int measure_periods(struct energy *energy)
{
    struct period_source sources[ENERGY_CHANNELS_MAX];

    for (int i = 0; i < energy->channels; i++) {
        const struct energy_opened *opened = &energy->opened[energy->route_of[i]];

        sources[i] = (struct period_source){ .route = opened->route,
                                             .state = opened->state,
                                             .index = i - opened->first,
                                             .channel = &energy->channel[i] };
    }
    return period_measure(sources, energy->channels, &energy->rules);
}

/* ---- what reading costs ---- */

/* The median of a few passes over the channels that can be read. */
static int64_t measure_edge(const struct energy *energy, const struct energy_opened *opened)
{
    int64_t ns[EDGES];

    for (int e = 0; e < EDGES; e++) {
        const int64_t start_ns = clock_ns();
        int at = e;

        for (int i = 0; i < opened->count; i++) {
            struct energy_sample sample;

            if (is_ok(&energy->channel[opened->first + i].why))
                opened->route->read(opened->state, i, &sample);
        }
        for (ns[e] = clock_ns() - start_ns; at > 0 && ns[at] < ns[at - 1]; at--) {
            const int64_t less = ns[at];

            ns[at] = ns[at - 1];
            ns[at - 1] = less;
        }
    }
    return ns[EDGES / 2];
}

/* ---- the total ---- */

/* Channels of a role in a route: those of status ok, or all. */
static int count_role(const struct energy *energy, const struct energy_opened *opened,
                      enum energy_role role, bool ok_only)
{
    int count = 0;

    for (int i = opened->first; i < opened->first + opened->count; i++)
        count += energy->channel[i].role == role && (!ok_only || is_ok(&energy->channel[i].why));
    return count;
}

/* A sum of some of the sockets is no total: all of a role, or none. */
static bool is_whole(const struct energy *energy, const struct energy_opened *opened,
                     enum energy_role role)
{
    int count = count_role(energy, opened, role, false);

    return count > 0 && count == count_role(energy, opened, role, true);
}

static void take_role(struct energy *energy, const struct energy_opened *opened,
                      enum energy_role role, int at_most)
{
    for (int i = opened->first; i < opened->first + opened->count && at_most > 0; i++) {
        const struct energy_channel *channel = &energy->channel[i];
        size_t used = strlen(energy->domains);

        if (channel->role != role || !is_ok(&channel->why))
            continue;
        energy->in_total[i] = true;
        energy->provenance = channel->provenance;
        if (used == 0)
            snprintf(energy->domains, sizeof energy->domains, "%s: %s", opened->route->name,
                     channel->name);
        else
            snprintf(energy->domains + used, sizeof energy->domains - used, "+%s", channel->name);
        at_most--;
    }
}

/* Packages and DRAM, or the platform, or one board sensor. Core, uncore and copies are inside of
 * those. */
static bool take_total(struct energy *energy, const struct energy_opened *opened)
{
    if (is_whole(energy, opened, ENERGY_PACKAGE)) {
        take_role(energy, opened, ENERGY_PACKAGE, ENERGY_CHANNELS_MAX);
        if (is_whole(energy, opened, ENERGY_DRAM))
            take_role(energy, opened, ENERGY_DRAM, ENERGY_CHANNELS_MAX);
    } else if (count_role(energy, opened, ENERGY_PLATFORM, true)) {
        take_role(energy, opened, ENERGY_PLATFORM, 1);
    } else if (count_role(energy, opened, ENERGY_PACKAGE, true) == 0) {
        take_role(energy, opened, ENERGY_BOARD, 1);
    }
    return energy->domains[0] != '\0';
}

static void add_reason(struct energy *energy, const char *name, const char *said)
{
    size_t used = strlen(energy->reason);

    snprintf(energy->reason + used, sizeof energy->reason - used, "%s%s: %s", used ? "; " : "",
             name, said);
}

static void explain_none(struct energy *energy)
{
    for (int r = 0; r < energy->routes; r++) {
        const struct energy_opened *opened = &energy->opened[r];
        int broken = 0;

        if (!opened->open) {
            if (strcmp(opened->why.status, "skipped") != 0)
                add_reason(energy, opened->route->name, opened->why.said);
            continue;
        }
        for (int i = opened->first; i < opened->first + opened->count; i++)
            if (!is_ok(&energy->channel[i].why) && broken++ == 0)
                add_reason(energy, opened->route->name, energy->channel[i].why.said);
        if (!broken)
            add_reason(energy, opened->route->name, "it has no channel that is a total");
    }
    if (!energy->reason[0])
        add_reason(energy, "energy", "no way to a counter was tried");
}

/* ---- the guard ---- */

/* The most that is plausible: a package's 1000 W unless the channel says its own; a platform has
 * as much for each package. */
static double plausible_w(const struct energy *energy, const struct energy_opened *opened,
                          int channel)
{
    const struct energy_channel *c = &energy->channel[channel];
    int packages = count_role(energy, opened, ENERGY_PACKAGE, false);

    if (c->max_w > 0)
        return c->max_w;
    if (c->role == ENERGY_BOARD)
        return energy->rules.board_w;
    if (c->role == ENERGY_PLATFORM && packages > 1)
        return packages * energy->rules.package_w;
    return energy->rules.package_w;
}

/* The total's last, so that nothing is read between them and the work. */
static int start_guard(struct energy *energy)
{
    bool may_trace = guard_may_trace(&energy->rules);

    for (int total = 0; total <= 1; total++) {
        for (int i = 0; i < energy->channels; i++) {
            const struct energy_opened *opened = &energy->opened[energy->route_of[i]];
            struct guard_source *source = &energy->source[energy->sources];
            struct energy_channel *channel = &energy->channel[i];

            if (!is_ok(&channel->why) || energy->in_total[i] != (total == 1))
                continue;
            *source = (struct guard_source){ .route = opened->route,
                                             .state = opened->state,
                                             .index = i - opened->first,
                                             .channel = i,
                                             .traced = may_trace && total == 1 };
            source->track.channel = channel;
            source->track.max_w = plausible_w(energy, opened, i);
            source->track.deadline_ns =
                guard_deadline_ns(channel, source->track.max_w, &energy->rules);
            /* A power is integrated between reads: ten of them may be late. */
            if (channel->power && channel->period_p95_s < energy->rules.trace_s)
                channel->period_p95_s = energy->rules.trace_s;
            energy->sources++;
        }
    }
    return guard_open(&energy->guard, energy->source, energy->sources, &energy->rules);
}

/* The first package of the total, or what is the total. What a command prints comes later than the
 * moment it is of. */
static void open_align(struct energy *energy)
{
    int found = -1;

    for (int s = energy->sources - 1; s >= 0; s--) {
        const int i = energy->source[s].channel;
        const bool direct = energy->source[s].route != &energy_pipe;

        if (energy->in_total[i] && energy->channel[i].role != ENERGY_DRAM && direct &&
            align_may(&energy->channel[i], &energy->rules))
            found = s;
    }
    energy->align.source = found;
    if (found >= 0)
        align_open(&energy->align, energy->guard, found, energy->source[found].track.channel);
}

int energy_open_rules(struct energy **energy, const struct meter_context *context,
                      const struct energy_route *const *routes, const struct energy_rules *rules)
{
    struct energy *new = calloc(1, sizeof *new);
    int error;

    *energy = NULL;
    if (!new)
        return -ENOMEM;
    new->rules = *rules;
    new->stat_fd = load_open(context->sysroot);
    for (int r = 0; routes[r] && new->routes < ENERGY_ROUTES_MAX; r++)
        open_route(new, routes[r], context);
    error = measure_periods(new);
    if (error)
        goto out;
    for (int r = 0; r < new->routes; r++)
        if (new->opened[r].open)
            new->opened[r].cost_ns = 2 * measure_edge(new, &new->opened[r]);
    for (int r = 0; r < new->routes && !new->has_total; r++)
        new->has_total = take_total(new, &new->opened[r]);
    if (!new->has_total)
        explain_none(new);
    error = start_guard(new);
    if (error)
        goto out;
    open_align(new);
    *energy = new;
    return 0;
out:
    energy_close(new);
    return error;
}

int energy_open(struct energy **energy, const struct meter_context *context,
                const struct energy_route *const *routes)
{
    return energy_open_rules(energy, context, routes, &energy_rules_default);
}

void energy_close(struct energy *energy)
{
    if (!energy)
        return;
    guard_close(energy->guard);
    for (int r = 0; r < energy->routes; r++)
        if (energy->opened[r].open)
            energy->opened[r].route->close(energy->opened[r].state);
    if (energy->stat_fd >= 0)
        close(energy->stat_fd);
    free(energy);
}
