/* SPDX-License-Identifier: MIT
 *
 * Samples that something disturbed, from their readings in the database: harness/noise.h says what
 * and from where on. Warm-up is left out. */
#ifndef BENCH_FLAGS_H
#define BENCH_FLAGS_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>
#include "harness/noise.h"

struct flagged {
    int64_t sample;
    unsigned known, flags; /* a bit a kind of noise */
    double amount[NOISE_KINDS];
};

/* A cell's samples in order of their rounds: *n of them, the caller's to free; NULL with *n = 0
 * where there are none. */
struct flagged *flags_read(sqlite3 *db, int64_t cell, int *n);

/* How many of them are flagged; -1: no reading tells. */
int flags_count(sqlite3 *db, int64_t cell);
/* That as `flagged`; null where no reading tells. */
void flags_member(json_t *row, sqlite3 *db, int64_t cell);

/* "steal, others", "" for none. */
void flags_text(unsigned flags, char *text, size_t size);

/* Calls say(arg, line) for each kind of noise that a run's samples have, with the remedy, and for
 * weights that are not on huge pages. */
void flags_warn(sqlite3 *db, int64_t run, void (*say)(void *arg, const char *line), void *arg);

#endif
