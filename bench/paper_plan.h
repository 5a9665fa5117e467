/* SPDX-License-Identifier: MIT
 *
 * What a `paper` run measures: blocks of models, with memory and time predicted from the roof.
 * Private to cmd_paper.c and paper_*.c. */
#ifndef BENCH_PAPER_PLAN_H
#define BENCH_PAPER_PLAN_H

#include "bench/block.h"

/* The machine's ceilings, GB/s or Gop/s; threads 0: not known. */
struct rates {
    double value[ROOF_METRICS];
    int threads;
};

/* From the roof of a run, or where run is 0, the last on this machine at so many threads. */
void rates_read(sqlite3 *db, int64_t run, const char *machine, int threads, struct rates *rates);

enum { PAPER_BLOCKS_MAX = 512 };
struct paper_plan {
    int count;
    struct block *blocks; /* (PAPER_BLOCKS_MAX) */
};

/* --quick ends within so many ns. */
extern const double paper_quick_ns;

/* What the options ask for, small models first. */
void paper_plan_make(struct paper_plan *plan, const struct run *run, const struct rates *rates);
/* Makes a quick plan from block `first` on fit into left_ns. */
void paper_plan_again(struct paper_plan *plan, int first, const struct rates *rates,
                      const struct config *c, double left_ns);
double paper_plan_ns(const struct paper_plan *plan, int first);

/* ---- what paper_table3.c plans with, too ---- */

/* What is predicted must fit into this share of what is left of the time of --quick. */
extern const double paper_plan_share;
/* Memory that blocks may fill: what the roof takes beside them is not theirs. */
int64_t paper_plan_memory(const struct run *run);
/* Is there a kernel of the format, of the ISA that is asked for (NULL: any)? */
bool paper_plan_has(const struct run *run, const struct family *f, const char **isa);
/* Is the format asked for, or one of those that are measured unless others are? */
bool paper_plan_wants(const struct config *c, const struct family *f);
/* ns of one sample, and of building the model. */
double paper_plan_predict(const struct rates *rates, const struct pass_spec *spec,
                          const struct pass_test *test);
double paper_plan_build(const struct rates *rates, const struct pass_spec *spec);
/* A line for each model and format. */
void paper_plan_print(const struct run *run, const struct paper_plan *plan,
                      const struct rates *rates);
/* A row for each cell, for --dry-run: `known` where the rates are this machine's. */
int paper_plan_rows(struct outputs *o, const struct run *run, const struct paper_plan *plan,
                    bool known);

#endif
