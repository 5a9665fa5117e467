/* SPDX-License-Identifier: MIT */
#include "harness/stats.h"

#include <math.h>
#include <stdlib.h>

/* Below this n even [min, max] covers the median in less than 95% of cases: 1 - 2 / 2^n. */
enum { ORDER_MIN = 6 };

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* A sorted copy, the caller's to free. NULL: no memory, or a NaN, which has no place in an order.
 */
static double *sorted_copy(const double *x, int n)
{
    double *copy = malloc((size_t)n * sizeof *copy);

    if (!copy)
        return NULL;
    for (int i = 0; i < n; i++) {
        if (isnan(x[i])) {
            free(copy);
            return NULL;
        }
        copy[i] = x[i];
    }
    qsort(copy, (size_t)n, sizeof *copy, by_value);
    return copy;
}

static double sorted_median(const double *sorted, int n)
{
    double upper = sorted[n / 2];

    return n % 2 ? upper : sorted[n / 2 - 1] + (upper - sorted[n / 2 - 1]) / 2;
}

/* Two passes: the second takes out what the first lost by rounding, and no square of a raw value is
 * ever formed, so nanoseconds of minutes lose no digits. */
static double mean_of(const double *x, int n)
{
    double sum = 0, rest = 0, mean;

    for (int i = 0; i < n; i++)
        sum += x[i];
    mean = sum / n;
    for (int i = 0; i < n; i++)
        rest += x[i] - mean;
    return mean + rest / n;
}

