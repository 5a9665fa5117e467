/* SPDX-License-Identifier: MIT
 *
 * meter.c: sets of meters, what they cost, and the clock. Nothing here depends on how long anything
 * takes. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "harness/meter.h"

static const struct meter_context here = { .sysroot = "" };

static void a_meter_that_cannot_be_opened_says_why_in_each_reading(void **state)
{
    const struct meter *const list[] = { &meter_sched, &meter_fake, NULL };
    struct meter_set *set;
    struct reading readings[SAMPLE_READINGS_MAX];
    int last;

    (void)state;
    meter_fake_script(NULL, 0);
    assert_int_equal(meter_set_open(&set, list, &here), 0);
    last = meter_set_channels(set) - 1;
    assert_string_equal(meter_set_why(set, 0)->status, "ok");
    assert_string_equal(meter_set_why(set, 1)->said, "the fake meter has no script");
    meter_set_start(set, "");
    meter_set_stop(set, readings);
    assert_null(readings[0].reason);
    assert_string_equal(readings[last].reason, "the fake meter has no script");
    assert_false(readings[last].value == 0);
    meter_set_close(set);
}

static void too_many_channels_are_refused(void **state)
{
    const struct meter *list[SAMPLE_READINGS_MAX / 5 + 2] = { NULL }; /* sched has five channels */
    struct meter_set *set;

    (void)state;
    for (int i = 0; i <= SAMPLE_READINGS_MAX / 5; i++)
        list[i] = &meter_sched;
    assert_int_equal(meter_set_open(&set, list, &here), -E2BIG);
    assert_null(set);
}

static void the_clock_moves_forwards(void **state)
{
    int64_t before = clock_ns();

    (void)state;
    assert_true(clock_resolution_ns() > 0);
    assert_true(clock_ns() > before);
}

/* ---- what meters cost ---- */

static const struct meter *const fake_and_sched[] = { &meter_fake, &meter_sched, NULL };

static struct meter_set *open_costing(int64_t ns, const struct reading *script, int count)
{
    struct meter_set *set;

    meter_fake_script(script, count);
    meter_fake_cost(ns);
    assert_int_equal(meter_set_open(&set, fake_and_sched, &here), 0);
    meter_set_measure(set, meter_fake_now); /* a clock that this meter alone moves */
    return set;
}

/* 1 ms to start and 1 ms to stop: 2 ms are 0.5% of 400 ms. */
static void test_cost_of_a_meter(void **state)
{
    static const struct reading script[200] = { { .value = 7 } };
    struct reading readings[SAMPLE_READINGS_MAX];
    struct meter_set *set = open_costing(1000000, script, 200);

    (void)state;
    assert_int_equal(meter_set_cost_ns(set, 0), 2000000);
    assert_int_equal(meter_set_cost_ns(set, 1), 0);
    assert_int_equal(meter_set_fit(set, 0), 2000000);
    assert_int_equal(meter_set_fit(set, 400000000), 2000000);
    meter_set_start(set, "r");
    meter_set_stop(set, readings);
    assert_null(readings[0].reason);
    assert_int_equal(meter_set_fit(set, 399999999), 0);
    meter_set_start(set, "r");
    meter_set_stop(set, readings);
    assert_true(isnan(readings[0].value));
    assert_string_equal(readings[0].reason,
                        "left out: with meters that cost less, its 2e+03 us are "
                        "more than 0.5% of a sample");
    assert_null(readings[1].reason); /* the other one is read */
    meter_set_close(set);
    meter_fake_cost(0);
    meter_fake_script(NULL, 0);
}

/* The cheapest first: two that each fit and together do not. */
static void test_cost_of_two(void **state)
{
    static const struct meter *const twice[] = { &meter_fake, &meter_fake, NULL };
    static const struct reading script[200] = { { .value = 7 } };
    struct reading readings[SAMPLE_READINGS_MAX];
    struct meter_set *set;

    (void)state;
    meter_fake_script(script, 200);
    meter_fake_cost(1000);
    assert_int_equal(meter_set_open(&set, twice, &here), 0);
    meter_set_measure(set, meter_fake_now);
    assert_int_equal(meter_set_fit(set, 800000), 4000);
    assert_int_equal(meter_set_fit(set, 799999), 2000);
    meter_set_start(set, "r");
    meter_set_stop(set, readings);
    assert_null(readings[0].reason);
    assert_non_null(strstr(readings[1].reason, "left out"));
    meter_set_close(set);
    meter_fake_cost(0);
    meter_fake_script(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_meter_that_cannot_be_opened_says_why_in_each_reading),
        cmocka_unit_test(too_many_channels_are_refused),
        cmocka_unit_test(the_clock_moves_forwards),
        cmocka_unit_test(test_cost_of_a_meter),
        cmocka_unit_test(test_cost_of_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
