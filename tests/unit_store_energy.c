/* SPDX-License-Identifier: MIT
 *
 * store_energy.c: windows, joules, traces, meters and certificates as they are read back, and what
 * the tables refuse. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "harness/energy/energy.h"
#include "harness/measure.h"
#include "harness/store.h"

static char directory[] = "/tmp/tritbench-store-energy-XXXXXX";
static char path[sizeof directory + 8];
static struct store *store;
static int64_t run, cell;

static const struct build build = { .version = "1",
                                    .commit = "",
                                    .dirty = "",
                                    .compiler = "cc",
                                    .flags = "-O3",
                                    .sanitizers = "none" };

static int64_t begin(const char *key)
{
    struct host host = { .count = 0 };

    snprintf(host.key, sizeof host.key, "%s", key);
    return store_run_begin(store, &host, &build, "kernel", "", 1);
}

static int open_store(void **state)
{
    const struct cell wanted = { .kind = "kernel", .provenance = PROVENANCE_MEASURED };

    (void)state;
    snprintf(path, sizeof path, "%s/a.db", directory);
    if (store_open(&store, path))
        return -1;
    run = begin("0123456789abcdef");
    cell = store_cell(store, run, &wanted);
    return run > 0 && cell > 0 ? 0 : -1;
}

static int close_store(void **state)
{
    (void)state;
    store_close(store);
    return unlink(path);
}

/* The first column of the first row. */
static double query(const char *sql)
{
    sqlite3_stmt *statement = NULL;
    double value;

    if (sqlite3_prepare_v2(store_db(store), sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(store_db(store)));
    value = sqlite3_column_double(statement, 0);
    sqlite3_finalize(statement);
    return value;
}
#define HOLDS(sql) assert_true(query("SELECT " sql) == 1)

static const struct joules_name names[] = { { "powercap: package-0", PROVENANCE_HW_ESTIMATE },
                                            { "powercap: core", PROVENANCE_HW_ESTIMATE } };

static struct energy_window make_window(void)
{
    return (struct energy_window){ .start_ns = 5000000000,
                                   .time_ns = 1000000000,
                                   .foreign_share = 0.01,
                                   .steal_share = NAN,
                                   .guard_share = 1e-5,
                                   .joules = { { .value = 65, .uncertainty = 0.02, .bound = 0.1 },
                                               { .value = NAN, .reason = "it stood still" } },
                                   .total = { .value = 65, .uncertainty = 0.02, .bound = 0.1 } };
}

static void a_window_is_read_back(void **state)
{
    const struct window_place place = { .run = run, .cell = cell, .series = 1, .round = 2, 3 };
    const struct window_place idle = { .run = run, .series = 1 };
    struct energy_window window = make_window();

    (void)state;
    assert_int_equal(store_window(store, &place, &window, names, 2, "powercap: package-0",
                                  PROVENANCE_HW_ESTIMATE),
                     0);
    window.state = WINDOW_CONTENDED;
    strcpy(window.reason, "others took 3% of the CPU time");
    assert_int_equal(store_window(store, &idle, &window, names, 2, NULL, NULL), 0);
    HOLDS("count(*) = 2 FROM window");
    HOLDS("round = 2 AND runs = 3 AND time_ns = 1000000000 AND state = 'valid' AND reason IS NULL "
          "AND foreign_share = 0.01 AND steal_share IS NULL FROM window WHERE cell IS NOT NULL");
    HOLDS("state = 'contended' AND reason LIKE '%3%' AND runs = 0 FROM window WHERE cell IS NULL");
    HOLDS("count(*) = 1 FROM joules WHERE channel = 'total' AND domains = 'powercap: package-0' "
          "AND value = 65 AND uncertainty = 0.02 AND bound = 0.1 AND provenance = 'hw-estimate'");
    HOLDS("count(*) = 2 FROM joules WHERE channel = 'powercap: core' AND value IS NULL AND "
          "uncertainty IS NULL AND reason = 'it stood still'");
}

static void a_joule_that_is_no_number_is_absent(void **state)
{
    const struct window_place place = { .run = run, .cell = cell, .runs = 1 };
    struct energy_window window = make_window();

    (void)state;
    window.joules[0].value = NAN;
    window.total.reason = "a part of it is absent";
    assert_int_equal(store_window(store, &place, &window, names, 2, "a+b", PROVENANCE_VIRTUAL), 0);
    HOLDS("value IS NULL AND reason = 'not a finite number' FROM joules "
          "WHERE channel = 'powercap: package-0'");
    HOLDS("value IS NULL AND bound IS NULL AND reason LIKE 'a part%' FROM joules "
          "WHERE channel = 'total'");
}

static void a_window_is_whole_or_not_there(void **state)
{
    const struct joules_name wrong = { "x: y", PROVENANCE_MEASURED };
    const struct window_place place = { .run = run, .cell = cell, .runs = 1 };
    const struct window_place no_work = { .run = run, .cell = cell, .runs = 0 };
    struct energy_window window = make_window();

    (void)state;
    assert_int_equal(store_window(store, &place, &window, &wrong, 1, NULL, NULL), -EINVAL);
    assert_non_null(strstr(store_error(store), "a.db"));
    assert_int_equal(store_window(store, &no_work, &window, names, 1, NULL, NULL), -EINVAL);
    window.state = WINDOW_INVALID; /* without a reason: it gets one */
    assert_int_equal(store_window(store, &place, &window, names, 1, NULL, NULL), 0);
    HOLDS("count(*) = 1 AND min(reason) = 'no reason was given' FROM window");
    HOLDS("count(*) = 1 FROM joules");
}

static void a_trace_is_read_back_once(void **state)
{
    const struct energy_trace points[] = { { 100, 0, 50 }, { 100, 1, 20 }, { 200, 0, 60 } };

    (void)state;
    assert_int_equal(store_trace(store, run, points, 3, names), 0);
    assert_int_equal(store_trace(store, run, points, 3, names), 0);
    HOLDS("count(*) = 3 AND sum(power_w) = 130 FROM trace WHERE provenance = 'hw-estimate'");
    HOLDS("power_w = 60 FROM trace WHERE channel = 'powercap: package-0' AND time_ns = 200");
}

static void meters_are_read_back(void **state)
{
    struct energy_channel channel = { .name = "dram", .lsb = 1.5e-5, .period_s = 0.001 };
    struct why why;

    (void)state;
    why_set(&why, "denied", "/x/energy_uj", "run as root", "Permission denied");
    assert_int_equal(store_meter(store, run, "energy route", "powercap", &why), 0);
    why_set(&channel.why, "ok", "/x", NULL, "%s", "");
    assert_int_equal(store_energy_channel(store, run, "powercap", &channel), 0);
    HOLDS("status = 'denied' AND tried LIKE '/x%' AND said LIKE 'Perm%' AND fix LIKE 'run%' AND "
          "lsb IS NULL FROM meter WHERE kind = 'energy route'");
    HOLDS("lsb = 1.5e-5 AND period_s = 0.001 AND period_p95_s IS NULL AND fix IS NULL FROM meter "
          "WHERE name = 'powercap: dram'");
    assert_int_equal(store_meter(store, run, "toy", "x", &why), -EINVAL);
}

static void a_derived_value_has_a_formula(void **state)
{
    struct value v = { .metric = "m", .unit = "J", .provenance = PROVENANCE_DERIVED, .value = 2 };

    (void)state;
    assert_int_equal(store_value(store, cell, &v), -EINVAL);
    v.formula = "a / b";
    v.uncertainty = 0.5;
    assert_int_equal(store_value(store, cell, &v), 0);
    HOLDS("formula = 'a / b' AND uncertainty = 0.5 FROM value");
    v.uncertainty = NAN;
    assert_int_equal(store_value(store, cell, &v), 0);
    HOLDS("uncertainty IS NULL FROM value");
    v.reason = "no b";
    v.uncertainty = 1;
    assert_int_equal(store_value(store, cell, &v), 0);
    HOLDS("value IS NULL AND uncertainty IS NULL AND reason = 'no b' FROM value");
    v.provenance = PROVENANCE_MEASURED; /* what is measured has none */
    assert_int_equal(store_value(store, cell, &v), -EINVAL);
}

static void a_note_and_a_turn(void **state)
{
    static const struct channel a = { "a", "count", PROVENANCE_COUNTED };
    static const struct channel b = { "b", "count", PROVENANCE_SIMULATED };
    static const struct channel c = { "c", "count", PROVENANCE_COUNTED };
    const struct channel *const channels[] = { &a, &b, &c };
    const struct reading readings[] = { { .value = 1, .note = "ran for 95% of the time" },
                                        { .value = 2 },
                                        { .value = NAN, .reason = meter_not_its_turn } };
    const struct sample sample = { .readings = readings };

    (void)state;
    assert_int_equal(store_sample(store, cell, &sample, channels, 3), 0);
    HOLDS("count(*) = 2 FROM reading");
    HOLDS("note LIKE 'ran%' FROM reading WHERE channel = 'a'");
    HOLDS("note IS NULL AND provenance = 'simulated' FROM reading WHERE channel = 'b'");
}

static void the_last_certificate_counts(void **state)
{
    static const char domains[] = "powercap: package-0";
    int64_t first, other;

    (void)state;
    assert_int_equal(store_run_certify(store, run, domains, PROVENANCE_HW_ESTIMATE), 0);
    HOLDS("certificate IS NULL FROM run");
    first = store_certificate(store, run, domains, PROVENANCE_HW_ESTIMATE, true, "[]");
    assert_true(first > 0);
    other = begin("fedcba9876543210");
    assert_int_equal(store_run_certify(store, other, domains, PROVENANCE_HW_ESTIMATE), 0);
    HOLDS("count(certificate) = 0 FROM run"); /* of another machine */
    assert_int_equal(store_run_certify(store, run, "powercap: psys", PROVENANCE_HW_ESTIMATE), 0);
    assert_int_equal(store_run_certify(store, run, domains, PROVENANCE_FIXTURE), 0);
    HOLDS("count(certificate) = 0 FROM run"); /* of another total */
    assert_int_equal(store_run_certify(store, run, domains, PROVENANCE_HW_ESTIMATE), 0);
    HOLDS("count(certificate) = 1 FROM run");
    assert_true(store_certificate(store, run, domains, PROVENANCE_HW_ESTIMATE, false, "[]") > 0);
    assert_int_equal(store_run_certify(store, run, domains, PROVENANCE_HW_ESTIMATE), 0);
    HOLDS("count(certificate) = 0 FROM run"); /* it did not pass again */
    assert_int_equal(store_run_certify(store, 99, domains, PROVENANCE_HW_ESTIMATE), -ENOENT);
    assert_int_equal(store_certificate(store, 99, domains, PROVENANCE_HW_ESTIMATE, true, "[]"),
                     -EINVAL);
}

static void facts_come_later_too(void **state)
{
    (void)state;
    assert_int_equal(store_fact(store, run, "a", "1", NULL), 0);
    assert_int_equal(store_fact(store, run, "b", NULL, "not found"), 0);
    HOLDS("value = '1' FROM fact WHERE name = 'a'");
    assert_int_equal(store_fact(store, run, "a", "2", NULL), 0);
    HOLDS("value = '2' FROM fact WHERE name = 'a'");
    HOLDS("reason = 'not found' FROM fact WHERE name = 'b'");
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_window_is_read_back),
        WITH_STORE(a_joule_that_is_no_number_is_absent),
        WITH_STORE(a_window_is_whole_or_not_there),
        WITH_STORE(a_trace_is_read_back_once),
        WITH_STORE(meters_are_read_back),
        WITH_STORE(a_derived_value_has_a_formula),
        WITH_STORE(a_note_and_a_turn),
        WITH_STORE(the_last_certificate_counts),
        WITH_STORE(facts_come_later_too),
    };

    if (!mkdtemp(directory))
        return 1;
    const int failed = cmocka_run_group_tests_name("store_energy", tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
