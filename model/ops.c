/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include "model/scratch.h"

/* ---- norm and quantiser ---- */

struct prepare {
    struct session *s;
    const float *x, *gain;
    int stride, n;
};

static void prepare_tokens(const struct prepare *job, int first, int last)
{
    const struct model *m = job->s->model;
    struct scratch *c = job->s->scratch;

    for (int t = first; t < last; t++) {
        const float *x = job->x + (size_t)t * (size_t)job->stride;
        if (job->gain) {
            float *normed = c->normed + (size_t)t * (size_t)job->stride;
            m->act->rmsnorm(normed, x, job->gain, job->n, MODEL_RMS_EPS);
            x = normed;
        }
        if (m->family->act == ACT_I8)
            m->act->quantise(c->q8 + (size_t)t * (size_t)c->q8_stride, &c->scale[t], &c->sum[t], x,
                             job->n, padded_cols(job->n));
    }
}

static void prepare_share(void *arg, int index, int count)
{
    const struct prepare *job = arg;
    const struct range share = threads_share(job->s->scratch->tokens, 1, index, count);

    prepare_tokens(job, share.first, share.last);
}

/* The columns from n up to the padding: a narrower layer may have left something there. */
static void clear_padding(float *x, int stride, int tokens, int n)
{
    for (int t = 0; t < tokens; t++)
        memset(x + (size_t)t * (size_t)stride + n, 0, (size_t)(padded_cols(n) - n) * sizeof *x);
}

struct acts ops_prepare(struct session *s, const float *x, int stride, const float *gain, int n)
{
    struct scratch *c = s->scratch;
    struct prepare job = { s, x, gain, stride, n };
    const int tokens = c->tokens;

    if (gain && s->model->family->act == ACT_F32)
        clear_padding(c->normed, stride, tokens, n);
    if (tokens == 1)
        prepare_tokens(&job, 0, 1); /* less work than waking the others */
    else
        threads_run(s->pool, prepare_share, &job);
    if (s->model->family->act == ACT_I8)
        return (struct acts){
            .q8 = c->q8, .scale = c->scale, .sum = c->sum, .count = tokens, .stride = c->q8_stride
        };
    return (struct acts){ .f32 = gain ? c->normed : x, .count = tokens, .stride = stride };
}

/* ---- linear layers ---- */

struct linear_job {
    const struct kernel *kernel;
    const struct product *products;
    int count;
    const struct acts *x;
};

static void linear_share(void *arg, int index, int count)
{
    const struct linear_job *job = arg;

    for (int i = 0; i < job->count; i++) {
        const struct product *p = &job->products[i];
        const struct range rows = threads_share(p->w->rows, PANEL_ROWS, index, count);
        if (job->x->count == 1)
            job->kernel->gemv(p->y, p->w, job->x, rows.first, rows.last);
        else
            job->kernel->gemm(p->y, p->ldy, p->w, job->x, rows.first, rows.last);
    }
}

void ops_linear(struct session *s, const struct kernel *kernel, const struct product *products,
                int count, const struct acts *x)
{
    struct linear_job job = { kernel, products, count, x };

    threads_run(s->pool, linear_share, &job);
}

/* ---- rotation, cache, attention ---- */

static uint16_t *cache_at(const struct session *s, uint16_t *cache, int layer, int sequence,
                          int kv_head, int position)
{
    const size_t row = ((size_t)layer * (size_t)s->plan.sequences + (size_t)sequence) *
                           (size_t)s->model->shape->kv_heads +
                       (size_t)kv_head;

    return cache + (row * (size_t)s->plan.positions + (size_t)position) * (size_t)s->head_stride;
}

static void rotate(float *x, int heads, int dim, const float *cosine, const float *sine)
{
    for (int h = 0; h < heads; h++, x += dim)
        for (int i = 0; i < dim / 2; i++) {
            const float a = x[2 * i], b = x[2 * i + 1];
            x[2 * i] = a * cosine[i] - b * sine[i];
            x[2 * i + 1] = a * sine[i] + b * cosine[i];
        }
}

struct attention_job {
    struct session *s;
    const struct batch *b;
    int layer;
};

