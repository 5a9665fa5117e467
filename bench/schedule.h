/* SPDX-License-Identifier: MIT
 *
 * The plan of a run, in the database, and going through it: block by block, each in a process of
 * its own, which may die without taking more with it than the cell under way. */
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include "bench/block.h"

/* Nobody else goes on with this run while this process lives; waits for the end of a block's
 * process that outlives one that was killed. 0, or the exit status, the error printed. */
int schedule_claim(const char *command, const char *db, int64_t run);
/* The same in the process of a block: a later schedule_claim waits for it. */
void schedule_claim_block(const char *db, int64_t run);

/* Blocks in the plan so far. */
int schedule_count(struct run *run);
/* The blocks from `first` on, of the first invocation, in its order. Returns their number. */
int schedule_blocks(struct run *run, int first, struct block *blocks, int max);
/* What the plan's processes have taken so far. */
int64_t schedule_spent_ns(struct run *run);
/* Removes a run's cells of a kind that is computed and not measured: they are made anew. */
void schedule_forget(struct run *run, const char *kind);
/* Adds blocks behind those that are there, and all of them again for each further invocation: in
 * one transaction. The blocks of one model are in an order drawn from the run's seed, anew for each
 * invocation: formats that do not fit into memory together do not always meet the machine in the
 * same one. Errors are in run->broken. */
void schedule_add(struct run *run, const struct block *blocks, int count, int invocations);

/* May change a block that is about to begin for the first time. left_ns: predicted, of all that are
 * still to come, this one included; the costs of those that are done considered. */
typedef void schedule_fn(void *arg, struct run *run, int position, struct block *block);
/* Goes through what is left of the plan, up to `position` blocks. adjust may be NULL. */
void schedule_go(struct run *run, int count, schedule_fn *adjust, void *arg);

#endif
