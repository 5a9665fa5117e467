/* SPDX-License-Identifier: MIT
 *
 * Windows against a counter that another thread writes, in files, in real time: 65 W, an update a
 * millisecond. Truth is P * T. A machine that others use delays the writer, too: it keeps a record
 * of its updates, and a window in which its own value was older than the bound allows for is its
 * fault and counted as such. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "harness/energy/routes.h"
#include "harness/energy/rules.h"
#include "harness/store.h"
#include "tests/energy_fixture.h"

static const double WATTS = 65;
static char root[128];
static struct energy_writer *writer;
static struct energy *energy;
static struct energy_window window;

/* Powercap with a known maximum, so that a small counter's wraps are no surprise. */
static int open_80w(void **state, const struct meter_context *context,
                    struct energy_channel *channels, int max, struct why *why)
{
    int count = energy_powercap.open(state, context, channels, max, why);

    for (int c = 0; c < count; c++)
        channels[c].max_w = 80;
    return count;
}

static struct energy_route route_80w;

static void open_all(const struct energy_rules *rules, const struct energy_route *route)
{
    const struct energy_route *const routes[] = { route, NULL };
    const struct meter_context context = { .sysroot = root };

    assert_int_equal(energy_open_rules(&energy, &context, routes, rules), 0);
}

static void make_tree(const char *range)
{
    assert_int_equal(energy_fixture_root(root, sizeof root), 0);
    assert_int_equal(energy_fixture_make(root, "above-range"), 0);
    assert_int_equal(
        energy_fixture_write(root, "/sys/class/powercap/intel-rapl:0/max_energy_range_uj", range),
        0);
    assert_int_equal(energy_fixture_write(root, "/sys/class/powercap/intel-rapl:0/energy_uj",
                                          "1000\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"),
                     0);
    assert_int_equal(energy_writer_start(&writer, root, WATTS, 1000000), 0);
}

static int tear_down(void **state)
{
    (void)state;
    energy_close(energy);
    energy = NULL;
    energy_writer_stop(writer);
    writer = NULL;
    return root[0] ? energy_fixture_remove(root) : 0;
}

static void sleep_us(int us)
{
    nanosleep(&(struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L }, NULL);
}

/* Windows may be short, and how busy others are is not the question. */
static struct energy_rules short_windows(void)
{
    struct energy_rules rules = energy_rules_default;

    rules.window_s = 0;
    rules.window_periods = 0;
    rules.edges_share = 0;
    rules.guard_share = INFINITY;
    return rules;
}

/* The period as measured may be the machine's at a bad moment: a p95 far above the mean says so. */
static void open_steady(const struct energy_rules *rules, const struct energy_route *route)
{
    for (int attempt = 0; attempt < 20; attempt++) {
        const struct energy_channel *channel;

        open_all(rules, route);
        channel = energy_channel(energy, 0);
        if (strcmp(channel->why.status, "ok") != 0)
            fail_msg("%s", channel->why.said);
        if (channel->period_p95_s < 2 * channel->period_s && channel->period_s < 2e-3 &&
            channel->period_p05_s > 0)
            return;
        print_message("# period %.2f ms, p95 %.2f ms: the writer was late, measured again\n",
                      1e3 * channel->period_s, 1e3 * channel->period_p95_s);
        energy_close(energy);
    }
    open_all(rules, route);
}

/* ---- windows against truth ---- */

/* What windows_measure does: work in runs, which go on to an update where they are short. */
static void take_window(double seconds, double run_s)
{
    int64_t start_ns;
    int runs = 0;

    energy_begin(energy);
    start_ns = clock_ns();
    do {
        for (int64_t run_ns = clock_ns(); clock_ns() - run_ns < (int64_t)(1e9 * run_s);)
            ;
        runs++;
    } while (clock_ns() - start_ns < (int64_t)(1e9 * seconds) ||
             !energy_updated(energy, (clock_ns() - start_ns) / runs));
    energy_end(energy, &window);
}

/* How far the writer was behind at an edge, as it says itself: its updates came after the moment
 * they are of, or more than one was left out. */
