/* SPDX-License-Identifier: MIT
 *
 * Figure 3: the paper's joules, the model's, and the variants that the paper leaves out. */
#ifndef BENCH_PAPER_ENERGY_H
#define BENCH_PAPER_ENERGY_H

#include "bench/run.h"

/* Stores every value of Figure 3 as cells of kind "energy": item is the variant, the metric
 * energy_j, provenance `modelled` and, where the paper has it, `paper`. */
void paper_energy_store(struct run *run);

/* What meters say of the same passes, once the run's prompts were measured: variant "measured",
 * derived from the joules of the prompt, or absent with the reason. */
void paper_energy_measured(struct run *run);

/* What a variant assumes: for the rows' notes. "" for the paper's own. */
const char *paper_energy_words(const char *variant);

#endif
