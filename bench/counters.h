/* SPDX-License-Identifier: MIT
 *
 * What meters counted of a cell, from the database: the median of each channel over its samples,
 * without warm-up. Counters that take turns have readings in some samples only. */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <jansson.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* NAN where it was in no sample, with a reason if there is one; reason is (size), left alone where
 * no reading has one. */
double counters_median(sqlite3 *db, int64_t cell, const char *channel, char *reason, size_t size);

/* Adds three objects to a row: `counters` has the medians, `counters_absent` the reasons of
 * channels that no sample has, `counters_note` what is to be known of medians. */
void counters_members(json_t *row, sqlite3 *db, int64_t cell);

#endif
