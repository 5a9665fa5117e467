/* SPDX-License-Identifier: MIT
 *
 * A block of a run's plan: what one process measures. The database has it as JSON (plan.spec). */
#ifndef BENCH_BLOCK_H
#define BENCH_BLOCK_H

#include "bench/passes.h"

struct block {
    const char *kind; /* "roof": the ceilings alone; "model": passes */
    int threads;
    struct pass_block passes;
};

/* The JSON; the caller's to free. NULL: no memory. */
char *block_text(const struct block *block);
/* 0, or -EBADMSG where text is no block of this program's. */
int block_parse(const char *text, struct block *block);

/* Predicted bytes of all its models together, and ns of all it does; 0: not known. */
int64_t block_bytes(const struct block *block);
int64_t block_ns(const struct block *block);

/* Measures it, in this process. Errors are in the cells, and in run. */
void block_run(struct run *run, const struct block *block);

#endif
