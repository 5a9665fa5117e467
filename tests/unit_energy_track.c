/* SPDX-License-Identifier: MIT
 *
 * The arithmetic of joules, without a clock or a file: wraps, faults, uncertainty, the load. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "harness/counter.h"
#include "harness/energy/guard.h"
#include "harness/energy/load.h"
#include "harness/energy/track.h"

static const int64_t MS = 1000000;
static char reason[192];

/* cmocka's assert_float_equal compares floats. */
static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g is not %.12g", value, expected);
}

static struct energy_channel counter(uint64_t wrap)
{
    return (struct energy_channel){ .name = "package-0",
                                    .lsb = 1e-6,
                                    .wrap = wrap,
                                    .resolution = 61e-6,
                                    .period_s = 1e-3,
                                    .period_p95_s = 1.2e-3,
                                    .period_max_s = 1.5e-3 };
}

static struct energy_sample at(int64_t ms, uint64_t raw)
{
    return (struct energy_sample){ .time_ns = ms * MS, .raw = raw };
}

static struct track begin(const struct energy_channel *channel, uint64_t raw)
{
    struct track track = { .channel = channel, .max_w = 1000 };

    track_begin(&track, &(struct energy_sample){ .time_ns = 1, .raw = raw });
    track.first.time_ns = track.last.time_ns = track.changed_ns = 0;
    return track;
}

static struct joules end(struct track *track, int64_t ms, uint64_t raw)
{
    struct joules joules;
    struct energy_sample sample = at(ms, raw);

    track_add(track, &sample);
    track_end(track, 0, ms * MS, NULL, &joules, reason, sizeof reason);
    return joules;
}

static void assert_none(const struct joules *joules, const char *words)
{
    assert_true(isnan(joules->value) && isnan(joules->uncertainty) && isnan(joules->bound));
    assert_non_null(joules->reason);
    if (!strstr(joules->reason, words))
        fail_msg("\"%s\" does not say \"%s\"", joules->reason, words);
}

static void test_wrap(void **state)
{
    struct energy_channel c = counter(262143328911);
    struct track track = begin(&c, 262143000000);
    struct joules joules = end(&track, 1000, 671150);

    (void)state;
    assert_near(joules.value, 1.000061, 1e-9); /* the modulus is the range and a unit */
    assert_int_equal(joules.wraps, 1);
    track = begin(&c, 5);
    c.period_p95_s = 0;
    joules = end(&track, 1000, 5);
    assert_true(joules.value == 0 && !joules.reason);
}

/* Any stretch of counts, read at any places that lie less than a wrap apart, adds up. */
static void test_any_reads_add_up(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (int trial = 0; trial < 1000; trial++) {
        struct energy_channel c = counter(1000 + (random >> 33) % 100000000);
        uint64_t raw = (random >> 20) % c.wrap, sum = 0, wraps = 0;
        struct track track = begin(&c, raw);
        struct joules joules;

        for (int read = 1; read <= 20; read++) {
            uint64_t step;

            random = random * 6364136223846793005u + 1442695040888963407u;
            step = (random >> 30) % c.wrap;
            sum += step;
            wraps += (raw + step) / c.wrap;
            raw = (raw + step) % c.wrap;
            track_add(&track, &(struct energy_sample){ .time_ns = read * 1000 * MS, .raw = raw });
        }
        track_end(&track, 0, 20000 * MS, NULL, &joules, reason, sizeof reason);
        assert_near(joules.value, 1e-6 * (double)sum, 1e-9 * (double)sum + 1e-12);
        assert_int_equal(joules.wraps, wraps);
    }
}

/* Updates 10 +- 0.1 ms before the window and 4 +- 1 ms before its end: 1.006 s between them. */
static void test_aligned(void **state)
{
    struct energy_channel c = counter(1u << 30);
    struct track track = begin(&c, 0);
    const struct track_update first = { .known = true,
                                        .from_ns = -10 * MS - MS / 10,
                                        .to_ns = -10 * MS + MS / 10,
                                        .earliest_ns = -10 * MS - MS / 10,
                                        .next_j = NAN };
    struct track_update last = { .known = true,
                                 .from_ns = 995 * MS,
                                 .to_ns = 997 * MS,
                                 .earliest_ns = 994 * MS,
                                 .next_j = NAN };
    const double squares = (0.2 * 0.2 + 10 * 10 + 2 * 2 + 4 * 4) / 12;
    struct energy_sample sample = at(1000, 60360000);
    struct joules joules;

    (void)state;
    track_add(&track, &sample);
    track_align(&track, &first, &last);
    track_end(&track, 0, 1000 * MS, NULL, &joules, reason, sizeof reason);
    assert_near(joules.value, 60, 1e-9); /* 60.36 J in 1.006 s */
    assert_near(joules.uncertainty, sqrt(3600e-6 * squares + 61e-6 * 61e-6 / 6), 1e-9);
    assert_near(joules.bound, 60 * (10.1e-3 + 6e-3) + 61e-6, 1e-9);
    /* The update after it was waited for and showed 0.5 J more: E lies in between. */
    last.next_j = 0.5;
    track_align(&track, &first, &last);
    track_end(&track, 0, 1000 * MS, NULL, &joules, reason, sizeof reason);
    assert_near(joules.value, 60, 1e-9);
    assert_near(joules.bound, 60 * 10.1e-3 + (0.5 - 60 * 4e-3) + 2 * 61e-6, 1e-9);
    /* Where the end is not known, nothing is aligned. */
    last.known = false;
    track_align(&track, &first, &last);
    track_end(&track, 0, 1000 * MS, NULL, &joules, reason, sizeof reason);
    assert_near(joules.value, 60.36, 1e-9);
    assert_near(joules.uncertainty, 60.36 * 1.2e-3 / 2, 1e-5);
    track_begin(&track, &sample); /* the next window has edges of its own */
    assert_false(track.begin.known || track.end.known);
}

