/* SPDX-License-Identifier: MIT
 *
 * What a forward pass writes besides the KV cache, and the steps between linear layers. Private to
 * model/. Every matrix is (tokens, stride) with its own stride; padding is zero and stays zero. */
#ifndef MODEL_SCRATCH_H
#define MODEL_SCRATCH_H

#include "model/model.h"

struct scratch {
    int tokens; /* of this pass */
    int hidden_stride, q_stride, kv_stride, ffn_stride, q8_stride;
    float *h;                 /* (tokens, hidden): the residual stream */
    float *normed;            /* (tokens, widest): a norm's output */
    float *q, *k, *v;         /* (tokens, heads * dim), (tokens, kv_heads * dim) */
    float *mixed;             /* (tokens, heads * dim): attention's output */
    float *gate, *up;         /* (tokens, intermediate) */
    float *out;               /* (tokens, hidden): what is added to h */
    float *cosine, *sine;     /* (tokens, dim / 2) */
    float *scores;            /* (threads, ATTEND_QUERIES, positions) */
    float *head_q, *head_out; /* (threads, ATTEND_QUERIES, head_stride) */
    uint16_t *row;            /* (hidden): one embedding */
    int8_t *q8;               /* (tokens, widest): quantised activations */
    float *scale;             /* (tokens) */
    int32_t *sum;             /* (tokens) */
    int *position;            /* (tokens): of each token in its sequence */
    int *next;                /* (sequences): lengths while a pass is under way */
    int *last;                /* (sequences): a sequence's last token in the batch, or -1 */
    int blocks; /* of neighbours in the batch that are of one sequence, ATTEND_QUERIES at most */
    int *block; /* (blocks + 1): the first token of each, and the number of tokens */
};

/* A part of the pass has ended: its time since the last one did. */
void ops_lap(const struct session *s, enum part part);

/* A linear layer's input from x, (tokens, stride) f32 of n columns: normed by gain unless that is
 * NULL, and quantised for ACT_I8. The result points into scratch or at x. */
struct acts ops_prepare(struct session *s, enum act_kind kind, const float *x, int tokens,
                        int stride, const float *gain, int n);

/* y = W x for `count` matrices that share x, and residual += y unless that is NULL; both are
 * (tokens, ldy). */
struct product {
    float *y, *residual;
    int ldy;
    const struct wmat *w;
};
void ops_linear(struct session *s, enum part part, const struct kernel *kernel,
                const struct product *products, int count, const struct acts *x);

/* Turns pairs (2 i, 2 i + 1) of every head of q and k by position * theta^(-2 i / dim) (RoPE,
 * arXiv 2104.09864, equation 34), and stores k and v of `layer` in the cache. */
void ops_rotate_and_store(struct session *s, const struct batch *b, int layer);

/* mixed = softmax(q k^T / sqrt(dim)) v over the positions up to each token's own. */
void ops_attend(struct session *s, const struct batch *b, int layer);

/* gate = activation(gate) * up. */
void ops_gate(struct session *s);

#endif
