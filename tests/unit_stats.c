/* SPDX-License-Identifier: MIT
 *
 * stats.c against numbers computed elsewhere: ranks by exact binomial sums in integers, Student's
 * quantiles from tables, the rest by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "harness/stats.h"

static void assert_close(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("got %.17g, want %.17g", got, want);
}

static void median_of_odd_even_and_unsorted(void **state)
{
    const double odd[] = { 5, 1, 3 }, even[] = { 4, 1, 3, 2 }, one[] = { 7 };
    double kept[] = { 5, 1, 3 };

    (void)state;
    assert_close(stats_median(odd, 3), 3, 0);
    assert_close(stats_median(even, 4), 2.5, 0);
    assert_close(stats_median(one, 1), 7, 0);
    stats_summary(kept, 3);
    assert_memory_equal(kept, odd, sizeof odd);
}

/* llama.cpp issue 24951: there the sum of squares overflowed 64-bit integers. */
static void deviation_of_twelve_seconds_in_ns(void **state)
{
    const double x[] = { 12140144300, 12308847400, 12225136900, 12154929400, 11909783400 };
    struct summary s = stats_summary(x, 5);

    (void)state;
    assert_int_equal(s.n, 5);
    assert_close(s.mean, 12147768280, 1e-15);
    assert_close(s.sd, 148894758.0, 1e-8);
    assert_close(s.median, 12154929400, 0);
    assert_close(s.mad, 70207500, 0);
    assert_close(s.min, 11909783400, 0);
    assert_close(s.max, 12308847400, 0);
}

static void deviation_keeps_its_digits_on_a_high_offset(void **state)
{
    const double x[] = { 1e15 + 1, 1e15 + 2, 1e15 + 3 };

    (void)state;
    assert_close(stats_summary(x, 3).sd, 1, 1e-12);
}

static void one_sample_has_no_interval(void **state)
{
    const double x[] = { 42 };
    struct summary s = stats_summary(x, 1);

    (void)state;
    assert_int_equal(s.interval, INTERVAL_NONE);
    assert_true(isnan(s.low) && isnan(s.high) && isnan(s.sd));
    assert_close(s.median, 42, 0);
    assert_close(s.mad, 0, 0);
}

static void below_six_the_interval_is_student_s(void **state)
{
    const double x[] = { 10, 12, 11, 13, 14 };
    const double half[] = { 12.706204736174698, 2.484137711750331, 2.0542602567605215,
                            1.963243161477557 }; /* t * sd / sqrt(n) for n = 2 .. 5 */

    (void)state;
    for (int n = 2; n <= 5; n++) {
        struct summary s = stats_summary(x, n);

        assert_int_equal(s.interval, INTERVAL_T);
        assert_close(s.high - s.mean, half[n - 2], 1e-9);
        assert_close(s.mean - s.low, half[n - 2], 1e-9);
    }
}

/* Ranks from the binomial distribution: the narrowest symmetric pair that covers 95%. */
static void from_six_on_the_interval_is_of_order_statistics(void **state)
{
    static const struct {
        int n, rank;
    } known[] = { { 6, 1 },  { 7, 1 },   { 8, 1 },    { 9, 2 },      { 11, 2 },    { 12, 3 },
                  { 20, 6 }, { 30, 10 }, { 100, 40 }, { 1000, 469 }, { 2000, 956 } };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        int n = known[i].n;
        double *x = malloc((size_t)n * sizeof *x);
        struct summary s;

        assert_non_null(x);
        for (int j = 0; j < n; j++)
            x[j] = (double)((j * 7919) % n) + 1; /* 1 .. n, in disorder: 7919 is prime */
        s = stats_summary(x, n);
        free(x);
        assert_int_equal(s.interval, INTERVAL_ORDER);
        assert_close(s.low, known[i].rank, 0);
        assert_close(s.high, n + 1 - known[i].rank, 0);
    }
}

static void a_nan_is_not_sorted_away(void **state)
{
    const double x[] = { 1, 2, 3, NAN };

    (void)state;
    assert_true(isnan(stats_median(x, 4)));
    assert_true(isnan(stats_summary(x, 4).median));
}

static void intervals_have_words(void **state)
{
    (void)state;
    assert_string_equal(stats_interval_words(INTERVAL_ORDER), "order statistics, 95%");
    assert_non_null(strstr(stats_interval_words(INTERVAL_T), "assumes a normal distribution"));
    assert_non_null(strstr(stats_interval_words(INTERVAL_NONE), "no interval"));
}

static void geometric_mean_of_ratios(void **state)
{
    const double x[] = { 2, 8 }, bad[] = { 2, 0 }, huge[] = { 1e300, 1e300 };

    (void)state;
    assert_close(stats_ratios(x, 2).mean, 4, 1e-15);
    assert_close(stats_ratios(huge, 2).mean, 1e300, 1e-12);
    assert_true(isnan(stats_ratios(bad, 2).mean));
}

