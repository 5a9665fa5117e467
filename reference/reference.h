/* SPDX-License-Identifier: MIT
 *
 * BitNet b1.58, and the LLaMA it is compared with, as the papers write them: double precision,
 * plain row-major arrays, one token at a time. Nothing here is packed, blocked, threaded or fast,
 * and nothing is shared with what it checks: the tests hold every C kernel and the forward pass
 * against these functions. The caller owns every buffer; outputs come first.
 *
 *   [P]  The Era of 1-bit LLMs, arXiv 2402.17764
 *   [T]  The Era of 1-bit LLMs: Training Tips, Code and FAQ (microsoft/unilm, bitnet/)
 *   [B]  BitNet, arXiv 2310.11453
 *   [2B] BitNet b1.58 2B4T, arXiv 2504.12285
 *   [M]  Mixtral of Experts, arXiv 2401.04088 */
#ifndef REFERENCE_REFERENCE_H
#define REFERENCE_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- quantize.c: from real numbers to few bits, always rounding half to even ---- */

/* Ternary weights, one scale a tensor: scale = max(mean|W|, 1e-5); code = clip(round(W / scale),
 * -1, 1). W is about code * scale. ([P] equations 1 to 3; the floor in place of "+ eps": [T] Figure
 * 3) */
void ref_quantize_absmean(int8_t *code, double *scale, const double *w, size_t n);

/* The same with another threshold than absmean's 1/2: code = 0 for |w| <= threshold * scale, else
 * the sign of w. */
void ref_quantize_threshold(int8_t *code, double *scale, const double *w, size_t n,
                            double threshold);

/* 8-bit activations of one token, or 8-bit weights of one row: scale = max(max|x|, 1e-5) / 127;
 * code = clip(round(x / scale), -127, 127). ([B] section 2.1 with Q = 127 as in [T] Figure 3) */
void ref_quantize_absmax(int8_t *code, double *scale, const double *x, size_t n);

/* IEEE 754 binary16: overflow is infinity, below the normals are the subnormals. */
uint16_t ref_f16_encode(double x);
double ref_f16_decode(uint16_t half);
double ref_f16_round(double x); /* the nearest binary16 number */

/* ---- linear.c: y = W x, W being (rows, cols) ---- */

/* The sum that hardware must get exactly right. */
int64_t ref_dot(const int8_t *w, const int8_t *x, int n);

/* y[r] = sum over c of W[r][c] * x[c]: the FP16 baseline, W holding binary16 numbers. */
void ref_linear_real(double *y, const double *w, const double *x, int rows, int cols);

/* y[r] = ref_dot(W[r], x) * w_scale[r] * x_scale: both scales after the integer product.
 * ([B] equation 11, [T] Figure 4) */
void ref_linear_int(double *y, const int8_t *w, const double *w_scale, const int8_t *x,
                    double x_scale, int rows, int cols);

/* y[row] += delta * x[col]: a weight whose FP16 value is restored on top of a matrix that holds
 * less of it. (Super Weight, arXiv 2411.07191, section 4) */
void ref_restore(double *y, int row, int col, double delta, const double *x);

/* ---- block.c: what is between two linear layers ---- */

/* y[i] = x[i] * gain[i] / sqrt(mean(x^2) + eps). (RMSNorm, arXiv 1910.07467, equation 4) */
void ref_rmsnorm(double *y, const double *x, const double *gain, int n, double eps);

/* Rotates each pair (x[2i], x[2i + 1]) of each head by position * theta^(-2i / head_dim), in place;
 * x is (heads, head_dim). (RoPE, arXiv 2104.09864, equations 15 and 34) */
void ref_rope(double *x, int heads, int head_dim, int position, double theta);

/* x becomes exp(x) / sum of exp(x). */
void ref_softmax(double *x, int n);

