/* SPDX-License-Identifier: MIT */
#include "bench/selftest.h"

#include <math.h>
#include <string.h>

const double selftest_repeat_max = 0.02;

static const double COVERAGE = 2; /* k */

int selftest_order(const double watts[LOADS], const double u[LOADS], bool strict)
{
    for (int l = 1; l < LOADS; l++)
        if (!(watts[l] >= watts[l - 1] - COVERAGE * hypot(u[l], u[l - 1])))
            return l;
    if (strict && !(watts[LOADS - 1] > watts[0] + COVERAGE * hypot(u[LOADS - 1], u[0])))
        return LOADS - 1;
    return -1;
}

double selftest_spread(const double *values, int n)
{
    double mean = 0, squares = 0;

    for (int i = 0; i < n; i++)
        mean += values[i] / n;
    for (int i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return sqrt(squares / (n - 1)) / mean;
}

bool selftest_agree(double a, double u_a, double b, double u_b, double limit)
{
    return fabs(a - b) <= limit * fabs(b) + COVERAGE * hypot(u_a, u_b);
}

double selftest_agreement_max(const struct host_cpu *cpu, bool dram)
{
    /* Servers of Intel's family 6: Haswell, Broadwell (and D), Skylake to Cooper Lake, Knights
     * Landing and Mill, Ice Lake (and D). */
    static const int fixed_dram[] = { 63, 79, 86, 85, 87, 133, 106, 108 };

    if (dram && cpu && strcmp(cpu->vendor, "GenuineIntel") == 0 && cpu->family == 6)
        for (size_t m = 0; m < sizeof fixed_dram / sizeof *fixed_dram; m++)
            if (cpu->model == fixed_dram[m])
                return 0.0035;
    return 0.001;
}
