/* SPDX-License-Identifier: MIT
 *
 * One forward pass, once for every format. A LLaMA layer is
 *
 *     h += Wo attention(Wq x, Wk x, Wv x)            x = norm(h)
 *     h += Wdown (silu(Wgate x) * Wup x)             x = norm(h)
 *
 * and a BitNet b1.58 layer has a norm before Wo and before Wdown besides. A layer with experts has
 * several Wgate, Wup, Wdown; a token goes through those that its router chooses, and h gains their
 * outputs by the router's weights; a dense layer is one expert without a router. Families with int8
 * activations quantise them right before each linear layer, which is right after its norm (Training
 * Tips, "RMSNorm is placed outside BitLinear"). Embedding, LM head, norms, softmax, attention's two
 * products and the KV cache stay in high precision. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "model/scratch.h"

const char *const part_names[PARTS] = {
    [PART_EMBEDDING] = "embedding",
    [PART_NORMS] = "norms",
    [PART_QKV] = "linear_qkv",
    [PART_ROPE] = "rope_kv",
    [PART_ATTENTION] = "attention",
    [PART_O] = "linear_o",
    [PART_ROUTER] = "router",
    [PART_GATE_UP] = "linear_gate_up",
    [PART_ACTIVATION] = "activation",
    [PART_DOWN] = "linear_down",
    [PART_HEAD] = "head",
};

static void attention_block(struct session *s, const struct batch *b, int l, const struct layer *w)
{
    const struct shape *shape = s->model->shape;
    struct scratch *c = s->scratch;
    const enum act_kind act = s->model->family->act;
    struct acts x =
        ops_prepare(s, act, c->h, c->tokens, c->hidden_stride, w->attn_norm, shape->hidden);
    const struct product qkv[] = {
        { c->q, NULL, c->q_stride, &w->linear[LINEAR_Q], NULL },  /* (tokens, heads * dim) */
        { c->k, NULL, c->kv_stride, &w->linear[LINEAR_K], NULL }, /* (tokens, kv_heads * dim) */
        { c->v, NULL, c->kv_stride, &w->linear[LINEAR_V], NULL },
    };
    const struct product o = { c->out, c->h, c->hidden_stride, &w->linear[LINEAR_O], NULL };

    ops_linear(s, PART_QKV, qkv, 3, &x);
    ops_rotate_and_store(s, b, l);
    ops_attend(s, b, l);
    x = ops_prepare(s, act, c->mixed, c->tokens, c->q_stride, w->attn_sub_norm,
                    shape->heads * shape->head_dim);
    ops_linear(s, PART_O, &o, 1, &x);
}

/* Expert e, on its tokens. */
static void expert(struct session *s, const struct layer *w, int e, const struct acts *x)
{
    const struct shape *shape = s->model->shape;
    struct scratch *c = s->scratch;
    const struct wmat *linear = w->linear + EXPERT_LINEARS * e;
    const float *sub_norm = w->ffn_sub_norm ? w->ffn_sub_norm + e * shape->intermediate : NULL;
    const struct pair *pair = shape->experts > 1 ? c->pair + c->first[e] : NULL;
    const struct product gate_up[] = {
        { c->gate, NULL, c->ffn_stride, &linear[LINEAR_GATE], NULL }, /* (tokens, intermediate) */
        { c->up, NULL, c->ffn_stride, &linear[LINEAR_UP], NULL },
    };
    const struct product down = { c->out, c->h, c->hidden_stride, &linear[LINEAR_DOWN], pair };

    ops_linear(s, PART_GATE_UP, gate_up, 2, x);
    ops_gate(s, x->count);
    const struct acts gated = ops_prepare(s, s->model->family->act, c->gate, x->count,
                                          c->ffn_stride, sub_norm, shape->intermediate);
    ops_linear(s, PART_DOWN, &down, 1, &gated);
}

static void ffn_block(struct session *s, const struct layer *w)
{
    const struct shape *shape = s->model->shape;
    struct scratch *c = s->scratch;
    const bool dense = shape->experts == 1;
    struct acts x = ops_prepare(s, dense ? s->model->family->act : ACT_F32, c->h, c->tokens,
                                c->hidden_stride, w->ffn_norm, shape->hidden);

    if (!dense)
        x = ops_route(s, &w->router, &x);
    for (int e = 0; e < shape->experts; e++) {
        const struct acts mine = ops_expert(s, &x, e);
        if (!mine.count)
            continue;
        expert(s, w, e, &mine);
        s->experts_read++;
    }
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
    c->blocks = 0;
    for (int t = 0; t < b->count; t++)
        if (!t || b->sequence[t] != b->sequence[t - 1] ||
            t - c->block[c->blocks - 1] == ATTEND_QUERIES)
            c->block[c->blocks++] = t;
    c->block[c->blocks] = b->count;
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
        for (; first + rows < s->plan.sequences && c->last[first + rows] >= 0; rows++)
            memcpy(c->out + (size_t)rows * (size_t)c->hidden_stride,
                   c->h + (size_t)c->last[first + rows] * (size_t)c->hidden_stride,
                   (size_t)hidden * sizeof *c->out);
        if (!rows)
            continue;
        const struct acts x = ops_prepare(s, m->head_family->act, c->out, rows, c->hidden_stride,
                                          m->final_norm, hidden);
        const struct product p = { logits + (size_t)first * (size_t)vocab, NULL, vocab, &m->head,
                                   NULL };
        ops_linear(s, PART_HEAD, &p, 1, &x);
        first += rows;
    }
}

int forward(struct session *s, const struct batch *b, float *logits)
{
    const struct model *m = s->model;
    const int error = place(s, b);

    if (error)
        return error;
    if (s->profile)
        s->profile->mark = s->profile->clock_ns();
    embed(s, b);
    ops_lap(s, PART_EMBEDDING);
    for (int l = 0; l < m->shape->layers; l++) {
        const struct layer *w = &m->layers[l % m->layers_resident];
        if (s->cancel && *s->cancel)
            return -EINTR;
        attention_block(s, b, l, w);
        ffn_block(s, w);
        s->layers_run++;
    }
    memcpy(s->length, s->scratch->next, (size_t)s->plan.sequences * sizeof *s->length);
    if (logits)
        head(s, logits);
    return 0;
}
