/* SPDX-License-Identifier: MIT
 *
 * The parts of `selftest`. Each check is a row {check, status, value, unit, limit, said}; status:
 * pass, fail, or skipped (could not be checked, and said has why). */
#ifndef BENCH_SELFTEST_H
#define BENCH_SELFTEST_H

#include <jansson.h>
#include <stdbool.h>
#include "bench/run.h"

struct selftest {
    struct run *run;
    json_t *rows;
    int passed, failed;
    int energy_failed; /* of the failed: checks of energy */
};

/* value NAN: none; unit and limit may be NULL. said is a printf format. */
void selftest_row(struct selftest *t, const char *check, const char *status, double value,
                  const char *unit, const char *limit, const char *said, ...)
    __attribute__((format(printf, 7, 8)));

/* selftest_counters.c: 1000 page faults, a loop of known length, CPU time against getrusage. */
void selftest_counters(struct selftest *t);
/* selftest_energy.c: loads of different power, each in a window of `seconds` or, where that is
 * longer, the shortest window that the counters allow; then five windows of one load. */
void selftest_energy(struct selftest *t, double seconds);

/* ---- selftest_judge.c ---- */

/* Loads in the order in which their power rises. */
enum selftest_load { LOAD_IDLE, LOAD_ONE, LOAD_ALL, LOAD_FMA, LOADS };

enum { SELFTEST_REPEATS = 5 };
/* Greatest standard deviation of SELFTEST_REPEATS windows of one load, by their mean: what other
 * processes may use of the CPU before a window is contended, and so what two windows of one load
 * may differ by. A counter's edges are 0.1 % at most. */
extern const double selftest_repeat_max;

/* Each power (W) not below the one before it, less k = 2 uncertainties (W); the last above the
 * first by more than those, where `strict`. -1: so; or the load that is too low. */
int selftest_order(const double watts[LOADS], const double u[LOADS], bool strict);
/* Standard deviation by mean of n values, n > 1. */
double selftest_spread(const double *values, int n);
/* |a - b| <= limit * b + k = 2 uncertainties. */
bool selftest_agree(double a, double u_a, double b, double u_b, double limit);
/* How far powercap and perf may be apart on a domain of this CPU. Powercap's unit of DRAM is
 * 15.3 uJ on Haswell-EP to Ice Lake-SP, perf's is 2^-16 J: 0.27 %. */
double selftest_agreement_max(const struct host_cpu *cpu, bool dram);

#endif