static double behind_s(int64_t edge_ns, double longest_s)
{
    const int64_t near_ns = 5000000;
    const double gap_s = energy_writer_gap_s(writer, edge_ns - near_ns, edge_ns + near_ns);
    const double lag_s = energy_writer_lag_s(writer, edge_ns - near_ns, edge_ns + near_ns);

    return lag_s + fmax(0, gap_s - longest_s);
}

static double writer_behind_s(double longest_s)
{
    return behind_s(window.start_ns, longest_s) +
           behind_s(window.start_ns + window.time_ns, longest_s);
}

struct errors {
    int n, small, late; /* small: below 1 u; late: by the writer's fault, and no error of ours */
    double sum, sum2, largest, u, bound, least_u, least_bound;
};

/* Checks the bound of the window, too. */
static void add_error(struct errors *errors)
{
    const struct energy_channel *channel = energy_channel(energy, 0);
    const struct joules *total = &window.total;
    const double error = total->value - WATTS * 1e-9 * (double)window.time_ns;
    const double relative = error / total->uncertainty;
    const double writer_j =
        WATTS * writer_behind_s(fmax(channel->period_max_s, 2 * channel->period_s));

    if (fabs(error) > total->bound + writer_j)
        fail_msg("%.5f J in %.5f s at %.0f W: off by %.5f, bound %.5f, of the writer %.5f",
                 total->value, 1e-9 * (double)window.time_ns, WATTS, error, total->bound, writer_j);
    errors->least_u = fmin(errors->least_u, total->uncertainty);
    errors->least_bound = fmin(errors->least_bound, total->bound);
    if (writer_behind_s(1.1 * channel->period_p95_s) > 0.1 * channel->period_s) {
        errors->late++;
        return;
    }
    errors->n++;
    errors->small += fabs(relative) < 1;
    errors->sum += relative;
    errors->sum2 += relative * relative;
    errors->largest = fmax(errors->largest, fabs(error) / total->bound);
    errors->u += total->uncertainty;
    errors->bound += total->bound;
}

static double show_errors(const struct errors *errors, const char *what)
{
    const struct energy_channel *channel = energy_channel(energy, 0);
    const double n = errors->n, mean = errors->sum / n,
                 deviation = sqrt(errors->sum2 / n - mean * mean);

    print_message("# %s: %d windows, err/u has mean %.2f, deviation %.2f, %d below u; |err|/bound "
                  "at most %.2f; %d more with a writer late\n",
                  what, errors->n, mean, deviation, errors->small, errors->largest, errors->late);
    print_message("# u %.2f mJ, at least %.2f; bound %.1f mJ, at least %.1f; an update of %.3f ms "
                  "(%.3f to %.3f) is %.0f mJ\n",
                  1e3 * errors->u / n, 1e3 * errors->least_u, 1e3 * errors->bound / n,
                  1e3 * errors->least_bound, 1e3 * channel->period_s, 1e3 * channel->period_p05_s,
                  1e3 * channel->period_p95_s, 1e3 * WATTS * channel->period_s);
    return deviation;
}

/* Runs of a twentieth of a period: both edges are at updates, to the time between two looks. The
 * counter wraps every half second; a window that is invalid for a late guard or writer is a delayed
 * thread's. */
static void test_200_windows(void **state)
{
    const struct energy_rules rules = short_windows();
    struct errors errors = { .least_u = INFINITY, .least_bound = INFINITY };
    double deviation;
    unsigned wraps = 0;
    int guard_late = 0;

    (void)state;
    make_tree("32000000\n");
    open_steady(&rules, &route_80w);
    assert_int_equal(energy_aligned(energy), 0);
    for (int w = 0; w < 200; w++) {
        take_window(20e-3 + 1e-6 * (w * 7919 % 30000), 50e-6);
        if (window.total.reason && !strstr(window.total.reason, "not read for") &&
            !strstr(window.total.reason, "a jump of"))
            fail_msg("window %d: %s", w, window.total.reason);
        if (window.total.reason) {
            guard_late++;
            continue;
        }
        wraps += window.total.wraps;
        add_error(&errors);
    }
    deviation = show_errors(&errors, "runs of 0.05 ms");
    print_message("# %u wraps; %d windows invalid because a thread was late\n", wraps, guard_late);
    assert_true(wraps >= 3); /* of 14 */
    assert_true(errors.n >= 80);
    assert_true(deviation > 0.2 && deviation < 1.2);
    /* Where this thread was not off its CPU, a part of a period is left of both edges. */
    assert_true(errors.least_u < 0.1 * WATTS * energy_channel(energy, 0)->period_s);
    assert_true(errors.least_bound < 0.4 * WATTS * energy_channel(energy, 0)->period_s);
}

