/* SPDX-License-Identifier: MIT
 *
 * The parts of `doctor`. Each appends rows {kind, name, status, tried, said, fix}. What measures is
 * shown through the code that measures: routes to energy are opened by energy_open, counters by
 * their meter, meters as a set, and a row is what became of that (harness/why.h).
 *
 * status: those of harness/why.h, and warn (works, and makes measurements worse). */
#ifndef BENCH_DOCTOR_H
#define BENCH_DOCTOR_H

#include <jansson.h>
#include "harness/meter.h"
#include "harness/why.h"

struct doctor {
    json_t *rows;
    const char *sysroot;                 /* "": the machine itself */
    const struct meter_context *context; /* of a run without --meter */
};

/* fix may be NULL. said is a printf format. */
void doctor_row(struct doctor *d, const char *kind, const char *name, const char *status,
                const char *tried, const char *fix, const char *said, ...)
    __attribute__((format(printf, 7, 8)));
/* What became of an attempt; tried where why does not name it. */
void doctor_why(struct doctor *d, const char *kind, const char *name, const struct why *why,
                const char *tried);

/* ---- doctor_apart.c ---- */

/* Lets look(d) append its rows in a process of its own, for libraries that print, take memory or
 * leave processes behind. Where that process ends without rows, there is one that says how: of
 * this kind and name, broken. */
void doctor_apart(struct doctor *d, const char *kind, const char *name,
                  void (*look)(struct doctor *d, const char *name));

void doctor_energy(struct doctor *d);   /* doctor_energy.c */
void doctor_counters(struct doctor *d); /* doctor_counters.c */
void doctor_library(struct doctor *d);  /* doctor_library.c */
void doctor_host(struct doctor *d);     /* doctor_host.c */

#endif