/* The newest token looks at all `positions` so far, itself included: that is the causal mask.
 * q and out are (heads, head_dim), k and v (positions, kv_heads, head_dim); head h reads key-value
 * head h / (heads / kv_heads). scores is scratch, (positions).
 * (Attention, arXiv 1706.03762, equation 1; grouped heads, arXiv 2305.13245) */
void ref_attention(double *out, const double *q, const double *k, const double *v, int heads,
                   int kv_heads, int head_dim, int positions, double *scores);

/* y[i] = silu(gate[i]) * up[i], silu(x) = x / (1 + exp(-x)). (SwiGLU, arXiv 2002.05202; [P]) */
void ref_swiglu(double *y, const double *gate, const double *up, int n);

/* y[i] = max(gate[i], 0)^2 * up[i]. ([2B] section 2) */
void ref_relu2(double *y, const double *gate, const double *up, int n);

/* The `used` largest of n logits, of equals the first: chosen, (used), the largest first; weight,
 * (used), is the softmax over the chosen logits alone. ([M] section 2.1) */
void ref_route(int *chosen, double *weight, const double *logits, int n, int used);

/* ---- forward.c: the network ---- */

/* The weights of a linear layer, (rows, cols). With `real` the layer is y = W x; with `code` the
 * input is quantised by absmax first. The other pointer is NULL. */
struct ref_matrix {
    int rows, cols;
    const double *real;
    const int8_t *code;
    const double *scale; /* (rows), with `code` only */
};

/* A feed-forward network. */
struct ref_expert {
    struct ref_matrix gate, up, down;
    const double *sub_norm; /* (intermediate), before down; NULL in a LLaMA graph */
};

struct ref_layer {
    struct ref_matrix q, k, v, o;
    struct ref_matrix router;        /* (experts, hidden), real; a dense layer has none */
    const struct ref_expert *expert; /* (experts) */
    const double *attn_norm;         /* (hidden), before q, k, v */
    const double *attn_sub_norm;     /* (heads * head_dim), before o; NULL in a LLaMA graph */
    const double *ffn_norm;          /* (hidden), before gate, up */
};

enum ref_cache {
    REF_CACHE_REAL,
    REF_CACHE_F16,
    REF_CACHE_I8, /* absmax of each head's vector */
};

struct ref_model {
    int hidden, intermediate, layers, heads, kv_heads, head_dim, vocab;
    int experts, experts_used; /* of a layer, and by a token; 1 and 1: dense */
    double rope_theta, norm_eps;
    bool relu2;                    /* else SwiGLU */
    enum ref_cache cache;          /* what keys and values are rounded to when stored */
    const struct ref_layer *layer; /* (layers) */
    const double *embedding;       /* (vocab, hidden) */
    struct ref_matrix head;        /* (vocab, hidden) */
    const double *final_norm;      /* (hidden) */
};

/* One sequence: its keys and values, and the vectors of the token in work. */
struct ref_state {
    const struct ref_model *model;
    int length, positions; /* filled; room for */
    double *k, *v;         /* (layers, positions, kv_heads, head_dim) */
    double *x;             /* (hidden): the residual stream */
    double *normed;        /* (hidden) */
    double *q, *attended;  /* (heads, head_dim) */
    double *gate, *up;     /* (intermediate) */
    double *projected;     /* (hidden) */
    double *logits;        /* (experts): the router's */
    double *weight;        /* (experts) */
    int *chosen;           /* (experts) */
    double margin;         /* how far, at least, a chosen logit was above one that was not */
    double *scores;        /* (positions) */
    int8_t *quantized;     /* (the longest input of a linear layer) */
    double *memory;
};

/* False when there is no memory; ref_close is right in either case. */
bool ref_open(struct ref_state *state, const struct ref_model *model, int positions);
void ref_close(struct ref_state *state);

/* Appends `token` to the sequence; logits is (vocab). */
void ref_forward(double *logits, struct ref_state *state, int token);

#endif