/* Runs of many periods: the end is where the last run ends, and the next update tells how old the
 * last one was. A writer that was late at that moment is an error of that. */
static void test_long_runs(void **state)
{
    const struct energy_rules rules = short_windows();
    struct errors errors = { .least_u = INFINITY, .least_bound = INFINITY };

    (void)state;
    make_tree("262143328850\n");
    open_steady(&rules, &energy_powercap);
    for (int w = 0; w < 100; w++) {
        const double seconds = 10e-3 + 1e-6 * (w * 7919 % 10000);

        take_window(seconds, seconds);
        if (window.total.reason)
            fail_msg("window %d: %s", w, window.total.reason);
        add_error(&errors);
    }
    show_errors(&errors, "one run");
    assert_true(errors.small >= errors.n / 4); /* twice that on a machine of our own */
    assert_true(errors.least_u < 0.3 * WATTS * energy_channel(energy, 0)->period_s);
    assert_true(errors.least_bound < 1.2 * WATTS * energy_channel(energy, 0)->period_s);
}

/* 2 J: a wrap every 31 ms. At 80 W the guard reads every 4.2 ms, and a gap of 16.7 ms could hide a
 * wrap: such a window is invalid, and it is a delayed thread's. */
static void test_fast_wraps(void **state)
{
    const struct energy_rules rules = short_windows();
    struct errors errors = { .least_u = INFINITY, .least_bound = INFINITY };
    int guard_late = 0;

    (void)state;
    make_tree("2000000\n");
    open_steady(&rules, &route_80w);
    for (int w = 0; w < 80 && errors.n + errors.late < 10; w++) {
        const struct joules *joules = &window.total;

        energy_begin(energy);
        sleep_us(250000);
        energy_end(energy, &window);
        if (joules->reason) {
            if (!strstr(joules->reason, "not read for") && !strstr(joules->reason, "a jump of"))
                fail_msg("window %d: %s", w, joules->reason);
            guard_late++;
            continue;
        }
        add_error(&errors);
        assert_in_range(joules->wraps, (unsigned)((joules->value - joules->bound) / 2.000001),
                        (unsigned)((joules->value + joules->bound) / 2.000001) + 1);
    }
    show_errors(&errors, "8 wraps each");
    print_message("# %d windows invalid because a thread was late; guard's share %.2g %%\n",
                  guard_late, 100 * window.guard_share);
    assert_true(errors.n + errors.late >= 3);
}

static void test_no_guard(void **state)
{
    struct energy_rules rules = short_windows();

    (void)state;
    rules.guard = false;
    make_tree("2000000\n");
    open_steady(&rules, &route_80w);
    energy_begin(energy);
    sleep_us(250000);
    energy_end(energy, &window);
    assert_int_equal(window.state, WINDOW_INVALID);
    assert_true(isnan(window.total.value) && isnan(window.joules[0].value));
    assert_non_null(strstr(window.reason, "it may wrap unseen"));
    assert_ptr_equal(window.total.reason, window.joules[0].reason);
}

static void test_jump(void **state)
{
    const struct energy_rules rules = short_windows();

    (void)state;
    make_tree("262143328850\n");
    open_steady(&rules, &energy_powercap);
    energy_begin(energy);
    sleep_us(20000);
    energy_writer_jump(writer, 1000);
    sleep_us(20000);
    energy_end(energy, &window);
    assert_int_equal(window.state, WINDOW_INVALID);
    assert_true(isnan(window.total.value));
    assert_non_null(strstr(window.reason, "a jump of"));
    energy_begin(energy);
    sleep_us(20000);
    energy_end(energy, &window);
    assert_true(window.total.value > 0); /* the next window is sound */
}