/* By rule: nothing in the values shows it. */
static void test_late_read(void **state)
{
    const struct energy_rules rules = energy_rules_default;
    struct energy_channel c = counter(65532611002);
    struct track track = begin(&c, 0);
    struct joules joules;

    (void)state;
    track.deadline_ns = guard_deadline_ns(&c, 1000, &rules);
    assert_in_range(track.deadline_ns, 43688 * MS, 43689 * MS); /* 65.5 kJ at 1.5 kW */
    joules = end(&track, 43000, 65000000);
    assert_null(joules.reason);
    track = begin(&c, 0);
    track.deadline_ns = guard_deadline_ns(&c, 1000, &rules);
    joules = end(&track, 44000, 65000000);
    assert_none(&joules, "not read for 44 s");
    c.wrap = 0;
    assert_int_equal(guard_deadline_ns(&c, 1000, &rules), 0);
}

static void test_faults(void **state)
{
    struct energy_channel c = counter(262143328911);
    struct track track = begin(&c, 0);
    struct joules joules;

    (void)state;
    joules = end(&track, 50, 1003250000);
    assert_none(&joules, "jump of 1003 J");
    track = begin(&c, 0);
    joules = end(&track, 1000, 65000000);
    assert_null(joules.reason);
    track = begin(&c, 0);
    joules = end(&track, 1000, 262143328911);
    assert_none(&joules, "above its range");
    track = begin(&c, 7);
    joules = end(&track, 1000, 7);
    assert_none(&joules, "stood still for 1 s");
    track = begin(&c, 0);
    track_add(&track, &(struct energy_sample){ .time_ns = 10 * MS, .error = -EIO });
    joules = end(&track, 1000, 65000000);
    assert_none(&joules, strerror(EIO));
    track = begin(&c, 0);
    track_begin(&track, &(struct energy_sample){ .time_ns = 10 * MS, .error = -ENODEV });
    joules = end(&track, 1000, 65000000);
    assert_none(&joules, "no longer there");
    c.wrap = 0;
    track = begin(&c, 65000000);
    joules = end(&track, 1000, 64999999);
    assert_none(&joules, "went back");
}

/* P = 65 W, tau_95 = 1.2 ms, tau_max = 1.5 ms (so two periods of 1 ms count), a unit of 61 uJ, and
 * a first edge 2 ms wide. */
static void test_uncertainty(void **state)
{
    struct energy_channel c = counter(262143328911);
    struct track track = begin(&c, 0);
    struct joules joules;
    double edge = 65 * 1.2e-3 / 2, unit = 61e-6 / sqrt(6), clock = 65 * 2e-3 / sqrt(12);

    (void)state;
    track_add(&track, &(struct energy_sample){ .time_ns = 1000 * MS, .raw = 65000000 });
    track_end(&track, 2 * MS, 998 * MS, NULL, &joules, reason, sizeof reason);
    assert_near(joules.value, 65, 1e-9);
    assert_near(joules.uncertainty, sqrt(edge * edge + unit * unit + clock * clock), 1e-9);
    assert_near(joules.bound, 65 * 2e-3 + 61e-6 + 65 * 2e-3, 1e-9);
    /* 100 W before the window: the first edge's age lies there. */
    track.before_w = 100;
    track_end(&track, 0, 1000 * MS, NULL, &joules, reason, sizeof reason);
    assert_near(joules.bound, 100 * 2e-3 + 61e-6, 1e-9);
}

