/* SPDX-License-Identifier: MIT
 *
 * Opening, the total, windows and their cost, on counters that are computed from the clock. */
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
#include <cmocka.h>
#include "harness/energy/rules.h"
#include "harness/energy/windows.h"
#include "harness/store.h"

/* ---- counters of constant power, updated each period ---- */

struct modelled {
    const char *name;
    enum energy_role role;
    double watts; /* 0: it stands still */
    int64_t period_ns;
    const char *status; /* NULL: ok */
    bool power;
};

static const struct modelled package = { "package-0", ENERGY_PACKAGE, 40, 1000000, NULL, false };
static struct modelled modelled[8];
static int modelled_count, fails_from; /* reads of channel 0 fail from the n-th on; 0: none */
static int reads;
static int64_t read_ns; /* that a read takes */
static const struct meter_context here = { .sysroot = "" };
static struct energy *energy;
static struct energy_window window;

static int model_open(void **state, const struct meter_context *context,
                      struct energy_channel *channels, int max, struct why *why)
{
    (void)context;
    (void)max;
    if (modelled_count == 0) {
        why_set(why, "absent", "model", NULL, "no model");
        return -ENOENT;
    }
    for (int c = 0; c < modelled_count; c++) {
        channels[c] = (struct energy_channel){ .role = modelled[c].role,
                                               .parent = -1,
                                               .power = modelled[c].power,
                                               .lsb = 1e-6,
                                               .provenance = PROVENANCE_HW_ESTIMATE,
                                               .why = { .status = "ok" } };
        snprintf(channels[c].name, sizeof channels[c].name, "%s", modelled[c].name);
        snprintf(channels[c].source, sizeof channels[c].source, "model/%s", modelled[c].name);
        if (modelled[c].status)
            why_set(&channels[c].why, modelled[c].status, "model", NULL, "model/%s: %s",
                    modelled[c].name, modelled[c].status);
    }
    reads = 0;
    *state = modelled;
    return modelled_count;
}

static void model_read(void *state, int channel, struct energy_sample *sample)
{
    const struct modelled *m = (const struct modelled *)state + channel;
    int64_t now = clock_ns(), updated = m->period_ns ? now - now % m->period_ns : now;

    while (clock_ns() - now < read_ns)
        ;
    *sample = (struct energy_sample){ .time_ns = now };
    sample->raw = (uint64_t)(1e6 * m->watts * (m->power ? 1 : 1e-9 * (double)updated));
    if (channel == 0 && fails_from && ++reads >= fails_from)
        sample->error = -EIO;
}

static void model_close(void *state)
{
    (void)state;
}

static const struct energy_route model = { .name = "model",
                                           .what = "a test's",
                                           .open = model_open,
                                           .read = model_read,
                                           .close = model_close };
static const struct energy_route *const only_model[] = { &model, NULL };

static struct energy_rules short_windows(void)
{
    struct energy_rules rules = energy_rules_default;

    rules.window_s = rules.window_periods = rules.edges_share = 0;
    rules.guard_share = INFINITY;
    return rules;
}

static void open_model(const struct energy_rules *rules, const struct modelled *channels, int count)
{
    for (int c = 0; c < count; c++)
        modelled[c] = channels[c];
    modelled_count = count;
    fails_from = 0;
    assert_int_equal(energy_open_rules(&energy, &here, only_model, rules), 0);
}

