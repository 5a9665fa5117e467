/* SPDX-License-Identifier: MIT
 *
 * What the process of a block of Table 3 stores besides its samples: the largest batch with its
 * bytes, and what an int8 KV cache does to the logits. Private to passes.c and table3_*.c. */
#ifndef BENCH_TABLE3_VALUES_H
#define BENCH_TABLE3_VALUES_H

#include "bench/passes.h"

enum {
    TABLE3_COMPARE_MAX = 512
}; /* tokens of compare_tokens, which is a power of two, 16 or more */

/* To the cell of the block's test 0 and spec s: `budget_bytes`, `batch_bytes` and
 * `next_batch_bytes`, and `max_batch`, which is the test's sequences where `proved` (allocated,
 * filled and run), 0 where not even one sequence fits the budget, and else not there. */
void table3_store_batch(struct run *run, const struct pass_block *block, int s, int64_t cell,
                        bool proved);

/* The cell of kind "accuracy" of a block with compare_tokens. */
int64_t table3_compare_cell(struct run *run, const struct pass_block *block, int threads);

/* Runs the same prompt with an FP16 and with an int8 KV cache, in that order and one at a time, and
 * stores how far the logits are apart. Nothing where the cell has its status already. */
void table3_compare(struct run *run, const struct pass_block *block, const struct model *model,
                    int64_t cell);

#endif
