/* SPDX-License-Identifier: MIT
 *
 * What the passes of a block are held against, in their own rounds. */
#ifndef BENCH_CEILINGS_H
#define BENCH_CEILINGS_H

#include <stdbool.h>
#include "bench/passes.h"
#include "bench/roof.h"

enum { CEILINGS_MAX = 1 + PASS_SPECS_MAX };

/* The read bandwidth comes first; then the peak of each kind of multiply-add, by the loops of each
 * ISA that does it in the block, the best ISA's first. A roof each, on the memory of the first. */
struct ceilings {
    int count;
    struct roof roofs[CEILINGS_MAX];
    enum roof_metric metrics[CEILINGS_MAX];
};

/* Those of a block; roof: the best ISA's, tuned, or NULL, which is none. */
void ceilings_of(struct ceilings *c, const struct roof *roof, const struct pass_block *b);

/* Is test t held against ceiling i? Decode of one sequence is against the memory alone, others and
 * prompts also against the peaks. */
bool ceilings_meet(const struct ceilings *c, const struct pass_test *t, int i);

#endif
