/* SPDX-License-Identifier: MIT
 *
 * The probes behind `doctor`. Each appends rows {kind, name, status, tried, said, fix}: it opens
 * and reads what a measurement would, says in the system's words what happened, and what mends it.
 *
 * status: ok; absent (no such hardware, driver or file); denied (permission); masked (a container
 * hides it); broken (there, and its values make no sense); off (not in this build); missing
 * (library not installed); warn (works, and makes measurements worse); skipped (not tried below
 * --sysroot). */
#ifndef BENCH_DOCTOR_H
#define BENCH_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "harness/why.h"

struct doctor {
    json_t *rows;
    const char *sysroot;  /* "": the machine itself */
    bool virtual_machine; /* CPUID says so; false below a sysroot */
};

/* fix may be NULL. said is a printf format. */
void doctor_row(struct doctor *d, const char *kind, const char *name, const char *status,
                const char *tried, const char *fix, const char *said, ...)
    __attribute__((format(printf, 7, 8)));

/* Names in the directory `path` below the sysroot that begin with prefix, sorted; at most max.
 * Their number, or -errno. */
enum { DOCTOR_NAME_MAX = 64 };
int doctor_entries(const struct doctor *d, const char *path, const char *prefix,
                   char (*names)[DOCTOR_NAME_MAX], int max);

/* ---- doctor_energy.c ---- */
void doctor_energy(struct doctor *d);

/* ---- doctor_counters.c ---- */
void doctor_counters(struct doctor *d);
/* Counts an event of this process (cpu < 0) or of a CPU (cpu >= 0) over a short loop. 0 or -errno,
 * -EBUSY when it never was on a counter. */
int doctor_count(unsigned type, unsigned long long config, int cpu, long long *value);

/* ---- doctor_library.c ---- */
void doctor_library(struct doctor *d);
/* PAPI's own way to RAPL, in a process of its own. */
void doctor_papi_energy(struct doctor *d);

#endif
