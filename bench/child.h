/* SPDX-License-Identifier: MIT
 *
 * A block of the plan in a process of its own: this program again (/proc/self/exe), with an address
 * space that is fresh, so that its peak is its own, and without a thread of the parent's. It reads
 * the run's arguments and the plan's row from the database, and writes its samples there. It dies
 * with its parent. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include "bench/run.h"

enum { CHILD_REASON_MAX = 200 };

/* What became of a process. */
struct child_end {
    int status;                    /* of its exit, RUN_STOPPED among them; -1: it was killed */
    int64_t cell;                  /* that was under way; 0: none */
    int spec;                      /* or the model that was being built; -1: none */
    int64_t deadline_ns;           /* as of struct run: windows of energy put it off */
    char reason[CHILD_REASON_MAX]; /* "killed by SIGSEGV", ...; of a status: "exit status 1" */
};

/* Runs the plan's block at `position` and waits for it. A step above its limit is killed. 0, or
 * -errno where no process could be started. */
int child_run(struct run *run, int position, struct child_end *end);

/* In that process: what its parent watches. NULL: it cannot be mapped. */
struct watch *child_watch(int fd);

/* For tests alone: $TRITBENCH_INJECT is crash:FORMAT, hang:FORMAT or build:FORMAT, which makes the
 * second sample of each of the format's cells, or building its models, end by a signal or never; or
 * stop:FORMAT, as if the user stopped the run when they are built. */
void child_inject(struct run *run, int64_t cell);
void child_inject_build(const struct run *run, const char *format);

#endif
