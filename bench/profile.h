/* SPDX-License-Identifier: MIT
 *
 * Where the time of a pass goes: into the database as values of a cell, and out again. */
#ifndef BENCH_PROFILE_H
#define BENCH_PROFILE_H

#include <jansson.h>
#include <sqlite3.h>
#include "bench/run.h"
#include "model/model.h"

/* Stores the mean over `passes` profiled runs of a cell's work, which took total_ns together:
 * profile_<part>_ns of each part, and profile_rest_ns for what is in none of them. */
void profile_store(struct run *run, int64_t cell, const struct profile *profile, int64_t total_ns,
                   int passes, const char *provenance);

/* {"embedding": ns, ..., "rest": ns} of a cell; null when it was not profiled. */
json_t *profile_object(sqlite3 *db, int64_t cell);

/* Markdown: the shares of all rows of rows_model that have a profile. 0 or -errno. */
int profile_table(struct outputs *outputs, const json_t *rows);

#endif