static int tear_down(void **state)
{
    (void)state;
    energy_close(energy);
    energy = NULL;
    read_ns = 0;
    return 0;
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

/* ---- the total ---- */

static void test_total(void **state)
{
    const struct energy_rules rules = short_windows();
    static const struct modelled channels[] = {
        { "psys", ENERGY_PLATFORM, 90, 1000000, NULL, false },
        { "package-0", ENERGY_PACKAGE, 40, 1000000, NULL, false },
        { "package-0/core", ENERGY_PART, 30, 1000000, NULL, false },
        { "package-0/dram", ENERGY_DRAM, 5, 1000000, NULL, false },
        { "package-1", ENERGY_PACKAGE, 20, 1000000, NULL, false },
        { "mmio:package-0", ENERGY_COPY, 40, 1000000, NULL, false },
    };
    double seconds;

    (void)state;
    open_model(&rules, channels, 6);
    assert_string_equal(energy_domains(energy), "model: package-0+package-1+package-0/dram");
    assert_int_equal(energy_aligned(energy), 1); /* package-0 */
    assert_null(energy_reason(energy));
    assert_string_equal(energy_provenance(energy), PROVENANCE_HW_ESTIMATE);
    energy_begin(energy);
    sleep_ms(200);
    energy_end(energy, &window);
    seconds = 1e-9 * (double)window.time_ns;
    assert_null(window.total.reason);
    if (fabs(window.total.value - 65 * seconds) > window.total.bound)
        fail_msg("%g J in %g s, bound %g", window.total.value, seconds, window.total.bound);
    assert_true(fabs(window.joules[0].value - 90 * seconds) <= window.joules[0].bound);
    assert_true(window.total.bound >= window.joules[1].bound + window.joules[4].bound);
}

static void test_total_without_a_socket(void **state)
{
    const struct energy_rules rules = short_windows();
    struct modelled channels[] = {
        { "package-0", ENERGY_PACKAGE, 40, 1000000, NULL, false },
        { "package-1", ENERGY_PACKAGE, 20, 1000000, "denied", false },
        { "psys", ENERGY_PLATFORM, 90, 1000000, NULL, false },
        { "wall", ENERGY_BOARD, 120, 1000000, NULL, false },
    };

    (void)state;
    open_model(&rules, channels, 2); /* one socket of two is no total */
    assert_null(energy_domains(energy));
    assert_non_null(strstr(energy_reason(energy), "model/package-1: denied"));
    energy_begin(energy);
    energy_end(energy, &window);
    assert_true(isnan(window.total.value));
    assert_ptr_equal(window.total.reason, energy_reason(energy));
    assert_null(window.joules[0].reason);
    assert_non_null(strstr(window.joules[1].reason, "denied"));
    energy_close(energy);
    open_model(&rules, channels, 3);
    assert_string_equal(energy_domains(energy), "model: psys");
    energy_close(energy);
    open_model(&rules, channels + 3, 1);
    assert_string_equal(energy_domains(energy), "model: wall");
}

static void test_nothing(void **state)
{
    struct energy_rules rules = energy_rules_default;

    (void)state;
    modelled_count = 0;
    rules.window_s = 1.0000000005; /* all that is asked of a window here; rounded up */
    assert_int_equal(energy_open_rules(&energy, &here, only_model, &rules), 0);
    assert_int_equal(energy_window_ns(energy), 1000000001);
    assert_null(energy_domains(energy));
    assert_string_equal(energy_reason(energy), "model: no model");
    assert_string_equal(energy_route_why(energy, 0)->status, "absent");
    energy_begin(energy);
    sleep_ms(20);
    energy_end(energy, &window);
    assert_true(isnan(window.total.value));
    assert_string_equal(window.total.reason, "model: no model");
}

/* ---- periods ---- */

/* On a machine that others use every interval may have been one in which this thread was away. */
static void open_steady(const struct modelled *channels, int count, double period_s)
{
    open_model(&energy_rules_default, channels, count);
    for (int attempt = 0; attempt < 4 && energy_channel(energy, 0)->period_s > 2 * period_s;
         attempt++) {
        energy_close(energy);
        open_model(&energy_rules_default, channels, count);
    }
}

static void test_period(void **state)
{
    static const struct modelled channels[] = {
        { "package-0", ENERGY_PACKAGE, 40, 2000000, NULL, false },
        { "package-0/dram", ENERGY_DRAM, 5, 1000000, NULL, false },
        { "package-0/uncore", ENERGY_PART, 0, 1000000, NULL, false },
    };
    const struct energy_channel *channel;
    int64_t start = clock_ns();

    (void)state;
    modelled_count = 0;
    open_steady(channels, 3, 2e-3);
    channel = energy_channel(energy, 0);
    if (!(channel->period_s > 1.9e-3 && channel->period_s < 4e-3))
        fail_msg("%g s is not 2 ms", channel->period_s);
    assert_true(channel->period_p95_s >= 1.9e-3 && channel->period_max_s >= channel->period_p95_s);
    assert_true(energy_window_ns(energy) >= 1000000000);
    assert_string_equal(energy_channel(energy, 1)->why.status, "ok");
    /* It stood still beside others that did not: known after 1 s. */
    assert_string_equal(energy_channel(energy, 2)->why.status, "broken");
    assert_non_null(strstr(energy_channel(energy, 2)->why.said, "frozen"));
    assert_true(clock_ns() - start >= 1000000000);
}

static void test_slow_period(void **state)
{
    static const struct modelled channels[] = {
        { "package-0", ENERGY_PACKAGE, 40, 700000000, NULL, false },
    };
    const struct energy_channel *channel;

    (void)state;
    open_steady(channels, 1, 0.7);
    channel = energy_channel(energy, 0);
    assert_string_equal(channel->why.status, "ok");
    if (!(channel->period_s > 0.6 && channel->period_s < 1.0))
        fail_msg("%g s is not 0.7 s", channel->period_s);
    assert_true(energy_window_ns(energy) > 300000000000); /* 500 periods */
    assert_int_equal(energy_aligned(energy), -1);         /* such updates are not waited for */
    assert_true(energy_updated(energy, 1));
}

/* ---- windows ---- */

/* Whatever else there is to say of it: the guard takes more than -1 here. */
static void test_too_short(void **state)
{
    struct energy_rules rules = energy_rules_default;

    (void)state;
    rules.guard_share = -1;
    open_model(&rules, &package, 1);
    energy_begin(energy);
    sleep_ms(50);
    energy_end(energy, &window);
    assert_int_equal(window.state, WINDOW_INVALID);
    assert_non_null(strstr(window.reason, "shorter than 1 s"));
    assert_true(isnan(window.total.value) && isnan(window.joules[0].value));
    assert_non_null(strstr(window.joules[0].reason, "shorter than 1 s"));
}

static void test_read_error(void **state)
{
    const struct energy_rules rules = short_windows();
    static const struct modelled channels[] = {
        { "package-0/core", ENERGY_PART, 30, 1000000, NULL, false },
        { "package-0", ENERGY_PACKAGE, 40, 1000000, NULL, false },
    };

    (void)state;
    open_model(&rules, channels, 2);
    energy_begin(energy);
    fails_from = 1;
    sleep_ms(20);
    energy_end(energy, &window);
    assert_true(isnan(window.joules[0].value));
    assert_non_null(strstr(window.joules[0].reason, strerror(EIO)));
    assert_true(window.state != WINDOW_INVALID); /* core is no part of the total */
    assert_true(window.total.value > 0);
}

/* 10 Hz is all that a power needs of the guard. */
static void test_power(void **state)
{
    const struct energy_rules rules = short_windows();
    static const struct modelled channels[] = {
        { "rail", ENERGY_BOARD, 12.5, 0, NULL, true },
    };
    struct energy_trace trace[16];
    double seconds;

    (void)state;
    open_model(&rules, channels, 1);
    energy_begin(energy);
    sleep_ms(450);
    energy_end(energy, &window);
    seconds = 1e-9 * (double)window.time_ns;
    assert_null(window.total.reason);
    assert_true(fabs(window.total.value - 12.5 * seconds) < 1e-3);
    /* A trace only where a CPU is free for it. */
    assert_true(energy_trace_read(energy, trace, 16) <= 16);
    assert_int_equal(energy_aligned(energy), -1);
}

static void test_trace(void **state)
{
    struct energy_rules rules = short_windows();
    static const struct modelled channels[] = {
        { "package-0", ENERGY_PACKAGE, 40, 1000000, NULL, false },
        { "package-0/core", ENERGY_PART, 30, 1000000, NULL, false },
    };
    struct energy_trace trace[4];
    int points;

    (void)state;
    rules.trace_cpus = 0; /* any number is enough */
    rules.trace_s = 0.02;
    open_model(&rules, channels, 2);
    for (int t = 0; t < 100 && energy_trace_read(energy, trace, 4) < 4; t++)
        sleep_ms(20);
    points = energy_trace_read(energy, trace, 4);
    assert_int_equal(points, 4);
    for (int p = 0; p < points; p++) {
        assert_int_equal(trace[p].channel, 0);
        assert_true(p == 0 || trace[p].time_ns > trace[p - 1].time_ns);
        if (!(trace[p].power_w > 30 && trace[p].power_w < 50))
            fail_msg("%g W is not 40 W within an update", trace[p].power_w);
    }
}

/* ---- windows_measure ---- */

struct log {
    int count, workload[64], round[64], runs[64], stop_after;
    volatile int stop;
};

static int record(void *arg, int workload, int round, int runs, const struct energy_window *w)
{
    struct log *log = arg;

    assert_true(log->count < 64);
    assert_true(w->time_ns > 0);
    log->workload[log->count] = workload;
    log->round[log->count] = round;
    log->runs[log->count++] = runs;
    if (log->count == log->stop_after)
        log->stop = 1;
    return 0;
}

static int nap(void *arg)
{
    ++*(int *)arg;
    sleep_ms(2);
    return 0;
}

static int break_down(void *arg)
{
    (void)arg;
    return -ENOMEM;
}

static void test_measure(void **state)
{
    struct energy_rules rules = short_windows();
    int ran[3] = { 0 }, errors[4], seen[4] = { 0 }, orders = 0;
    const struct workload workloads[] = { { .name = "a", .run = nap, .arg = &ran[0] },
                                          { .name = "b", .run = nap, .arg = &ran[1] },
                                          { .name = "c", .run = nap, .arg = &ran[2] },
                                          { .name = "bad", .run = break_down } };
    struct log log = { 0 };
    struct windows_plan plan = { .windows = 8, .idle_s = 0.02, .seed = 7, .stop = &log.stop };

    (void)state;
    rules.window_s = 0.01;
    open_model(&rules, &package, 1);
    assert_int_equal(windows_measure(energy, workloads, 4, &plan, record, &log, errors), 0);
    assert_int_equal(log.count, 2 + 3 * 8);
    assert_int_equal(log.workload[0], -1);
    assert_int_equal(log.round[0], 0);
    assert_int_equal(log.workload[25], -1);
    assert_int_equal(log.round[25], 1);
    for (int i = 1; i < 25; i++) {
        assert_int_equal(log.round[i], (i - 1) / 3);
        assert_true(log.runs[i] >= 1 && log.runs[i] <= 5); /* 2 ms and more fill 10 ms */
        seen[log.workload[i]]++;
        orders += i > 3 && log.workload[i] != log.workload[i - 3];
    }
    assert_true(seen[0] == 8 && seen[1] == 8 && seen[2] == 8 && seen[3] == 0);
    assert_true(orders > 0);
    assert_true(errors[0] == 0 && errors[1] == 0 && errors[2] == 0 && errors[3] == -ENOMEM);
    log = (struct log){ .stop_after = 4 };
    assert_int_equal(windows_measure(energy, workloads, 3, &plan, record, &log, errors), -EINTR);
    assert_int_equal(log.count, 4);
    log = (struct log){ 0 };
    plan.deadline_ns = 1;
    assert_int_equal(windows_measure(energy, workloads, 3, &plan, record, &log, errors), 0);
    assert_int_equal(log.count, 2); /* no round begins; idle is measured */
    energy_close(energy);
    modelled_count = 0;
    assert_int_equal(energy_open(&energy, &here, only_model), 0);
    assert_int_equal(windows_measure(energy, workloads, 3, &plan, record, &log, errors), -ENODEV);
}

/* ---- cost ---- */

/* 3 ms a read are 6 ms at both edges: 0.5% of 1.2 s. */
static void test_slow_to_read(void **state)
{
    struct energy_rules rules = energy_rules_default;

    (void)state;
    read_ns = 3000000;
    rules.window_periods = 0;
    open_model(&rules, &package, 1);
    assert_true(energy_route_cost_ns(energy, 0) >= 6000000);
    assert_true(energy_window_ns(energy) >= 200 * energy_route_cost_ns(energy, 0));
    energy_begin(energy);
    sleep_ms(10);
    energy_end(energy, &window);
    assert_int_equal(window.state, WINDOW_INVALID);
    assert_true(isnan(window.total.value));
    assert_non_null(strstr(window.reason, "edges would weigh too much"));
}

/* Against 0.5 % of 1 s: edges, less the wait for an update, which is outside; and the guard. */
static void test_cost(void **state)
{
    static const struct modelled channels[] = {
        { "package-0", ENERGY_PACKAGE, 40, 1000000, NULL, false },
        { "package-0/dram", ENERGY_DRAM, 5, 1000000, NULL, false },
    };
    struct energy_rules rules = short_windows();
    double best_us = INFINITY;
    int64_t start;

    (void)state;
    rules.align_s = 0;
    open_model(&rules, channels, 2);
    for (int w = 0; w < 200; w++) {
        start = clock_ns();
        energy_begin(energy);
        energy_end(energy, &window);
        best_us = fmin(best_us, 1e-3 * (double)(clock_ns() - start));
    }
    print_message("# an empty window of 2 channels: %.1f us\n", best_us);
    assert_true(best_us < 5000);
    energy_begin(energy);
    sleep_ms(1000);
    energy_end(energy, &window);
    print_message("# the guard: %.4f %% of 1 s\n", 100 * window.guard_share);
    assert_true(window.guard_share < 0.005);
    energy_close(energy);
    rules.trace_cpus = 0;
    open_model(&rules, channels, 2);
    energy_begin(energy);
    sleep_ms(1000);
    energy_end(energy, &window);
    print_message("# the guard with a trace at 10 Hz: %.4f %% of 1 s\n", 100 * window.guard_share);
    assert_true(window.guard_share < 0.005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_total, tear_down),
        cmocka_unit_test_teardown(test_total_without_a_socket, tear_down),
        cmocka_unit_test_teardown(test_nothing, tear_down),
        cmocka_unit_test_teardown(test_period, tear_down),
        cmocka_unit_test_teardown(test_slow_period, tear_down),
        cmocka_unit_test_teardown(test_too_short, tear_down),
        cmocka_unit_test_teardown(test_read_error, tear_down),
        cmocka_unit_test_teardown(test_power, tear_down),
        cmocka_unit_test_teardown(test_trace, tear_down),
        cmocka_unit_test_teardown(test_measure, tear_down),
        cmocka_unit_test_teardown(test_slow_to_read, tear_down),
        cmocka_unit_test_teardown(test_cost, tear_down),
    };

    return cmocka_run_group_tests_name("energy", tests, NULL, NULL);
}