static void test_zone_vanishes(void **state)
{
    const struct energy_rules rules = short_windows();
    char path[192];

    (void)state;
    make_tree("262143328850\n");
    open_steady(&rules, &energy_powercap);
    energy_begin(energy);
    sleep_us(20000);
    snprintf(path, sizeof path, "%s/sys/class/powercap", root);
    assert_int_equal(energy_fixture_remove(path), 0);
    energy_end(energy, &window);
    assert_int_equal(window.state, WINDOW_INVALID);
    assert_true(isnan(window.total.value));
    assert_non_null(strstr(window.total.reason, "no longer there"));
}

static void test_stops(void **state)
{
    const struct energy_rules rules = short_windows();

    (void)state;
    make_tree("262143328850\n");
    open_steady(&rules, &energy_powercap);
    energy_writer_stop(writer);
    writer = NULL;
    energy_begin(energy);
    sleep_us(400000);
    energy_end(energy, &window);
    assert_int_equal(window.state, WINDOW_INVALID);
    assert_true(isnan(window.total.value));
    assert_non_null(strstr(window.reason, "stood still"));
}

/* ---- whole machines ---- */

/* Two sockets with dram through all routes; perf is parsed and not opened, and everything is a
 * fixture. */
static void test_tree(void **state)
{
    const struct energy_rules rules = short_windows();
    const struct meter_context context = { .sysroot = root };
    double seconds;

    (void)state;
    assert_int_equal(energy_fixture_root(root, sizeof root), 0);
    assert_int_equal(energy_fixture_make(root, "server"), 0);
    assert_int_equal(energy_writer_start(&writer, root, 50, 1000000), 0);
    assert_int_equal(energy_open_rules(&energy, &context, energy_routes, &rules), 0);
    assert_string_equal(energy_domains(energy),
                        "powercap: package-0+package-1+package-0/dram+package-1/dram");
    assert_string_equal(energy_provenance(energy), PROVENANCE_FIXTURE);
    for (int c = 0; c < energy_channel_count(energy); c++) {
        const struct energy_channel *channel = energy_channel(energy, c);
        const char *route = energy_route(energy, energy_channel_route(energy, c))->name;

        assert_string_equal(channel->why.status, c < 4 ? "ok" : "skipped");
        assert_string_equal(channel->provenance, PROVENANCE_FIXTURE);
        assert_true(c >= 4 || strcmp(route, "powercap") == 0);
    }
    energy_begin(energy);
    sleep_us(200000);
    energy_end(energy, &window);
    seconds = 1e-9 * (double)window.time_ns;
    assert_null(window.total.reason);
    /* 2 * (50 + 5) W; the writer may be late: 20 % tell it from a wrong sum. */
    if (fabs(window.total.value - 110 * seconds) > 0.2 * 110 * seconds)
        fail_msg("%g J in %g s are not 110 W", window.total.value, seconds);
    assert_true(isnan(window.joules[4].value));
}

static void test_frozen_tree(void **state)
{
    const struct meter_context context = { .sysroot = root };

    (void)state;
    assert_int_equal(energy_fixture_root(root, sizeof root), 0);
    assert_int_equal(energy_fixture_make(root, "zen"), 0);
    assert_int_equal(energy_open(&energy, &context, energy_routes), 0);
    assert_null(energy_domains(energy));
    assert_string_equal(energy_channel(energy, 0)->why.status, "broken");
    assert_non_null(strstr(energy_reason(energy), "frozen"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_200_windows, tear_down),
        cmocka_unit_test_teardown(test_long_runs, tear_down),
        cmocka_unit_test_teardown(test_fast_wraps, tear_down),
        cmocka_unit_test_teardown(test_no_guard, tear_down),
        cmocka_unit_test_teardown(test_jump, tear_down),
        cmocka_unit_test_teardown(test_zone_vanishes, tear_down),
        cmocka_unit_test_teardown(test_stops, tear_down),
        cmocka_unit_test_teardown(test_tree, tear_down),
        cmocka_unit_test_teardown(test_frozen_tree, tear_down),
    };

    route_80w = energy_powercap;
    route_80w.open = open_80w;
    return cmocka_run_group_tests_name("energy_live", tests, NULL, NULL);
}