static void pairs_cancel_what_both_arms_share(void **state)
{
    double x[8];
    struct summary s;

    (void)state;
    for (int i = 0; i < 8; i++) { /* the machine slows down eightfold, the ratio stays */
        const double b = 100 * (1 + i), a = 2 * b;
        x[i] = a / b;
    }
    s = stats_ratios(x, 8);
    assert_close(s.mean, 2, 1e-15);
    assert_close(s.low, 2, 0);
    assert_close(s.high, 2, 0);
    assert_int_equal(s.interval, INTERVAL_ORDER);
}

static void few_pairs_have_an_interval_of_logarithms(void **state)
{
    const double x[] = { 2, 8 }, bad[] = { 2, -8 };
    struct summary s = stats_ratios(x, 2);

    (void)state;
    assert_int_equal(s.interval, INTERVAL_T);
    assert_close(s.mean, 4, 1e-14);
    assert_close(s.median, 4, 1e-14); /* halfway between them, as a factor */
    assert_close(stats_center(&s), s.mean, 0);
    assert_close(s.low * s.high, 16, 1e-9); /* symmetric about 4, as a factor */
    assert_true(s.low > 0 && s.low < 2);
    assert_true(isnan(stats_ratios(bad, 2).mean));
}

/* One round that a neighbour took nine tenths of: the mean leaves the interval, which is the
 * median's. */
static void a_ratio_lies_in_its_interval(void **state)
{
    const double a[] = { 1, 1.02, 0.99, 1.01, 0.98, 1, 0.995, 1.015, 0.1, 1.005 };
    double b[10];
    struct summary s, t;

    (void)state;
    for (int i = 0; i < 10; i++)
        b[i] = 1 / a[i];
    s = stats_ratios(a, 10);
    t = stats_ratios(b, 10);
    assert_true(s.mean < s.low);
    assert_true(stats_center(&s) >= s.low && stats_center(&s) <= s.high);
    assert_close(stats_center(&s) * stats_center(&t), 1, 1e-14);
    assert_close(s.low * t.high, 1, 1e-14);
}

static void steady_is_level_and_narrow(void **state)
{
    const double level[] = { 900, 300, 100, 101, 99, 100 };
    const double slope[] = { 100, 102, 104, 106, 108, 110 };
    const double spike[] = { 100, 100, 100, 130, 100, 100 };
    const double zeros[] = { 0, 0, 0 };

    (void)state;
    assert_true(stats_steady(level, 6, 4, 0.01, 0.05));
    assert_false(stats_steady(level, 6, 6, 0.01, 0.05)); /* the whole series is not */
    assert_false(stats_steady(slope, 6, 6, 0.01, 0.10));
    assert_true(stats_steady(slope, 6, 6, 0.05, 0.10));
    assert_false(stats_steady(spike, 6, 6, 0.05, 0.10));
    assert_false(stats_steady(level + 2, 3, 4, 1, 1)); /* too few */
    assert_true(stats_steady(zeros, 3, 3, 0.01, 0.01));
}

static void outlier_scores(void **state)
{
    (void)state;
    assert_close(stats_outlier_score(13, 10, 2), 0.6745 * 1.5, 1e-15);
    assert_close(stats_outlier_score(7, 10, 2), -0.6745 * 1.5, 1e-15);
    assert_close(stats_outlier_score(10, 10, 0), 0, 0);
    assert_true(stats_outlier_score(11, 10, 0) > 1e300);
    assert_true(stats_outlier_score(9, 10, 0) < -1e300);
}

/* By hand: means 2 and 6, grand mean 4; MS within 1, between 24 at 3 a group: (24 - 1) / 3. */
static void spread_within_and_between_processes(void **state)
{
    const double x[] = { 1, 2, 3, 5, 6, 7 }, level[] = { 1, 3, 1, 3 };
    const int group[] = { 0, 0, 0, 4, 4, 4 }, pairs[] = { 1, 1, 2, 2 };

    (void)state;
    struct nested n = stats_nested(x, group, 6);
    assert_int_equal(n.groups, 2);
    assert_true(fabs(n.within - 1) < 1e-12);
    assert_true(fabs(n.between - sqrt(23.0 / 3)) < 1e-12);
    n = stats_nested(level, pairs, 4); /* the groups are alike: within explains all */
    assert_true(fabs(n.within - sqrt(2)) < 1e-12 && n.between == 0);
    n = stats_nested(x, group, 3);
    assert_true(n.groups == 1 && isnan(n.within) && isnan(n.between));
    n = stats_nested(x, group + 2, 2); /* two groups of one */
    assert_true(n.groups == 2 && isnan(n.within));
}

