/* SPDX-License-Identifier: MIT
 *
 * What a forward pass writes besides the KV cache, and the steps between linear layers. Private to
 * model/. Every matrix is (tokens, stride) with its own stride; padding is zero and stays zero. */
#ifndef MODEL_SCRATCH_H
#define MODEL_SCRATCH_H

#include "model/model.h"

/* A token and one of the experts that it meets: its residual gains weight * y. */
struct pair {
    int token;
    float weight;
};

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
    void *shared;             /* a linear layer's input, packed (gemm_share) */
    int *position;            /* (tokens): of each token in its sequence */
    int *next;                /* (sequences): lengths while a pass is under way */
    int *last;                /* (sequences): a sequence's last token in the batch, or -1 */
    int blocks; /* of neighbours in the batch that are of one sequence, ATTEND_QUERIES at most */
    int *block; /* (blocks + 1): the first token of each, and the number of tokens */
    /* with experts only: */
    float *logits;       /* (tokens, experts): the router's */
    int *chosen;         /* (tokens, experts_used) */
    float *weight;       /* (tokens, experts_used): of the chosen, sum 1 a token */
    struct pair *pair;   /* (tokens * experts_used): by expert, and by token within one */
    int *first;          /* (experts + 1): each expert's first pair, and the number of pairs */
    float *routed;       /* (pairs, hidden): the experts' input, for ACT_F32 */
    int8_t *routed_q8;   /* (pairs, hidden): and for ACT_I8 */
    float *routed_scale; /* (pairs) */
    int32_t *routed_sum; /* (pairs) */
};

/* A part of the pass has ended: its time since the last one did. */
void ops_lap(const struct session *s, enum part part);

/* A linear layer's input from x, (tokens, stride) f32 of n columns: normed by gain unless that is
 * NULL, and quantised for ACT_I8. The result points into scratch or at x. */
struct acts ops_prepare(struct session *s, enum act_kind kind, const float *x, int tokens,
                        int stride, const float *gain, int n);

enum { PRODUCTS_MAX = 3 };

/* y = W x for `count` matrices, PRODUCTS_MAX at most, that share x, by the head's kernel for
 * PART_HEAD and by the layers' for other parts; and residual += y unless that is NULL: no two
 * products have the same. Both are (tokens, ldy). With `pair`, (tokens), row t goes to the
 * residual's row pair[t].token, weighted. */
struct product {
    float *y, *residual;
    int ldy;
    const struct wmat *w;
    const struct pair *pair;
};
void ops_linear(struct session *s, enum part part, const struct product *products, int count,
                const struct acts *x);

/* Turns pairs (2 i, 2 i + 1) of every head of q and k by position * theta^(-2 i / dim) (RoPE,
 * arXiv 2104.09864, equation 34), and stores k and v of `layer` in the cache. */
void ops_rotate_and_store(struct session *s, const struct batch *b, int layer);

/* mixed = softmax(q k^T / sqrt(dim)) v over the positions up to each token's own. */
void ops_attend(struct session *s, const struct batch *b, int layer);

/* Sends each token, x being f32, to the experts_used experts whose router logits are largest,
 * weighted by the softmax of these (Mixtral, arXiv 2401.04088, section 2.1). The result is what the
 * experts read, of the kind that the family wants, one expert's tokens after another's. */
struct acts ops_route(struct session *s, const struct wmat *router, const struct acts *x);

/* The part of x that expert e reads; all of it in a dense model. */
struct acts ops_expert(const struct session *s, const struct acts *x, int e);

/* gate = activation(gate) * up, of the first `tokens` rows. */
void ops_gate(struct session *s, int tokens);

#endif
