/* SPDX-License-Identifier: MIT
 *
 * Derived metrics: each defined once, as a row of metrics[], with the text of its formula, which is
 * stored beside every value. Inputs are of one sample: medians over samples, means over windows. */
#ifndef BENCH_METRICS_H
#define BENCH_METRICS_H

#include "bench/joules.h"
#include "bench/run.h"

enum metric_input {
    INPUT_TIME_NS, /* median of the samples */
    INPUT_TOKENS,
    INPUT_WORK_BYTES,
    INPUT_WORK_OPS,     /* a multiply-add is two */
    INPUT_INSTRUCTIONS, /* medians of what was counted */
    INPUT_CYCLES,
    INPUT_DRAM_BYTES, /* of the memory controllers, or of this process's cores */
    INPUT_ENERGY_J,   /* means over windows, with the time that a sample took in them */
    INPUT_WINDOW_S,
    INPUT_POWER_W,
    INPUT_IDLE_POWER_W, /* mean of before and after */
    INPUTS,
    INPUTS_END = -1
};

struct metric_value {
    struct estimate estimate;     /* uncertainty NAN: of no joule */
    char reason[JOULES_TEXT_MAX]; /* why it is absent; "" where it is not */
    const char *source;           /* which of several an input is, or NULL */
};

struct metric {
    const char *name, *unit, *formula;
    enum metric_input needs[4];           /* INPUTS_END at the end */
    double (*value)(const double *input); /* (INPUTS) */
};
extern const struct metric metrics[]; /* name NULL at the end */

/* Absent when an input is, with its reason. The uncertainty is that of the inputs that have one,
 * carried through: the root of the sum of squares of half the difference that +-u makes. */
struct metric_value metric_of(const struct metric *metric,
                              const struct metric_value inputs[INPUTS]);

/* The inputs of a cell, from the database. why: the reason of joules where it has no window. */
void metric_inputs(sqlite3 *db, int64_t cell, const char *why, struct metric_value inputs[INPUTS]);

/* The formula as it is stored beside a value: where an input is one of several, it says which. */
void metric_formula(const struct metric *metric, const struct metric_value inputs[INPUTS],
                    char *text, size_t size);

/* Stores energy_j, window_s and idle_power_w of a measured cell, and every metric. */
void metrics_store(struct run *run, int64_t cell);

#endif
