/* SPDX-License-Identifier: MIT
 *
 * Counting, after BitNet (2310.11453) equations 16 to 18: a product (M x N)(N x P) takes M (N - 1)
 * P additions and M N P multiplications. A ternary one takes its additions in INT8 and, in FP16, a
 * multiplication for each of its M P outputs (the weights' scale) and each of its M N inputs (the
 * activations' scale), the inputs once where several matrices share them: q, k, v; gate, up. */
#include "harness/energy_model.h"

#include <stddef.h>

/* Table 2 there: Horowitz, ISSCC 2014 (45 nm); PokeBNN (7 nm). */
const struct op_energy energy_7nm = { .fp16_add_pj = 0.16,
                                      .fp16_mul_pj = 0.34,
                                      .int8_add_pj = 0.007 };
const struct op_energy energy_45nm = { .fp16_add_pj = 0.4,
                                       .fp16_mul_pj = 1.1,
                                       .int8_add_pj = 0.03 };

#define GPT(label, d, l, h)                                                                        \
    {                                                                                              \
        .name = label, .hidden = d, .layers = l, .heads = h, .kv_heads = h, .head_dim = (d) / (h), \
        .intermediate = 4 * (d), .ffn_matrices = 2, .vocab = 32000                                 \
    }

/* "3B" is the 2.7B of the BitNet paper. */
const struct energy_shape energy_figure3[] = {
    GPT("1.3B", 2048, 24, 32), GPT("3B", 2560, 32, 32),  GPT("7B", 4096, 32, 32),
    GPT("13B", 5120, 40, 40),  GPT("70B", 8192, 80, 64), { .name = NULL },
};

static double fp16_pj(const struct op_energy *e, double adds, double muls)
{
    return adds * e->fp16_add_pj + muls * e->fp16_mul_pj;
}

/* A linear layer, (tokens, in) x (in, out); `out` is the sum over matrices that share the input. */
static double linear_pj(const struct op_energy *e, const struct energy_options *o, double in,
                        double out)
{
    double tokens = o->tokens, adds = tokens * (in - 1) * out;

    if (!o->ternary)
        return fp16_pj(e, adds, tokens * in * out);
    return adds * e->int8_add_pj + (tokens * out + tokens * in) * e->fp16_mul_pj;
}

/* Q K' and A V of all heads of a layer, in FP16 for both models. Causal: token t, counted from 0,
 * attends to t + 1 positions. */
static double attention_pj(const struct energy_shape *s, const struct op_energy *e,
                           const struct energy_options *o)
{
    double t = o->tokens, d = s->head_dim;
    double pairs = o->causal ? t * (t + 1) / 2 : t * t;
    double scores = fp16_pj(e, pairs * (d - 1), pairs * d);
    double mixes = fp16_pj(e, (pairs - t) * d, pairs * d); /* n terms: n - 1 additions */

    return s->heads * (scores + mixes);
}

/* Weights of the linear layers of one layer. */
static double layer_weights(const struct energy_shape *s)
{
    double d = s->hidden, q = (double)s->heads * s->head_dim,
           kv = (double)s->kv_heads * s->head_dim;

    return d * (q + 2 * kv) + q * d + s->ffn_matrices * d * s->intermediate;
}

struct energy_parts energy_model_parts(const struct energy_shape *s, const struct op_energy *e,
                                       const struct energy_options *o)
{
    const double pico = 1e-12;
    double d = s->hidden, q = (double)s->heads * s->head_dim,
           kv = (double)s->kv_heads * s->head_dim;
    double wide = s->intermediate;
    double layer = linear_pj(e, o, d, q + 2 * kv) + linear_pj(e, o, q, d) +
                   linear_pj(e, o, d, (s->ffn_matrices - 1) * wide) + linear_pj(e, o, wide, d);
    double bits = s->layers * layer_weights(s) * o->weight_bits;
    struct energy_options head = *o;
    struct energy_parts parts = { .linear_j = pico * s->layers * layer,
                                  .attention_j = pico * s->layers * attention_pj(s, e, o) };

    head.ternary = false;
    if (o->lm_head) {
        parts.head_j = pico * linear_pj(e, &head, d, s->vocab);
        bits += 16 * d * s->vocab;
    }
    if (o->dram_pj_per_bit > 0)
        parts.dram_j = pico * bits * o->dram_pj_per_bit;
    return parts;
}

double energy_model_j(const struct energy_shape *s, const struct op_energy *e,
                      const struct energy_options *o)
{
    struct energy_parts parts = energy_model_parts(s, e, o);

    return parts.linear_j + parts.attention_j + parts.head_j + parts.dram_j;
}
