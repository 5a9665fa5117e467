/* SPDX-License-Identifier: MIT
 *
 * metrics.c, joules.c, counters.c, energy_rows.c: every derived metric by numbers worked out by
 * hand, from a database that is written down here; and what has no value when an input is absent.
 */
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
#include "bench/counters.h"
#include "bench/energy_rows.h"
#include "bench/joules.h"
#include "bench/metrics.h"
#include "tests/scratch_store.h"

static struct store *store;
static sqlite3 *db;

static void write_rows(const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL))
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* Cell 1: 4 tokens, 1000 bytes and 8000 operations a sample; samples of 100, 200 and 600 ns. */
static int open_cell(void **state)
{
    if (scratch_store_open(&store, state))
        return -1;
    db = store_db(store);
    write_rows("INSERT INTO machine (id, key) VALUES (1, '0123456789abcdef');"
               "INSERT INTO build (id, version, compiler, flags, sanitizers) "
               "VALUES (1, '1', 'cc', '', 'none');"
               "INSERT INTO run (id, machine, build, command, arguments, seed, started_at, status) "
               "VALUES (1, 1, 1, 'model', '', '1', '', 'done');"
               "INSERT INTO cell (id, run, kind, tokens, work_bytes, work_ops, provenance, status) "
               "VALUES (1, 1, 'model', 4, 1000, 8000, 'measured', 'ok');"
               "INSERT INTO sample (id, cell, round, order_in_round, start_ns, time_ns) VALUES "
               "(1, 1, 0, 0, 0, 100), (2, 1, 1, 0, 0, 200), (3, 1, 2, 0, 0, 600), "
               "(4, 1, -1, 0, 0, 9000);");
    return 0;
}

static int close_cell(void **state)
{
    return scratch_store_close(store, state);
}

static void add_reading(int sample, const char *channel, double value, const char *note)
{
    char sql[300];

    snprintf(sql, sizeof sql,
             "INSERT INTO reading (sample, channel, unit, value, provenance, note) VALUES "
             "(%d, '%s', 'count', %.17g, 'counted', nullif('%s', ''))",
             sample, channel, value, note);
    write_rows(sql);
}

static void add_window(int id, const char *cell, int series, int round, int runs, double seconds,
                       const char *state, double joules, double u)
{
    char sql[700];

    snprintf(sql, sizeof sql,
             "INSERT INTO window (id, run, cell, series, round, runs, start_ns, time_ns, state, "
             "reason) VALUES (%d, 1, %s, %d, %d, %d, 0, %.0f, '%s', CASE '%s' WHEN 'valid' THEN "
             "NULL ELSE 'others took 3%%' END); INSERT INTO joules (window, channel, domains, "
             "value, uncertainty, provenance) VALUES (%d, 'total', 'powercap: package-0', %.17g, "
             "%.17g, 'hw-estimate'), (%d, 'powercap: core', NULL, 1e9, 1, 'hw-estimate')",
             id, cell, series, round, runs, seconds * 1e9, state, state, id, joules, u, id);
    write_rows(sql);
}

/* Idle at 10 W and 10.2 W; 20 J in 2 s for 2 runs, and 42 J in 4 s for 4: 10 J and 10.5 J a run. */
static void add_windows(void)
{
    add_window(1, "NULL", 1, 0, 0, 10, "valid", 100, 1);
    add_window(2, "1", 1, 0, 2, 2, "valid", 80, 0.4);
    add_window(3, "1", 1, 1, 4, 4, "valid", 168, 0.8);
    add_window(4, "NULL", 1, 1, 0, 10, "valid", 102, 1);
}

static const struct metric *find(const char *name)
{
    const struct metric *m = metrics;

    while (m->name && strcmp(m->name, name))
        m++;
    if (!m->name)
        fail_msg("no metric %s", name);
    return m;
}

static struct metric_value value_of(const char *name, const char *why)
{
    struct metric_value inputs[INPUTS];

