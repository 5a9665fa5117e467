/* SPDX-License-Identifier: MIT
 *
 * How selftest judges what it measured. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "bench/selftest.h"

static void test_order(void **state)
{
    static const double u[LOADS] = { 0.1, 0.1, 0.1, 0.1 };
    static const double flat[LOADS] = { 65, 65, 65, 65 };

    (void)state;
    assert_int_equal(selftest_order((double[LOADS]){ 10, 20, 40, 41 }, u, true), -1);
    assert_int_equal(selftest_order((double[LOADS]){ 10, 9.8, 40, 41 }, u, true), -1);
    assert_int_equal(selftest_order((double[LOADS]){ 10, 9.7, 40, 41 }, u, true), 1);
    assert_int_equal(selftest_order((double[LOADS]){ 10, 20, 40, 39 }, u, true), 3);
    /* A counter that knows nothing of the load: no fault of a tree's, a fault on a machine. */
    assert_int_equal(selftest_order(flat, u, false), -1);
    assert_int_equal(selftest_order(flat, u, true), 3);
    assert_int_equal(selftest_order((double[LOADS]){ 10, NAN, 40, 41 }, u, false), 1);
    assert_int_equal(selftest_order((double[LOADS]){ 10, 20, 40, NAN }, u, false), 3);
}

static void test_spread(void **state)
{
    static const double steady[SELFTEST_REPEATS] = { 100, 101, 99, 100, 100 };
    static const double jumps[SELFTEST_REPEATS] = { 100, 100, 106, 100, 100 };

    (void)state;
    assert_true(fabs(selftest_spread(steady, SELFTEST_REPEATS) - 0.00707107) < 1e-7);
    assert_true(selftest_spread(steady, SELFTEST_REPEATS) < selftest_repeat_max);
    assert_true(selftest_spread(jumps, SELFTEST_REPEATS) > selftest_repeat_max);
    assert_false(selftest_spread((double[2]){ 100, NAN }, 2) < selftest_repeat_max);
}

static void test_agree(void **state)
{
    const struct host_cpu skylake = { .vendor = "GenuineIntel", .family = 6, .model = 85 };
    const struct host_cpu sapphire = { .vendor = "GenuineIntel", .family = 6, .model = 143 };
    const struct host_cpu zen = { .vendor = "AuthenticAMD", .family = 25, .model = 106 };

    (void)state;
    assert_true(selftest_agree(1000.9, 0, 1000, 0, 0.001));
    assert_false(selftest_agree(1001.1, 0, 1000, 0, 0.001));
    assert_true(selftest_agree(1001.1, 0.06, 1000, 0.08, 0.001));
    assert_false(selftest_agree(NAN, 0, 1000, 0, 0.001));
    /* 15.3 uJ and 2^-16 J: 0.27 % */
    assert_true(selftest_agree(15.3, 0, 1e6 * 0x1p-16, 0, selftest_agreement_max(&skylake, true)));
    assert_false(
        selftest_agree(15.3, 0, 1e6 * 0x1p-16, 0, selftest_agreement_max(&skylake, false)));
    assert_false(
        selftest_agree(15.3, 0, 1e6 * 0x1p-16, 0, selftest_agreement_max(&sapphire, true)));
    assert_false(selftest_agree(15.3, 0, 1e6 * 0x1p-16, 0, selftest_agreement_max(&zen, true)));
    assert_false(selftest_agree(15.3, 0, 1e6 * 0x1p-16, 0, selftest_agreement_max(NULL, true)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_agree),
    };

    return cmocka_run_group_tests_name("selftest", tests, NULL, NULL);
}