static void rotate_tokens(const struct attention_job *job, int first, int last)
{
    const struct session *s = job->s;
    const struct shape *shape = s->model->shape;
    const struct scratch *c = s->scratch;
    const int dim = shape->head_dim;

    for (int t = first; t < last; t++) {
        const float *cosine = c->cosine + t * (dim / 2), *sine = c->sine + t * (dim / 2);
        float *k = c->k + (size_t)t * (size_t)c->kv_stride;
        const float *v = c->v + (size_t)t * (size_t)c->kv_stride;

        rotate(c->q + (size_t)t * (size_t)c->q_stride, shape->heads, dim, cosine, sine);
        rotate(k, shape->kv_heads, dim, cosine, sine);
        for (int h = 0; h < shape->kv_heads; h++) {
            const int sequence = job->b->sequence[t], at = c->position[t];
            s->model->act->to_f16(cache_at(s, s->k, job->layer, sequence, h, at), k + h * dim, dim);
            s->model->act->to_f16(cache_at(s, s->v, job->layer, sequence, h, at), v + h * dim, dim);
        }
    }
}

static void rotate_share(void *arg, int index, int count)
{
    const struct attention_job *job = arg;
    const struct range share = threads_share(job->s->scratch->tokens, 1, index, count);

    rotate_tokens(job, share.first, share.last);
}

void ops_rotate_and_store(struct session *s, const struct batch *b, int layer)
{
    struct attention_job job = { s, b, layer };

    if (s->scratch->tokens == 1)
        rotate_tokens(&job, 0, 1);
    else
        threads_run(s->pool, rotate_share, &job);
}

/* Heads of all tokens, one after another; a thread takes every count-th, because later tokens look
 * back further. */
static void attend_share(void *arg, int index, int count)
{
    const struct attention_job *job = arg;
    const struct session *s = job->s;
    const struct shape *shape = s->model->shape;
    const struct scratch *c = s->scratch;
    const int dim = shape->head_dim, group = shape->heads / shape->kv_heads;
    float *q = c->head_q + index * s->head_stride, *out = c->head_out + index * s->head_stride;
    float *scores = c->scores + (size_t)index * (size_t)s->plan.positions;

    for (int i = index; i < c->tokens * shape->heads; i += count) {
        const int t = i / shape->heads, h = i % shape->heads;
        const int sequence = job->b->sequence[t];
        memcpy(q, c->q + (size_t)t * (size_t)c->q_stride + h * dim, (size_t)dim * sizeof *q);
        s->model->act->attend(out, q, cache_at(s, s->k, job->layer, sequence, h / group, 0),
                              cache_at(s, s->v, job->layer, sequence, h / group, 0),
                              c->position[t] + 1, s->head_stride, 1 / sqrtf((float)dim), scores);
        memcpy(c->mixed + (size_t)t * (size_t)c->q_stride + h * dim, out,
               (size_t)dim * sizeof *out);
    }
}

void ops_attend(struct session *s, const struct batch *b, int layer)
{
    struct attention_job job = { s, b, layer };

    threads_run(s->pool, attend_share, &job);
}

/* ---- element by element ---- */

static void gate_share(void *arg, int index, int count)
{
    const struct session *s = arg;
    const struct scratch *c = s->scratch;
    const struct shape *shape = s->model->shape;
    gate_fn *gate = shape->activation == SILU ? s->model->act->silu : s->model->act->relu2;
    const struct range columns = threads_share(shape->intermediate, 64, index, count);

    for (int t = 0; t < c->tokens; t++) {
        const size_t at = (size_t)t * (size_t)c->ffn_stride + (size_t)columns.first;
        gate(c->gate + at, c->gate + at, c->up + at, columns.last - columns.first);
    }
}

void ops_gate(struct session *s)
{
    threads_run(s->pool, gate_share, s);
}

void ops_add(struct session *s)
{
    const struct scratch *c = s->scratch;

    for (int t = 0; t < c->tokens; t++) {
        const size_t at = (size_t)t * (size_t)c->hidden_stride;
        s->model->act->add(c->h + at, c->out + at, s->model->shape->hidden);
    }
}
