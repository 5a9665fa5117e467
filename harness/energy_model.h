/* SPDX-License-Identifier: MIT
 *
 * The arithmetic energy model behind Figure 3 of the b1.58 paper, whole: BitNet (2310.11453)
 * equations 16 to 18 with the constants of its Table 2. Everything here is `modelled`: nothing of
 * it is a measurement. */
#ifndef HARNESS_ENERGY_MODEL_H
#define HARNESS_ENERGY_MODEL_H

#include <stdbool.h>

struct op_energy {
    double fp16_add_pj, fp16_mul_pj, int8_add_pj;
};
extern const struct op_energy energy_7nm, energy_45nm;

struct energy_shape {
    const char *name;
    int hidden, layers, heads, kv_heads, head_dim, intermediate;
    int ffn_matrices; /* 2: up and down (the paper's counting, 4d wide); 3: gate, up, down */
    int vocab;        /* for the LM head */
};
/* Figure 3's own shapes: GPT-style, 12 d^2 a layer; NULL name at the end. */
extern const struct energy_shape energy_figure3[];

struct energy_options {
    bool ternary;
    int tokens;             /* 512 in the paper */
    bool lm_head;           /* FP16 LM head for every token: the paper leaves it out */
    bool causal;            /* token t attends to t + 1 positions: the paper counts all pairs */
    double dram_pj_per_bit; /* > 0: weights, once a pass, from DRAM: the paper leaves it out */
    double weight_bits;     /* of the linear layers, for DRAM: 16 or 2 */
};

/* Joules of one pass over `tokens` tokens. */
double energy_model_j(const struct energy_shape *s, const struct op_energy *e,
                      const struct energy_options *o);
/* Its parts, in J: linear layers, attention, head, dram. */
struct energy_parts {
    double linear_j, attention_j, head_j, dram_j;
};
struct energy_parts energy_model_parts(const struct energy_shape *s, const struct op_energy *e,
                                       const struct energy_options *o);

#endif
