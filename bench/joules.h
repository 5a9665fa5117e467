/* SPDX-License-Identifier: MIT
 *
 * The joules of a cell, from the windows in the database: those of one sample of its work, and the
 * idle power around them. Sources of the formulas: docs/method.md. */
#ifndef BENCH_JOULES_H
#define BENCH_JOULES_H

#include <sqlite3.h>
#include <stdint.h>

enum { JOULES_TEXT_MAX = 800, JOULES_DOMAINS_MAX = 400 };

/* A mean with its standard uncertainty (k = 1); NAN where it is absent. */
struct estimate {
    double value, uncertainty;
};

/* Mean of n values that have standard uncertainties u: sqrt((t s / sqrt(n))^2 + mean(u^2) / n),
 * with s their standard deviation and t Student's factor for 68.27% and n - 1 degrees of freedom
 * (GUM, JCGM 100:2008, table G.2). Of one value: its own. */
struct estimate joules_mean(const double *x, const double *u, int n);

struct cell_joules {
    int windows; /* that the mean is over */
    /* Of them: "valid", "contended"; "invalid": there are none to use; NULL: no window at all. */
    const char *state;
    char note[JOULES_TEXT_MAX];   /* what was wrong with contended and invalid ones, or "" */
    char reason[JOULES_TEXT_MAX]; /* why there is no value; "" where there is */
    char domains[JOULES_DOMAINS_MAX], provenance[16];
    struct estimate energy_j;          /* of one sample */
    double window_s;                   /* of one sample, in these windows */
    struct estimate power_w;           /* of the windows */
    struct estimate idle_power_w;      /* the mean of before and after */
    char idle_reason[JOULES_TEXT_MAX]; /* why it is absent, or must not be subtracted; or "" */
};

/* The valid windows of the cell, or where none is the contended ones; never invalid ones. Idle
 * power is withheld when before and after differ by more than 5% of what the work takes above it.
 */
void joules_of(sqlite3 *db, int64_t cell, struct cell_joules *joules);

#endif
