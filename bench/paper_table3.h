/* SPDX-License-Identifier: MIT
 *
 * Table 3 as a plan: for each model, format and KV cache the largest batch of 512-token sequences
 * that fits a memory budget, and the batches 1, 2, 4, ... below it. A block each, because each
 * fills the budget alone. */
#ifndef BENCH_PAPER_TABLE3_H
#define BENCH_PAPER_TABLE3_H

#include "bench/paper_plan.h"

/* Positions of a sequence; and no batch is larger than this. */
enum { TABLE3_POSITIONS = 512, TABLE3_BATCH_MAX = 1 << 16 };

/* The item, as cells and rows have it. */
extern const char table3_item[];

/* Does the run measure it: by --only, or as part of --full? */
bool table3_wanted(const struct config *c);

/* The most sequences whose memory, by pass_bytes, is within `budget`; 0: not even one's is. */
int table3_largest(const struct pass_spec *spec, int threads, int64_t budget);

/* Adds its blocks behind those that are in the plan; of a quick run so that all of them fit into
 * its time, as far as leaving out samples, and batches other than the largest, can do that. */
void table3_plan(struct paper_plan *plan, const struct run *run, const struct rates *rates);

#endif
