/* SPDX-License-Identifier: MIT
 *
 * `selftest`: do the meters of this machine count what they say they count? What it finds out of
 * joules becomes a certificate, which later runs of the machine refer to. */
#include "bench/command.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench/selftest.h"

enum { SAID_MAX = 300, NOTES_MAX = 700, SECONDS = 10 };

void selftest_row(struct selftest *t, const char *check, const char *status, double value,
                  const char *unit, const char *limit, const char *said, ...)
{
    char text[SAID_MAX];
    va_list list;

    va_start(list, said);
    vsnprintf(text, sizeof text, said, list);
    va_end(list);
    t->passed += strcmp(status, "pass") == 0;
    t->failed += strcmp(status, "fail") == 0;
    json_t *row = json_object();
    json_object_set_new(row, "check", json_string(check));
    json_object_set_new(row, "status", json_string(status));
    json_object_set_new(row, "value", table_real(value));
    json_object_set_new(row, "unit", unit ? json_string(unit) : json_null());
    json_object_set_new(row, "limit", limit ? json_string(limit) : json_null());
    json_object_set_new(row, "said", json_string(text));
    json_array_append_new(t->rows, row);
}

/* ---- the certificate ---- */

static json_t *routes_tried(const struct energy *energy)
{
    json_t *routes = json_array();

    for (int r = 0; r < energy_route_count(energy); r++) {
        const struct why *why = energy_route_why(energy, r);
        json_t *route = json_object();

        json_object_set_new(route, "name", json_string(energy_route(energy, r)->name));
        json_object_set_new(route, "status", json_string(why->status));
        json_object_set_new(route, "said", json_string(why->said));
        json_array_append_new(routes, route);
    }
    return routes;
}

/* Its text; the caller's to free. */
static char *certificate_text(const struct selftest *t, double seconds)
{
    const struct build build = build_read();
    const time_t now = time(NULL);
    char date[32];
    json_t *text = json_object();

    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    json_object_set_new(text, "date", json_string(date));
    json_object_set_new(text, "version", json_string(build.version));
    json_object_set_new(text, "commit", json_string(build.commit));
    json_object_set_new(text, "cpu", json_string(t->run->machine.name));
    json_object_set_new(text, "kernel", json_string(host_fact(&t->run->host, "kernel")));
    json_object_set_new(text, "window_s", json_real(seconds));
    json_object_set_new(text, "passed", json_boolean(t->energy_failed == 0));
    json_object_set_new(text, "routes", routes_tried(t->run->energy));
    json_object_set(text, "checks", t->rows);
    char *dumped = json_dumps(text, JSON_COMPACT);
    json_decref(text);
    return dumped;
}

/* What is said below the table. */
static void certify(struct selftest *t, double seconds, char *notes)
{
    struct run *run = t->run;
    const char *why = run_energy_reason(run);
    int64_t id = -1;

    if (run_stop || (t->energy_failed && why)) {
        snprintf(notes, NOTES_MAX, "No certificate: %s.", run_stop ? "interrupted" : why);
        return;
    }
    if (why) {
        snprintf(notes, NOTES_MAX, "Nothing to certify: %s. `tritbench doctor` says what mends it.",
                 why);
        return;
    }
    const char *domains = energy_domains(run->energy);
    const char *provenance = energy_provenance(run->energy);
    char *text = certificate_text(t, seconds);
    if (text)
        id = store_certificate(run->store, run->id, domains, provenance, t->energy_failed == 0,
                               text);
    free(text);
    if (id < 0) {
        run_refuse(run->command, "%s", text ? store_error(run->store) : "no memory");
        run->broken = -1;
        return;
    }
    snprintf(notes, NOTES_MAX,
             "Certificate %lld (%s; %s) in %s: %s. Calibration is no part of it: how far the "
             "counter is from a meter at the wall is not known.",
             (long long)id, domains, provenance, run->config->db,
             t->energy_failed ? "failed; joules of later runs are uncertified"
                              : "passed; later runs of this machine refer to it");
}

int cmd_selftest(const struct config *config)
{
    static const struct column columns[] = {
        { "check", "Check", "%s" }, { "status", "Status", "%s" }, { "value", "Value", "%.6g" },
        { "unit", "Unit", "%s" },   { "limit", "Limit", "%s" },   { "said", "Said", "%s" },
        { NULL, NULL, NULL },
    };
    struct run run;
    const double seconds = config->seconds ? (double)config->seconds : SECONDS;
    char notes[NOTES_MAX] = "";
    const int status = run_open(&run, config, "selftest");

    if (status)
        return status;
    struct selftest t = { .run = &run, .rows = json_array() };
    selftest_counters(&t);
    if (config->energy) {
        const int failed = t.failed;
        selftest_energy(&t, seconds);
        t.energy_failed = t.failed - failed;
        certify(&t, seconds, notes);
    } else {
        snprintf(notes, sizeof notes, "`--energy` tests the joules, too.");
    }
    outputs_rows(run.outputs, t.rows, columns, NULL, notes);
    json_decref(t.rows);
    run.failed = t.failed > 0;
    return run_close(&run);
}