/* NIST's Statistical Reference Datasets, linear regression, Norris: certified to 15 digits. */
static void a_line_is_nist_s(void **state)
{
    static const double y[] = { 0.1,   338.8, 118.1, 888.0, 9.2,   228.1, 668.5, 998.5, 449.1,
                                778.9, 559.2, 0.3,   0.1,   778.1, 668.8, 339.3, 448.9, 10.8,
                                557.7, 228.3, 998.0, 888.8, 119.6, 0.3,   0.6,   557.6, 339.3,
                                888.0, 998.5, 778.9, 10.2,  117.6, 228.9, 668.4, 449.2, 0.2 };
    static const double x[] = { 0.2,   337.4, 118.2, 884.6, 10.1,  226.5, 666.3, 996.3, 448.6,
                                777.0, 558.2, 0.4,   0.6,   775.5, 666.9, 338.0, 447.5, 11.6,
                                556.0, 228.1, 995.8, 887.6, 120.2, 0.3,   0.3,   556.8, 339.1,
                                887.2, 999.0, 779.0, 11.1,  118.3, 229.2, 669.1, 448.9, 0.5 };
    const double t34 = 2.032244509317719; /* Student's, 34 degrees of freedom */
    double w[36];

    (void)state;
    for (int i = 0; i < 36; i++)
        w[i] = 7; /* what all share says nothing */
    const struct line line = stats_line(x, y, w, 36);
    assert_int_equal(line.n, 36);
    assert_close(line.slope, 1.00211681802045, 1e-13);
    assert_close(line.intercept, -0.262323073774029, 1e-11);
    assert_close(line.residual, sqrt(7) * 0.884796396144373, 1e-12);
    assert_close(line.slope_high - line.slope, t34 * 0.429796848199937e-3, 1e-6);
    assert_close(line.intercept - line.intercept_low, t34 * 0.232818234301152, 1e-6);
    assert_close(line.intercept_high - line.intercept, t34 * 0.232818234301152, 1e-6);
}

/* By hand: slope 7 / 5, residuals 0.1, -0.3, 0.3, -0.1. */
static void a_line_of_few_points(void **state)
{
    const double x[] = { 1, 2, 3, 4, 4 }, y[] = { 2, 3, 5, 6, 6 }, ones[] = { 1, 1, 1, 1, 1 };
    const double twice[] = { 1, 1, 1, 2 }, level[] = { 3, 3, 3 };

    (void)state;
    struct line line = stats_line(x, y, ones, 4);
    assert_close(line.slope, 1.4, 1e-14);
    assert_close(line.intercept, 0.5, 1e-13);
    assert_close(line.slope - line.slope_low, 4.302652729749464 * sqrt(0.02), 1e-12);
    assert_close(line.intercept_high - line.intercept, 4.302652729749464 * sqrt(0.15), 1e-12);
    line = stats_line(x, y, twice, 4); /* a point that weighs 2 is two points */
    const struct line doubled = stats_line(x, y, ones, 5);
    assert_close(line.slope, doubled.slope, 1e-14);
    assert_close(line.intercept, doubled.intercept, 1e-13);
    assert_true(isnan(stats_line(x, y, ones, 2).slope)); /* no degree of freedom is left */
    assert_true(isnan(stats_line(level, y, ones, 3).slope));
    const double seven[] = { 1, 2, 3, 4, 5, 6, 7 }, up[] = { 1, 2, 4, 4, 5, 7, 7 };
    const double even[] = { 1, 1, 1, 1, 1, 1, 1 };
    line = stats_line(seven, up, even, 7); /* 5 degrees of freedom */
    assert_close((line.slope - line.slope_low) / line.residual * sqrt(28), 2.570581835636314, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_of_odd_even_and_unsorted),
        cmocka_unit_test(deviation_of_twelve_seconds_in_ns),
        cmocka_unit_test(deviation_keeps_its_digits_on_a_high_offset),
        cmocka_unit_test(one_sample_has_no_interval),
        cmocka_unit_test(below_six_the_interval_is_student_s),
        cmocka_unit_test(from_six_on_the_interval_is_of_order_statistics),
        cmocka_unit_test(a_nan_is_not_sorted_away),
        cmocka_unit_test(intervals_have_words),
        cmocka_unit_test(geometric_mean_of_ratios),
        cmocka_unit_test(pairs_cancel_what_both_arms_share),
        cmocka_unit_test(a_ratio_lies_in_its_interval),
        cmocka_unit_test(few_pairs_have_an_interval_of_logarithms),
        cmocka_unit_test(steady_is_level_and_narrow),
        cmocka_unit_test(outlier_scores),
        cmocka_unit_test(spread_within_and_between_processes),
        cmocka_unit_test(a_line_is_nist_s),
        cmocka_unit_test(a_line_of_few_points),
    };

    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
