/* SPDX-License-Identifier: MIT
 *
 * What store.h promises of meters, windows of energy, traces and certificates. */
#include "harness/store.h"

#include <math.h>
#include <stdio.h>
#include "harness/energy/energy.h"
#include "harness/store_sql.h"

/* ---- meters ---- */

static int add_meter(struct store *store, int64_t run, const char *kind, const char *name,
                     const struct why *why, const double *numbers)
{
    struct binding b;
    int error = store_sql_begin(store, METER_ADD, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    store_sql_text(&b, kind);
    store_sql_text(&b, name);
    store_sql_text(&b, why->status);
    store_sql_text_or_null(&b, why->tried);
    store_sql_text_or_null(&b, why->said);
    store_sql_text_or_null(&b, why->fix);
    for (int i = 0; i < 3; i++)
        store_sql_real_or_null(&b, numbers && numbers[i] > 0 ? numbers[i] : NAN);
    return store_sql_run(store, &b, NULL, "add a meter");
}

int store_meter(struct store *store, int64_t run, const char *kind, const char *name,
                const struct why *why)
{
    return add_meter(store, run, kind, name, why, NULL);
}

int store_energy_channel(struct store *store, int64_t run, const char *route,
                         const struct energy_channel *channel)
{
    const double numbers[] = { channel->lsb, channel->period_s, channel->period_p95_s };
    char name[128];

    snprintf(name, sizeof name, "%s: %s", route, channel->name);
    return add_meter(store, run, "energy channel", name, &channel->why, numbers);
}

/* ---- windows ---- */

static const char *const states[] = {
    [WINDOW_VALID] = "valid", [WINDOW_CONTENDED] = "contended", [WINDOW_INVALID] = "invalid"
};

static int add_window(struct store *store, const struct window_place *place,
                      const struct energy_window *window)
{
    struct binding b;
    int error = store_sql_begin(store, WINDOW_ADD, &b);

    if (error)
        return error;
    store_sql_int(&b, place->run);
    store_sql_int_or_null(&b, place->cell);
    store_sql_int(&b, place->series);
    store_sql_int(&b, place->round);
    store_sql_int(&b, place->runs);
    store_sql_int(&b, window->start_ns);
    store_sql_int(&b, window->time_ns);
    store_sql_text(&b, states[window->state]);
    store_sql_text(&b, window->state == WINDOW_VALID ? NULL
                       : window->reason[0]           ? window->reason
                                                     : "no reason was given");
    store_sql_real_or_null(&b, window->foreign_share);
    store_sql_real_or_null(&b, window->steal_share);
    store_sql_real_or_null(&b, window->guard_share);
    return store_sql_run(store, &b, NULL, "add a window");
}

/* domains NULL: not the total. */
static int add_joules(struct store *store, int64_t window, const char *channel, const char *domains,
                      const char *provenance, const struct joules *joules)
{
    const char *reason = joules->reason            ? joules->reason
                         : isfinite(joules->value) ? NULL
                                                   : "not a finite number";
    struct binding b;
    int error = store_sql_begin(store, JOULES_ADD, &b);

    if (error)
        return error;
    store_sql_int(&b, window);
    store_sql_text(&b, channel);
    store_sql_text(&b, domains);
    store_sql_value(&b, joules->value, reason);
    store_sql_real_or_null(&b, reason ? NAN : joules->uncertainty);
    store_sql_real_or_null(&b, reason ? NAN : joules->bound);
    store_sql_int(&b, joules->wraps);
    store_sql_text(&b, provenance);
    store_sql_text(&b, reason);
    return store_sql_run(store, &b, NULL, "add joules");
}

int store_window(struct store *store, const struct window_place *place,
                 const struct energy_window *window, const struct joules_name *names, int count,
                 const char *domains, const char *provenance)
{
    int error = store_sql_plain(store, BEGIN, "add a window");
    int64_t id;

    if (error)
        return error;
    error = add_window(store, place, window);
    id = sqlite3_last_insert_rowid(store->db);
    for (int i = 0; i < count && !error; i++)
        error = add_joules(store, id, names[i].name, NULL, names[i].provenance, &window->joules[i]);
    if (domains && !error)
        error = add_joules(store, id, "total", domains, provenance, &window->total);
    return store_sql_end(store, error);
}

static int add_point(struct store *store, int64_t run, const struct energy_trace *point,
                     const struct joules_name *name)
{
    struct binding b;
    int error = store_sql_begin(store, TRACE_ADD, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    store_sql_text(&b, name->name);
    store_sql_int(&b, point->time_ns);
    store_sql_real_or_null(&b, point->power_w);
    store_sql_text(&b, name->provenance);
    return store_sql_run(store, &b, NULL, "add power over time");
}

int store_trace(struct store *store, int64_t run, const struct energy_trace *points, int count,
                const struct joules_name *names)
{
    int error = store_sql_plain(store, BEGIN, "add power over time");

    if (error)
        return error;
    for (int i = 0; i < count && !error; i++)
        error = add_point(store, run, &points[i], &names[points[i].channel]);
    return store_sql_end(store, error);
}

/* ---- certificates ---- */

int64_t store_certificate(struct store *store, int64_t run, const char *domains,
                          const char *provenance, bool passed, const char *text)
{
    struct binding b;
    int error = store_sql_begin(store, CERTIFICATE_ADD, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    store_sql_text(&b, domains);
    store_sql_text(&b, provenance);
    store_sql_int(&b, passed);
    store_sql_text(&b, text);
    error = store_sql_run(store, &b, NULL, "add a certificate");
    return error ? error : sqlite3_last_insert_rowid(store->db);
}

int store_run_certify(struct store *store, int64_t run, const char *domains, const char *provenance)
{
    struct binding b;
    int error = store_sql_begin(store, RUN_CERTIFY, &b);

    if (error)
        return error;
    store_sql_int(&b, run);
    store_sql_text(&b, domains);
    store_sql_text(&b, provenance);
    error = store_sql_run(store, &b, NULL, "look for a run's certificate");
    if (error)
        return error;
    return sqlite3_changes(store->db) ? 0 : store_sql_no_row(store, "run", run);
}