/* 10 W for 1 s, then up to 30 W within 0.5 s: 10 + 10 J, the corner off by at most 5 J. */
static void test_power(void **state)
{
    struct energy_channel c = { .name = "rail", .lsb = 1e-6, .power = true };
    struct track track = begin(&c, 10000000);
    struct energy_sample second = at(1000, 10000000);
    struct joules joules;

    (void)state;
    track.deadline_ns = 1000 * MS;
    track_add(&track, &second);
    joules = end(&track, 1500, 30000000);
    assert_near(joules.value, 20, 1e-9);
    assert_near(joules.uncertainty, 10 / sqrt(12), 1e-3);
    assert_near(joules.bound, 5, 1e-3);
    track = begin(&c, 10000000);
    track.deadline_ns = 1000 * MS;
    joules = end(&track, 1001, 10000000);
    assert_none(&joules, "not read for");
    track = begin(&c, 10000000);
    joules = end(&track, 500, 1001000000);
    assert_none(&joules, "1001 W is more");
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        int error;
        uint64_t value;
    } cases[] = {
        { "12\n", 0, 12 },
        { "12", 0, 12 },
        { "0\n\n\n", 0, 0 },
        { "18446744073709551615\n", 0, UINT64_MAX },
        { "18446744073709551616\n", -ERANGE, 0 },
        { "", -ENODATA, 0 },
        { "\n", -ENODATA, 0 },
        { "12x\n", -EBADMSG, 0 },
        { "12 \n", -EBADMSG, 0 },
        { " 12\n", -EBADMSG, 0 },
        { "-12\n", -EBADMSG, 0 },
        { "+12\n", -EBADMSG, 0 },
        { "12\n3\n", -EBADMSG, 0 },
    };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        uint64_t value = 0;

        assert_int_equal(counter_parse(cases[c].text, strlen(cases[c].text), &value),
                         cases[c].error);
        assert_true(value == cases[c].value);
    }
}

/* ---- the load ---- */

static struct energy_window judge(const struct load_edge *from, const struct load_edge *to)
{
    struct energy_window window = { .time_ns = 1000 * MS };

    load_judge(from, to, &energy_rules_default, &window);
    return window;
}

static void test_load(void **state)
{
    const struct load_edge from = { .known = true, .busy = 1000, .all = 9000 };
    struct load_edge to = {
        .known = true, .busy = 1100, .all = 9200, .own_ns = 980 * MS, .guard_ns = MS
    };
    struct energy_window window;
    int64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);

    (void)state;
    assert_int_equal(tick_ns, 10 * MS);
    window = judge(&from, &to); /* 2 ticks may be rounding */
    assert_int_equal(window.state, WINDOW_VALID);
    assert_near(window.foreign_share, 0.02, 1e-9);
    assert_near(window.guard_share, 0.001, 1e-9);
    assert_true(window.steal_share == 0);
    to.own_ns = 950 * MS;
    window = judge(&from, &to);
    assert_int_equal(window.state, WINDOW_CONTENDED);
    assert_non_null(strstr(window.reason, "other processes used 0.05 s"));
    to.own_ns = 1000 * MS;
    to.steal = 1;
    window = judge(&from, &to);
    assert_int_equal(window.state, WINDOW_CONTENDED);
    assert_non_null(strstr(window.reason, "steal"));
    assert_near(window.steal_share, 1.0 / 200, 1e-9);
    to.guard_ns = 6 * MS;
    window = judge(&from, &to);
    assert_int_equal(window.state, WINDOW_INVALID);
    assert_non_null(strstr(window.reason, "the guard used 0.6 %"));
    to.guard_ns = 0;
    to.suspended_ns = 60000 * MS;
    window = judge(&from, &to);
    assert_int_equal(window.state, WINDOW_INVALID);
    assert_non_null(strstr(window.reason, "suspended for 60 s"));
}

/* In an idle window all that is busy is foreign, and it is little. */
static void test_idle_load(void **state)
{
    const struct load_edge from = { .known = true, .busy = 1000, .all = 9000 };
    struct load_edge to = { .known = true, .busy = 1003, .all = 9200 };
    struct energy_window window = judge(&from, &to);

    (void)state;
    assert_int_equal(window.state, WINDOW_VALID);
    assert_true(window.foreign_share == 1);
    to.busy = 1010;
    assert_int_equal(judge(&from, &to).state, WINDOW_CONTENDED);
    to.known = false;
    window = judge(&from, &to);
    assert_int_equal(window.state, WINDOW_VALID);
    assert_true(isnan(window.foreign_share) && isnan(window.steal_share));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrap),        cmocka_unit_test(test_any_reads_add_up),
        cmocka_unit_test(test_aligned),     cmocka_unit_test(test_late_read),
        cmocka_unit_test(test_faults),      cmocka_unit_test(test_power),
        cmocka_unit_test(test_uncertainty), cmocka_unit_test(test_parse),
        cmocka_unit_test(test_load),        cmocka_unit_test(test_idle_load),
    };

    return cmocka_run_group_tests_name("energy_track", tests, NULL, NULL);
}
