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
/* A line for each model and format. */
void paper_plan_print(const struct run *run, const struct paper_plan *plan,
                      const struct rates *rates);
/* A row for each cell, for --dry-run: `known` where the rates are this machine's. */
int paper_plan_rows(struct outputs *o, const struct run *run, const struct paper_plan *plan,
                    bool known);

#endif