    metric_inputs(db, 1, why, inputs);
    return metric_of(find(name), inputs);
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%.12g, not %.12g", value, expected);
}

static void is(const char *name, double expected, double uncertainty)
{
    const struct metric_value v = value_of(name, NULL);

    if (v.reason[0])
        fail_msg("%s is absent: %s", name, v.reason);
    near(v.estimate.value, expected);
    if (isnan(uncertainty))
        assert_true(isnan(v.estimate.uncertainty));
    else if (!(fabs(v.estimate.uncertainty / uncertainty - 1) < 1e-4))
        fail_msg("%s: u = %g, not %g", name, v.estimate.uncertainty, uncertainty);
}

static void is_absent(const char *name, const char *words)
{
    const struct metric_value v = value_of(name, NULL);

    if (!isnan(v.estimate.value) || !strstr(v.reason, words))
        fail_msg("%s: %g, '%s', not '%s'", name, v.estimate.value, v.reason, words);
}

static void of_what_was_counted(void **state)
{
    (void)state;
    for (int i = 1; i <= 3; i++) {
        add_reading(i, "instructions", 600 * i, "");
        add_reading(i, "cycles", 300 + 50 * i, "");
    }
    add_reading(4, "cycles", 1e9, ""); /* the warm-up's */
    add_reading(1, "dram_bytes", 1600, "");
    is("ipc", 3, NAN);                  /* 1200 / 400 */
    is("bytes_per_cycle", 2.5, NAN);    /* 1000 / 400 */
    is("algorithmic_gbps", 5, NAN);     /* 1000 B / 200 ns */
    is("dram_gbps", 8, NAN);            /* 1600 B / 200 ns */
    is("arithmetic_intensity", 8, NAN); /* 8000 / 1000 */
}

static void formula_is(const char *name, const char *text)
{
    struct metric_value inputs[INPUTS];
    char formula[200];

    metric_inputs(db, 1, NULL, inputs);
    metric_formula(find(name), inputs, formula, sizeof formula);
    assert_string_equal(formula, text);
}

/* Both directions of the controllers before a core's events, and the formula says which it was. */
static void traffic_of_the_machine_comes_first(void **state)
{
    (void)state;
    add_reading(1, "dram_read_bytes", 5000, "");
    is_absent("dram_gbps", "bytes of DRAM");
    formula_is("dram_gbps", "dram_bytes / time_ns");
    add_reading(1, "dram_bytes", 1600, "");
    is("dram_gbps", 8, NAN);
    formula_is("dram_gbps", "dram_bytes / time_ns; dram_bytes: read by the cores of this process, "
                            "prefetch included");
    add_reading(1, "dram_write_bytes", 1000, "");
    is("dram_gbps", 30, NAN); /* 6000 B / 200 ns */
    formula_is("dram_gbps", "dram_bytes / time_ns; dram_bytes = dram_read_bytes + "
                            "dram_write_bytes, memory controllers: the whole machine");
    formula_is("edp", "(energy_j / tokens) * (window_s / tokens)");
}

static void of_joules(void **state)
{
    /* 40 J and 42 J a run, 1 s each. s = sqrt(2), t(1) = 1.84, u = 0.2 each. */
    const double u = sqrt(1.84 * 1.84 * 2 / 2 + 0.2 * 0.2 / 2);
    /* Idle: 10 W and 10.2 W, u = 0.1 W each; s = 0.1 sqrt(2). */
    const double idle_u = sqrt(1.84 * 1.84 * 0.02 / 2 + 0.1 * 0.1 / 2);

    (void)state;
    add_windows();
    is("j_per_token", 10.25, u / 4);
    is("tokens_per_j", 4 / 41.0, 4 * u / (41 * 41 - u * u));
    is("pj_per_weight", 41e12 / 4000, u * 1e12 / 4000);
    is("pj_per_byte", 41e9, u * 1e9);
    is("mean_power_w", 41, u);
    is("edp", 10.25 * 0.25, u / 16);
    is("energy_net_j", 41 - 10.1, sqrt(u * u + idle_u * idle_u));
}

