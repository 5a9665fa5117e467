/* SPDX-License-Identifier: MIT
 *
 * Statistics of samples, computed on reading: raw samples are what is stored. No function drops a
 * sample, allocates for its caller, or prints. Rules and sources: docs/method.md. */
#ifndef HARNESS_STATS_H
#define HARNESS_STATS_H

#include <stdbool.h>

enum interval_kind {
    INTERVAL_NONE,  /* n = 1: there is none, and low = high = NaN */
    INTERVAL_T,     /* n < 6: Student's t, assumes a normal distribution, and says so */
    INTERVAL_ORDER, /* n >= 6: binomial order statistics of the median, at least 95% */
};

struct summary {
    int n;
    double median, mean, mad, min, max; /* mad: median absolute deviation, unscaled */
    double sd;                          /* standard deviation, over n - 1; NaN for n = 1 */
    double low, high;                   /* 95% interval of the median; n < 6: of the mean */
    enum interval_kind interval;
};

/* x is (n), any order, not modified; n >= 1. */
struct summary stats_summary(const double *x, int n);

/* Words for an interval: "order statistics, 95%", "n < 6: assumes a normal distribution", ... */
const char *stats_interval_words(enum interval_kind kind);

/* Samples in groups (of one process each): one-way analysis of variance. The standard deviation
 * within groups, and of the groups' means beyond what the one within explains (0 where it explains
 * all). NaN: fewer than two groups, or none of two samples. */
struct nested {
    int groups;
    double within, between;
};
/* group is (n): samples of one group stand together. */
struct nested stats_nested(const double *x, const int *group, int n);

double stats_median(const double *x, int n);

/* Of ratios: stats_summary, but for what has to be taken of their logarithms, so that b / a has the
 * reciprocals of a / b: the mean, which is geometric, the median of an even number, and Student's
 * interval for n < 6, which has no bound below 0. All x > 0; NaN otherwise. */
struct summary stats_ratios(const double *x, int n);
/* The number that the interval is of: the median, and for n < 6 the mean. */
double stats_center(const struct summary *s);

/* The line y = slope x + intercept through n points by least squares, point i weighing w[i]: its
 * 95% intervals are Student's with n - 2 degrees of freedom, for residuals that are normal with
 * variances in proportion to 1 / w. residual: sqrt(sum w r^2 / (n - 2)). All NaN for n < 3, or
 * where all x are one. (Draper, Smith, Applied Regression Analysis, 1.4 and 9.2.) */
struct line {
    int n;
    double slope, slope_low, slope_high;
    double intercept, intercept_low, intercept_high;
    double residual;
};
struct line stats_line(const double *x, const double *y, const double *w, int n);

/* Is the tail of x steady? Least-squares slope over the last `window` samples below `slope` of
 * their mean per sample, and none further than `deviation` from their mean, both relative. */
bool stats_steady(const double *x, int n, int window, double slope, double deviation);

/* Iglewicz and Hoaglin's score 0.6745 (x - median) / MAD; 0 where MAD is 0 and x is the median,
 * infinity where MAD is 0 and it is not. */
double stats_outlier_score(double x, double median, double mad);

#endif
