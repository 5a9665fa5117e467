/* SPDX-License-Identifier: MIT
 *
 * A database as `paper --full` leaves it, with times that are known: of a machine that does not
 * exist, for tests of rows, tables, page and figures. */
#ifndef TESTS_PAPER_FIXTURE_H
#define TESTS_PAPER_FIXTURE_H

#include "harness/store.h"

enum { FIXTURE_ROUNDS = 8 };

/* It reads FIXTURE_GBPS. A decode step takes `ms_per_gb` of its format for each GB that it reads,
 * and intercept_ms; i8 of 70B a tenth more. */
extern const double FIXTURE_GBPS;
struct fixture_speed {
    const char *format;
    double ms_per_gb, intercept_ms;
};
extern const struct fixture_speed fixture_speeds[]; /* format NULL at the end */

/* Adds a run with these sizes (NULL at the end), all formats, whole where they fit into
 * FIXTURE_MEMORY bytes and else cycled. Peaks of memory are FIXTURE_GROWTH times as predicted;
 * `lut` of 65B was skipped. Of 3B and 7B there is a comparison with a cycled one, which takes
 * FIXTURE_CYCLED times as long, that of 7B with noise. Table 3 has 3B and 70B, f16 and ternary2,
 * both KV caches, the largest batches within FIXTURE_MEMORY. Returns the run, or -errno. */
extern const double FIXTURE_GROWTH, FIXTURE_MEMORY, FIXTURE_CYCLED;
int64_t paper_fixture(struct store *store, const char *const *sizes);

#endif