/* 40 W and 21 W, not 41 J in the 1.5 s of a sample. */
static void power_is_of_each_window(void **state)
{
    (void)state;
    add_windows();
    write_rows("UPDATE window SET time_ns = 8000000000 WHERE id = 3");
    is("mean_power_w", 30.5, sqrt(1.84 * 1.84 * 19 * 19 / 4 + (0.2 * 0.2 + 0.1 * 0.1) / 4));
    is("edp", 10.25 * 1.5 / 4, value_of("edp", NULL).estimate.uncertainty);
}

static void absent_inputs_have_reasons_and_no_zero(void **state)
{
    (void)state;
    is_absent("ipc", "instructions: not counted");
    add_reading(1, "instructions", 600, "");
    write_rows("INSERT INTO reading (sample, channel, unit, provenance, reason) VALUES "
               "(1, 'cycles', 'count', 'counted', 'perf_event_open: ENOENT')");
    is_absent("ipc", "perf_event_open: ENOENT");
    is_absent("dram_gbps", "bytes of DRAM");
    is_absent("j_per_token", "no window of it was measured");
    assert_string_equal(value_of("edp", "no RAPL here").reason, "no RAPL here");
    write_rows("UPDATE cell SET work_bytes = NULL, tokens = NULL");
    is_absent("arithmetic_intensity", "bound by its operations");
    add_windows();
    is_absent("pj_per_byte", "bound by its operations");
    is_absent("j_per_token", "no tokens");
}

static void a_count_of_zero_is_a_count_and_no_divisor(void **state)
{
    (void)state;
    add_reading(1, "instructions", 0, "");
    add_reading(1, "cycles", 400, "");
    is("ipc", 0, NAN);
    add_reading(2, "cycles", 0, "");
    write_rows("DELETE FROM reading WHERE sample = 1 AND channel = 'cycles'");
    is_absent("ipc", "not a finite number");
}

static void net_is_withheld_when_idle_drifts(void **state)
{
    (void)state;
    add_windows();
    write_rows("UPDATE joules SET value = 116 WHERE window = 4 AND channel = 'total'");
    /* 10 W and 11.6 W: 30.2 W above idle, 5% are 1.51 W. */
    is_absent("energy_net_j", "10.00 W before and 11.60 W after");
    is("mean_power_w", 41, value_of("mean_power_w", NULL).estimate.uncertainty);
    write_rows("UPDATE joules SET value = 115 WHERE window = 4 AND channel = 'total'");
    assert_string_equal(value_of("energy_net_j", NULL).reason, "");
    write_rows("UPDATE window SET state = 'invalid', reason = 'suspended' WHERE id = 4");
    is_absent("energy_net_j", "suspended");
    write_rows("DELETE FROM window WHERE cell IS NULL");
    is_absent("energy_net_j", "no idle window");
}

static void idle_of_another_series_does_not_count(void **state)
{
    (void)state;
    add_windows();
    add_window(5, "NULL", 2, 0, 0, 10, "valid", 300, 1);
    is("energy_net_j", 30.9, value_of("energy_net_j", NULL).estimate.uncertainty);
}