static double deviation_of(const double *x, int n, double mean)
{
    double squares = 0;

    for (int i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? sqrt(squares / (n - 1)) : NAN;
}

/* The k of the narrowest [k-th smallest, k-th largest] that covers the median in at least 95% of
 * cases: the largest k with 2 P(X < k) <= 0.05, X binomial(n, 1/2). Logarithms, because 2^-n
 * underflows from n = 1075 on. */
static int order_rank(int n)
{
    double log_term = -n * log(2.0); /* log P(X = i) */
    double below = 0;                /* P(X < k) */
    int k = 0;

    while (k < n / 2) {
        below += exp(log_term);
        if (2 * below > 0.05)
            break;
        log_term += log((double)(n - k)) - log((double)(k + 1));
        k++;
    }
    return k;
}

/* Student's 97.5% quantile: ten from the table, then the normal one's expansion (Abramowitz and
 * Stegun, 26.7.5), which is right within 1e-5 from there on. */
static double student_975(int degrees)
{
    static const double t975[] = { 12.706204736174698, 4.302652729749464, 3.182446305283709,
                                   2.776445105197793,  2.570581835636314, 2.446911851144969,
                                   2.364624251592785,  2.306004135204166, 2.262157162854099,
                                   2.228138851964938 };
    const int known = sizeof t975 / sizeof *t975;
    const double z = 1.959963984540054, z2 = z * z, v = degrees;

    if (degrees <= known)
        return t975[degrees - 1];
    const double first = (z2 + 1) / 4;
    const double second = ((5 * z2 + 16) * z2 + 3) / 96;
    const double third = (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
    const double fourth = ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160;
    return z * (1 + (first + (second + (third + fourth / v) / v) / v) / v);
}

/* Half of Student's 95% interval of the mean, n >= 2. */
static double student_half_width(double sd, int n)
{
    return student_975(n - 1) * sd / sqrt(n);
}

static double median_deviation(const double *x, int n, double median)
{
    double *away = malloc((size_t)n * sizeof *away);
    double mad;

    if (!away)
        return NAN;
    for (int i = 0; i < n; i++)
        away[i] = fabs(x[i] - median);
    qsort(away, (size_t)n, sizeof *away, by_value);
    mad = sorted_median(away, n);
    free(away);
    return mad;
}

static void set_interval(struct summary *s, const double *sorted)
{
    if (s->n >= ORDER_MIN) {
        int k = order_rank(s->n);

        s->interval = INTERVAL_ORDER;
        s->low = sorted[k - 1];
        s->high = sorted[s->n - k];
    } else if (s->n >= 2) {
        double half = student_half_width(s->sd, s->n);

        s->interval = INTERVAL_T;
        s->low = s->mean - half;
        s->high = s->mean + half;
    }
}

struct summary stats_summary(const double *x, int n)
{
    struct summary s = { .n = n,
                         .median = NAN,
                         .mean = NAN,
                         .mad = NAN,
                         .min = NAN,
                         .max = NAN,
                         .sd = NAN,
                         .low = NAN,
                         .high = NAN,
                         .interval = INTERVAL_NONE };
    double *sorted = n > 0 ? sorted_copy(x, n) : NULL;

    if (!sorted)
        return s;
    s.median = sorted_median(sorted, n);
    s.min = sorted[0];
    s.max = sorted[n - 1];
    s.mean = mean_of(x, n);
    s.sd = deviation_of(x, n, s.mean);
    s.mad = median_deviation(x, n, s.median);
    set_interval(&s, sorted);
    free(sorted);
    return s;
}

const char *stats_interval_words(enum interval_kind kind)
{
    switch (kind) {
    case INTERVAL_ORDER:
        return "order statistics, 95%";
    case INTERVAL_T:
        return "n < 6: assumes a normal distribution";
    case INTERVAL_NONE:
        break;
    }
    return "n = 1: no interval";
}

double stats_median(const double *x, int n)
{
    double *sorted = n > 0 ? sorted_copy(x, n) : NULL;
    double median = sorted ? sorted_median(sorted, n) : NAN;

    free(sorted);
    return median;
}

struct summary stats_ratios(const double *x, int n)
{
    struct summary ratio = stats_summary(NULL, 0), logs;
    double *log_x = n > 0 ? malloc((size_t)n * sizeof *log_x) : NULL;

    ratio.n = n;
    if (!log_x)
        return ratio;
    for (int i = 0; i < n; i++) {
        if (!(x[i] > 0))
            goto out;
        log_x[i] = log(x[i]);
    }
    ratio = stats_summary(x, n);
    logs = stats_summary(log_x, n);
    ratio.mean = exp(logs.mean);
    if (n % 2 == 0)
        ratio.median = exp(logs.median);
    if (ratio.interval == INTERVAL_T) { /* ratios are normal, if at all, in their logarithm */
        ratio.low = exp(logs.low);
        ratio.high = exp(logs.high);
    }
out:
    free(log_x);
    return ratio;
}

double stats_center(const struct summary *s)
{
    return s->interval == INTERVAL_ORDER ? s->median : s->mean;
}

struct line stats_line(const double *x, const double *y, const double *w, int n)
{
    struct line line = { n, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    double weight = 0, mean_x = 0, mean_y = 0, along = 0, across = 0, squares = 0;

    for (int i = 0; i < n; i++) {
        weight += w[i];
        mean_x += w[i] * x[i];
        mean_y += w[i] * y[i];
    }
    mean_x /= weight;
    mean_y /= weight;
    for (int i = 0; i < n; i++) {
        along += w[i] * (x[i] - mean_x) * (y[i] - mean_y);
        across += w[i] * (x[i] - mean_x) * (x[i] - mean_x);
    }
    if (n < 3 || !(across > 0))
        return line;
    line.slope = along / across;
    line.intercept = mean_y - line.slope * mean_x;
    for (int i = 0; i < n; i++) {
        const double rest = y[i] - mean_y - line.slope * (x[i] - mean_x);
        squares += w[i] * rest * rest;
    }
    line.residual = sqrt(squares / (n - 2));
    const double t = student_975(n - 2) * line.residual;
    const double slope = t / sqrt(across),
                 intercept = t * sqrt(1 / weight + mean_x * mean_x / across);
    line.slope_low = line.slope - slope;
    line.slope_high = line.slope + slope;
    line.intercept_low = line.intercept - intercept;
    line.intercept_high = line.intercept + intercept;
    return line;
}

bool stats_steady(const double *x, int n, int window, double slope, double deviation)
{
    double mean, centre = (window - 1) / 2.0, along = 0, across = 0;
    const double *tail;

    if (window < 2 || n < window)
        return false;
    tail = x + (n - window);
    mean = mean_of(tail, window);
    for (int i = 0; i < window; i++) {
        if (!(fabs(tail[i] - mean) <= deviation * fabs(mean)))
            return false;
        along += (i - centre) * (tail[i] - mean);
        across += (i - centre) * (i - centre);
    }
    return fabs(along / across) <= slope * fabs(mean);
}

double stats_outlier_score(double x, double median, double mad)
{
    if (mad > 0)
        return 0.6745 * (x - median) / mad;
    if (x == median)
        return 0;
    return x > median ? INFINITY : -INFINITY;
}

struct nested stats_nested(const double *x, const int *group, int n)
{
    struct nested nested = { 0, NAN, NAN };
    double mean = 0, squares = 0, within = 0, between = 0;

    for (int i = 0; i < n; i++)
        mean += x[i] / n;
    for (int first = 0, end; first < n; first = end) {
        double own = 0;
        for (end = first; end < n && group[end] == group[first]; end++)
            own += x[end];
        const int count = end - first;
        own /= count;
        for (int i = first; i < end; i++)
            within += (x[i] - own) * (x[i] - own);
        between += count * (own - mean) * (own - mean);
        squares += (double)count * count;
        nested.groups++;
    }
    if (nested.groups < 2 || n <= nested.groups)
        return nested;
    /* Searle, Casella, McCulloch, Variance Components, 3.6: groups of unequal size. */
    const double each = (n - squares / n) / (nested.groups - 1);
    const double mean_within = within / (n - nested.groups);
    const double variance = (between / (nested.groups - 1) - mean_within) / each;
    nested.within = sqrt(mean_within);
    nested.between = variance > 0 ? sqrt(variance) : 0;
    return nested;
}
