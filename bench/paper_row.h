/* SPDX-License-Identifier: MIT
 *
 * A row of `paper`: a number of the paper, this machine's, and ratios. Private to paper_*.c. */
#ifndef BENCH_PAPER_ROW_H
#define BENCH_PAPER_ROW_H

#include "bench/paper_cells.h"

enum { PAPER_NOTE_MAX = 400 };

/* low and high, the 95% interval, are NaN where there is none. */
struct ratio {
    double value, low, high;
};
extern const struct ratio no_ratio; /* all NaN */

/* The members of a row; numbers are NaN, and counts 0, where they do not apply. Its `how` is the
 * provenance until paper_row_how sets it. Where ours is NaN, provenance is null; and `how` "not
 * measured" where it would be measured. */
struct paper_row {
    const char *item, *variant, *size, *format, *metric;
    double paper, ours, low, high;
    const char *provenance;
    double ratio_paper;
    struct ratio ratio;
    int threads, n_prompt, n_depth, parallel;
    const char *note;
};
/* The caller's to release. */
json_t *paper_row_new(const struct paper_row *row);

/* How a value of a cell came about: its provenance; of which part of the layers; or why there is
 * none; and whether its share of the roof is above 1. */
void paper_row_how(json_t *row, const struct paper_cell *c, const char *provenance, double share);

/* ms a token, or tokens/s, of a cell's samples, with the 95% interval. */
struct paper_times {
    double value, low, high;
};
struct paper_times paper_times(const struct paper_cell *c, bool speed);

/* What a row of a cell's time says besides: its share of the roof, the spread of `ours` between
 * processes, and how it came about. */
void paper_row_measured(json_t *row, sqlite3 *db, const struct paper_cell *c, double ours);

/* Run-time memory in bytes: what was measured, or weights, KV cache and scratch of the shape. */
double paper_memory(sqlite3 *db, const struct paper_cell *c, const char **provenance);

/* How many times faster c is than base a token: paired by rounds where both were in the same. */
struct ratio paper_speed_ratio(sqlite3 *db, const struct paper_cell *base,
                               const struct paper_cell *c);

/* `cpu` for a shape of the paper, else its family. */
const char *paper_variant(const char *size);

/* What a reader has to know of a cell's value: each remark with "; " behind it. Returns the
 * length. */
int paper_note(char note[PAPER_NOTE_MAX], const struct paper_cell *c, bool same_rounds);

#endif