static void contended_windows_count_where_there_is_no_valid_one(void **state)
{
    struct cell_joules j;

    (void)state;
    add_windows();
    write_rows("UPDATE window SET state = 'contended', reason = 'others took 3%' WHERE id = 3");
    joules_of(db, 1, &j);
    assert_string_equal(j.state, "valid");
    assert_int_equal(j.windows, 1);
    near(j.energy_j.value, 40);
    near(j.energy_j.uncertainty, 0.2);
    assert_non_null(strstr(j.note, "1 of 2 windows valid: others took 3%"));
    write_rows("UPDATE window SET state = 'contended', reason = 'x' WHERE id = 2");
    joules_of(db, 1, &j);
    assert_string_equal(j.state, "contended");
    near(j.energy_j.value, 41);
    write_rows("UPDATE window SET state = 'invalid', reason = 'suspended' WHERE cell IS NOT NULL");
    joules_of(db, 1, &j);
    assert_string_equal(j.state, "invalid");
    assert_true(isnan(j.energy_j.value));
    assert_string_equal(j.reason, "suspended");
    is_absent("j_per_token", "suspended");
}

static void a_row_says_what_it_has(void **state)
{
    json_t *row = json_object();

    (void)state;
    add_windows();
    add_reading(1, "cycles", 400, "ran for 95% of the time");
    write_rows("INSERT INTO reading (sample, channel, unit, provenance, reason) VALUES "
               "(1, 'misses', 'count', 'counted', 'not counted')");
    energy_members(row, db, 1, 2);
    near(json_real_value(json_object_get(row, "energy_j")), 20.5);
    assert_string_equal(json_string_value(json_object_get(row, "certificate")), "uncertified");
    assert_string_equal(json_string_value(json_object_get(row, "energy_domains")),
                        "powercap: package-0");
    assert_true(json_is_null(json_object_get(row, "energy_reason")));
    near(json_real_value(json_object_get(json_object_get(row, "counters"), "cycles")), 400);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(row, "counters_absent"), "misses")),
        "not counted");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(row, "counters_note"), "cycles")),
        "ran for 95% of the time");
    json_decref(row);
}

static void text_of_joules(void **state)
{
    static const struct {
        double joules, uncertainty;
        const char *state, *text;
    } cases[] = { { 5.861, 0.799, "valid", "5.9 ± 0.8 J" },
                  { 0.4898, 0.0298, "valid", "490 ± 30 mJ" },
                  { 2e-6, 1e-7, "contended", "2.0 ± 0.1 uJ (contended)" },
                  { 2.5, NAN, NULL, "2.5 J" },
                  { 0, NAN, NULL, "0 nJ" },
                  { NAN, NAN, "invalid", "- (invalid)" },
                  { NAN, NAN, NULL, "-" } };
    char text[80];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        energy_text(text, sizeof text, cases[i].joules, cases[i].uncertainty, cases[i].state);
        assert_string_equal(text, cases[i].text);
    }
}

/* Of a cell that another process ran: this one need not have a meter open. */
static void the_reason_is_the_cells_own(void **state)
{
    struct cell_joules joules;

    (void)state;
    joules_of(db, 1, &joules);
    assert_string_equal(joules.reason, "no window of it was measured");
    write_rows("INSERT INTO value (cell, metric, unit, provenance, reason) VALUES "
               "(1, 'energy_j', 'J', 'measured', 'powercap: absent')");
    joules_of(db, 1, &joules);
    assert_string_equal(joules.reason, "powercap: absent");
    assert_int_equal(joules.windows, 0);
}

#define WITH_CELL(test) cmocka_unit_test_setup_teardown(test, open_cell, close_cell)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CELL(of_what_was_counted),
        WITH_CELL(traffic_of_the_machine_comes_first),
        WITH_CELL(of_joules),
        WITH_CELL(power_is_of_each_window),
        WITH_CELL(absent_inputs_have_reasons_and_no_zero),
        WITH_CELL(a_count_of_zero_is_a_count_and_no_divisor),
        WITH_CELL(net_is_withheld_when_idle_drifts),
        WITH_CELL(idle_of_another_series_does_not_count),
        WITH_CELL(contended_windows_count_where_there_is_no_valid_one),
        WITH_CELL(a_row_says_what_it_has),
        WITH_CELL(the_reason_is_the_cells_own),
        cmocka_unit_test(text_of_joules),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
