/* SPDX-License-Identifier: MIT
 *
 * One forward pass, once for every format. A LLaMA layer is
 *
 *     h += Wo attention(Wq x, Wk x, Wv x)            x = norm(h)
 *     h += Wdown (silu(Wgate x) * Wup x)             x = norm(h)
 *
 * and a BitNet b1.58 layer has a norm before Wo and before Wdown besides. Families with int8
 * activations quantise them right before each linear layer, which is right after its norm (Training
 * Tips, "RMSNorm is placed outside BitLinear"). Embedding, LM head, norms, softmax, attention's two
 * products and the KV cache stay in high precision. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "model/scratch.h"

static void attention_block(struct session *s, const struct batch *b, int l, const struct layer *w)
{
    const struct shape *shape = s->model->shape;
    struct scratch *c = s->scratch;
    struct acts x = ops_prepare(s, c->h, c->hidden_stride, w->attn_norm, shape->hidden);
    const struct product qkv[] = {
        { c->q, c->q_stride, &w->linear[LINEAR_Q] },  /* (tokens, heads * dim) */
        { c->k, c->kv_stride, &w->linear[LINEAR_K] }, /* (tokens, kv_heads * dim) */
        { c->v, c->kv_stride, &w->linear[LINEAR_V] },
    };
    const struct product o = { c->out, c->hidden_stride, &w->linear[LINEAR_O] };

    ops_linear(s, s->model->kernel, qkv, 3, &x);
    ops_rotate_and_store(s, b, l);
    ops_attend(s, b, l);
    x = ops_prepare(s, c->mixed, c->q_stride, w->attn_sub_norm, shape->heads * shape->head_dim);
    ops_linear(s, s->model->kernel, &o, 1, &x);
    ops_add(s);
}

static void ffn_block(struct session *s, const struct layer *w)
{
    const struct shape *shape = s->model->shape;
    struct scratch *c = s->scratch;
    struct acts x = ops_prepare(s, c->h, c->hidden_stride, w->ffn_norm, shape->hidden);
    const struct product gate_up[] = {
        { c->gate, c->ffn_stride, &w->linear[LINEAR_GATE] }, /* (tokens, intermediate) */
        { c->up, c->ffn_stride, &w->linear[LINEAR_UP] },
    };
    const struct product down = { c->out, c->hidden_stride, &w->linear[LINEAR_DOWN] };

    ops_linear(s, s->model->kernel, gate_up, 2, &x);
    ops_gate(s);
    x = ops_prepare(s, c->gate, c->ffn_stride, w->ffn_sub_norm, shape->intermediate);
    ops_linear(s, s->model->kernel, &down, 1, &x);
    ops_add(s);
}

/* Every token's position in its sequence; -EINVAL when one is out of range. */
static int place(struct session *s, const struct batch *b)
{
    struct scratch *c = s->scratch;

    if (b->count < 1 || b->count > s->plan.max_tokens)
        return -EINVAL;
    memcpy(c->next, s->length, (size_t)s->plan.sequences * sizeof *c->next);
    for (int i = 0; i < s->plan.sequences; i++)
        c->last[i] = -1;
    for (int t = 0; t < b->count; t++) {
        const int sequence = b->sequence[t], token = b->token[t];
        if (sequence < 0 || sequence >= s->plan.sequences || token < 0 ||
            token >= s->model->shape->vocab || c->next[sequence] >= s->plan.positions)
            return -EINVAL;
        c->position[t] = c->next[sequence]++;
        c->last[sequence] = t;
    }
    c->tokens = b->count;
    return 0;
}

static void embed(struct session *s, const struct batch *b)
{
    const struct model *m = s->model;
    struct scratch *c = s->scratch;
    const int hidden = m->shape->hidden, half = m->shape->head_dim / 2;

    for (int t = 0; t < b->count; t++) {
        const uint16_t *row = c->row;
        if (m->embedding)
            row = m->embedding + (size_t)b->token[t] * (size_t)hidden;
        else
            f16_unpack_row(c->row, &m->head, b->token[t]);
        m->act->from_f16(c->h + (size_t)t * (size_t)c->hidden_stride, row, hidden);
        for (int i = 0; i < half; i++) {
            const double angle = (double)c->position[t] * (double)m->rope[i];
            c->cosine[t * half + i] = (float)cos(angle);
            c->sine[t * half + i] = (float)sin(angle);
        }
    }
}

/* The LM head, for the last token of each sequence in the batch; sequences without one keep their
 * row of logits. */
static void head(struct session *s, float *logits)
{
    const struct model *m = s->model;
    struct scratch *c = s->scratch;
    const int hidden = m->shape->hidden, vocab = m->shape->vocab;

    for (int first = 0; first < s->plan.sequences; first++) {
        int rows = 0; /* neighbours go together, as one GEMM */
        for (; first + rows < s->plan.sequences && c->last[first + rows] >= 0; rows++) {
            float *x = c->normed + (size_t)rows * (size_t)c->hidden_stride;
            const size_t from = (size_t)c->last[first + rows] * (size_t)c->hidden_stride;
            m->act->rmsnorm(x, c->h + from, m->final_norm, hidden, MODEL_RMS_EPS);
            memset(x + hidden, 0, (size_t)(padded_cols(hidden) - hidden) * sizeof *x);
        }
        if (!rows)
            continue;
        const struct acts x = { .f32 = c->normed, .count = rows, .stride = c->hidden_stride };
        const struct product p = { logits + (size_t)first * (size_t)vocab, vocab, &m->head };
        ops_linear(s, m->head_kernel, &p, 1, &x);
        first += rows;
    }
}

int forward(struct session *s, const struct batch *b, float *logits)
{
    const struct model *m = s->model;
    const int error = place(s, b);

    if (error)
        return error;
    embed(s, b);
    for (int l = 0; l < m->shape->layers; l++) {
        const struct layer *w = &m->layers[l % m->layers_resident];
        if (s->cancel && *s->cancel)
            return -EINTR;
        attention_block(s, b, l, w);
        ffn_block(s, w);
    }
    memcpy(s->length, s->scratch->next, (size_t)s->plan.sequences * sizeof *s->length);
    if (logits)
        head(s, logits);
    return 0;
}
