/* SPDX-License-Identifier: MIT
 *
 * Every way to joules, as energy_open finds it: a row a route, a row a channel, and what a run
 * would take for its total. */
#include "bench/doctor.h"

#include <stdio.h>
#include <string.h>
#include "harness/energy/energy.h"

/* Opened by a run only when --meter names them, and here in a process of its own. */
static const char *const by_name[] = { "likwid", "papi" };
enum { BY_NAME = sizeof by_name / sizeof *by_name };

static bool is_ok(const struct why *why)
{
    return strcmp(why->status, "ok") == 0;
}

/* What a channel is to the others of its route. */
static void describe_role(const struct energy *energy, const struct energy_channel *channel,
                          char *text, size_t size)
{
    static const char *const names[] = {
        [ENERGY_PACKAGE] = "package", [ENERGY_DRAM] = "DRAM", [ENERGY_PLATFORM] = "platform",
        [ENERGY_BOARD] = "board",     [ENERGY_PART] = "part", [ENERGY_COPY] = "copy",
    };
    const char *parent = channel->parent < 0 ? NULL : energy_channel(energy, channel->parent)->name;

    if (parent && (channel->role == ENERGY_PART || channel->role == ENERGY_COPY))
        snprintf(text, size, "%s of %s", names[channel->role], parent);
    else
        snprintf(text, size, "%s%s%s", names[channel->role], parent ? ", within " : "",
                 parent ? parent : "");
}

static void describe_update(const struct energy_channel *channel, char *text, size_t size)
{
    if (channel->period_s <= 0)
        snprintf(text, size, "no update was seen");
    else if (channel->power) /* the other two are those of its reads */
        snprintf(text, size, "updates every %.3g ms", 1e3 * channel->period_s);
    else
        snprintf(text, size, "updates every %.3g ms (95%% within %.3g, all within %.3g)",
                 1e3 * channel->period_s, 1e3 * channel->period_p95_s, 1e3 * channel->period_max_s);
}

static void describe_range(const struct energy_channel *channel, char *text, size_t size)
{
    if (channel->power)
        snprintf(text, size, "a power, integrated from reads");
    else if (channel->wrap)
        snprintf(text, size, "wraps after %.6g J", (double)channel->wrap * channel->lsb);
    else
        snprintf(text, size, "64 bits, no wrap");
}

static void channel_row(struct doctor *d, const struct energy *energy, int i)
{
    const struct energy_channel *channel = energy_channel(energy, i);
    char name[128], role[100], update[100], range[60];

    snprintf(name, sizeof name, "%s: %s",
             energy_route(energy, energy_channel_route(energy, i))->name, channel->name);
    if (!is_ok(&channel->why)) {
        doctor_why(d, "energy", name, &channel->why, channel->source);
        return;
    }
    describe_role(energy, channel, role, sizeof role);
    describe_update(channel, update, sizeof update);
    describe_range(channel, range, sizeof range);
    doctor_row(d, "energy", name, "ok", channel->source, NULL, "%s; %s; %s; %s", role, update,
               range, channel->provenance);
}

/* A route that is open is as good as its channels: its status is theirs when none can be read. */
static void route_row(struct doctor *d, const struct energy *energy, int r)
{
    const struct energy_route *route = energy_route(energy, r);
    const struct why *why = energy_route_why(energy, r), *first = NULL;
    int channels = 0, readable = 0;

    for (int i = 0; i < energy_channel_count(energy); i++) {
        const struct energy_channel *channel = energy_channel(energy, i);

        if (energy_channel_route(energy, i) != r)
            continue;
        channels++;
        readable += is_ok(&channel->why);
        if (!first && !is_ok(&channel->why))
            first = &channel->why;
    }
    if (!is_ok(why))
        doctor_why(d, "energy", route->name, why, route->what);
    else if (readable || !first)
        doctor_row(d, "energy", route->name, "ok", route->what, NULL,
                   "%d of %d channels count; %.3g us at both edges of a window", readable, channels,
                   1e-3 * (double)energy_route_cost_ns(energy, r));
    else
        doctor_row(d, "energy", route->name, first->status, route->what,
                   first->fix[0] ? first->fix : NULL, "none of its %d channels counts: %s",
                   channels, first->said);
    for (int i = 0; i < energy_channel_count(energy); i++)
        if (energy_channel_route(energy, i) == r)
            channel_row(d, energy, i);
}

static void total_row(struct doctor *d, const struct energy *energy)
{
    static const char tried[] = "the first route that counts a whole";
    const char *domains = energy_domains(energy);
    const int aligned = energy_aligned(energy);

    if (domains)
        doctor_row(d, "energy", "total", "ok", tried, NULL,
                   "%s; %s; windows of %.3g s and more, aligned to %s%s", domains,
                   energy_provenance(energy), 1e-9 * (double)energy_window_ns(energy),
                   aligned < 0 ? "no update" : "updates of ",
                   aligned < 0 ? "" : energy_channel(energy, aligned)->name);
    else
        doctor_row(d, "energy", "total", "absent", tried,
                   "mend one of the routes above, or give --meter-cmd", "no joules: %s",
                   energy_reason(energy));
}

/* Opens the routes of a list and shows them. */
static void show(struct doctor *d, const struct energy_route *const *routes,
                 const struct meter_context *context, bool total)
{
    struct energy *energy;
    const int error = energy_open(&energy, context, routes);

    if (error) {
        doctor_row(d, "energy", "total", "broken", "energy_open", NULL, "%s", strerror(-error));
        return;
    }
    for (int r = 0; r < energy_route_count(energy); r++)
        route_row(d, energy, r);
    if (total)
        total_row(d, energy);
    energy_close(energy);
}

static const struct energy_route *find(const char *name)
{
    for (int r = 0; energy_routes[r]; r++)
        if (strcmp(energy_routes[r]->name, name) == 0)
            return energy_routes[r];
    return NULL;
}

static void show_by_name(struct doctor *d, const char *name)
{
    const struct energy_route *const routes[] = { find(name), NULL };
    struct meter_context context = *d->context;

    context.meters = name;
    show(d, routes, &context, false);
}

static bool is_by_name(const struct energy_route *route)
{
    for (int n = 0; n < BY_NAME; n++)
        if (strcmp(route->name, by_name[n]) == 0)
            return true;
    return false;
}

void doctor_energy(struct doctor *d)
{
    const struct energy_route *routes[ENERGY_ROUTES_MAX + 1];
    int count = 0;

    for (int r = 0; energy_routes[r] && count < ENERGY_ROUTES_MAX; r++)
        if (!is_by_name(energy_routes[r]))
            routes[count++] = energy_routes[r];
    routes[count] = NULL;
    show(d, routes, d->context, true);
    for (int n = 0; n < BY_NAME; n++)
        if (find(by_name[n]))
            doctor_apart(d, "energy", by_name[n], show_by_name);
}
