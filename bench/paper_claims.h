/* SPDX-License-Identifier: MIT
 *
 * The item `equivalence`: the paper's claims that a large ternary model is more efficient than a
 * smaller one in FP16, on what was measured here and on the paper's own figures. */
#ifndef BENCH_PAPER_CLAIMS_H
#define BENCH_PAPER_CLAIMS_H

#include <jansson.h>
#include "bench/table.h"

/* Adds a row for each claim, ternary format and metric (latency_ms, memory_gb, energy_j by Figure
 * 3's model, decode_j_per_token), from the rows of the other items, which are there already; none
 * where the run has neither model of any claim. Besides the members of every row: `base_ours` and
 * `base_paper` (FP16's), `verdict` and `verdict_paper` ("holds", "does not hold", "undecided", "not
 * measured: ...", whose reason is the note; "not plotted"). */
void paper_claims_rows(json_t *rows);

/* The table for reading. 0 or -errno. */
int paper_claims_table(struct outputs *o, const json_t *rows);

#endif
