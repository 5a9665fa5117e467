/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include "kernels/gemm.h"
#include "kernels/split.h"
#include "model/scratch.h"

void ops_lap(const struct session *s, enum part part)
{
    struct profile *p = s->profile;

    if (!p)
        return;
    const int64_t now = p->clock_ns();
    p->ns[part] += now - p->mark;
    p->mark = now;
}

/* ---- norm and quantiser ---- */

struct prepare {
    const struct session *s;
    enum act_kind kind;
    const float *x, *gain;
    int tokens, stride, n;
};

static void prepare_tokens(const struct prepare *job, int first, int last)
{
    const struct act_kernels *act = job->s->model->act;
    const struct scratch *c = job->s->scratch;
    const int n = job->n, padded = padded_cols(n);

    for (int t = first; t < last; t++) {
        const float *x = job->x + (size_t)t * (size_t)job->stride;
        if (job->gain) {
            /* What is quantised at once needs one row a thread, which stays in its cache. */
            const int row = job->kind == ACT_F32 ? t : first;
            float *normed = c->normed + (size_t)row * (size_t)job->stride;
            act->rmsnorm(normed, x, job->gain, n, MODEL_RMS_EPS);
            if (job->kind == ACT_F32) /* a wider layer may have left something there */
                memset(normed + n, 0, (size_t)(padded - n) * sizeof *normed);
            x = normed;
        }
        if (job->kind == ACT_I8)
            act->quantise(c->q8 + (size_t)t * (size_t)c->q8_stride, &c->scale[t], &c->sum[t], x, n,
                          padded);
    }
}

static void prepare_share(void *arg, int index, int count)
{
    const struct prepare *job = arg;
    const struct range share = threads_share(job->tokens, 1, index, count);

    prepare_tokens(job, share.first, share.last);
}

struct acts ops_prepare(struct session *s, enum act_kind kind, const float *x, int tokens,
                        int stride, const float *gain, int n)
{
    const struct scratch *c = s->scratch;
    struct prepare job = { s, kind, x, gain, tokens, stride, n };

    if (tokens == 1)
        prepare_tokens(&job, 0, 1); /* less work than waking the others */
    else
        threads_run(s->pool, prepare_share, &job);
    ops_lap(s, PART_NORMS);
    if (kind == ACT_I8)
        return (struct acts){
            .q8 = c->q8, .scale = c->scale, .sum = c->sum, .count = tokens, .stride = c->q8_stride
        };
    return (struct acts){ .f32 = gain ? c->normed : x, .count = tokens, .stride = stride };
}

/* ---- linear layers ---- */

struct linear_job {
    const struct session *s;
    const struct kernel *kernel;
    const struct product *products;
    const struct acts *x;
};

/* Columns `rows` of the residual gain those of y. */
static void add_residual(const struct act_kernels *act, const struct product *p, int tokens,
                         struct range rows)
{
    for (int t = 0; t < tokens; t++) {
        const float *y = p->y + (size_t)t * (size_t)p->ldy;
        if (!p->pair) {
            act->add(p->residual + (size_t)t * (size_t)p->ldy + rows.first, y + rows.first,
                     rows.last - rows.first);
            continue;
        }
        float *residual = p->residual + (size_t)p->pair[t].token * (size_t)p->ldy;
        for (int r = rows.first; r < rows.last; r++)
            residual[r] += p->pair[t].weight * y[r];
    }
}

static void linear_part(void *arg, int item, struct range rows)
{
    const struct linear_job *job = arg;
    const struct product *p = &job->products[item];

    kernel_run(job->kernel, p->y, p->ldy, p->w, job->x, rows.first, rows.last);
    if (p->residual)
        add_residual(job->s->model->act, p, job->x->count, rows);
}

void ops_linear(struct session *s, enum part part, const struct product *products, int count,
                const struct acts *x)
{
    const struct model *m = s->model;
    const struct family *family = part == PART_HEAD ? m->head_family : m->family;
    const int cols = products->w->cols;
    const struct acts input = gemm_share(x, s->scratch->shared, cols);
    struct linear_job job = { s, part == PART_HEAD ? m->head_kernel : m->kernel, products, &input };
    int rows[PRODUCTS_MAX];

    for (int i = 0; i < count; i++)
        rows[i] = products[i].w->rows;
    const struct split split = { rows, count, PANEL_ROWS, kernel_part(family, cols, x->count) };
    split_run(s->pool, &split, linear_part, &job);
    ops_lap(s, part);
}

/* ---- rotation, cache, attention ---- */

/* Row of the cache: of one head at one position. */
static size_t cache_row(const struct session *s, int layer, int sequence, int kv_head, int position)
{
    const size_t head = ((size_t)layer * (size_t)s->plan.sequences + (size_t)sequence) *
                            (size_t)s->model->shape->kv_heads +
                        (size_t)kv_head;

    return head * (size_t)s->plan.positions + (size_t)position;
}

static void store_row(const struct session *s, void *cache, float *scale, size_t row,
                      const float *x)
{
    const int dim = s->model->shape->head_dim;
    const size_t at = row * (size_t)s->head_stride;
    int32_t sum;

    if (s->plan.kv == KV_F16)
        s->model->act->to_f16((uint16_t *)cache + at, x, dim);
    else
        s->model->act->quantise((int8_t *)cache + at, &scale[row], &sum, x, dim, s->head_stride);
}

struct attention_job {
    const struct session *s;
    const struct batch *b;
    int layer;
};

/* Key-value heads of all tokens, one after another. */
static void rotate_share(void *arg, int index, int count)
{
    const struct attention_job *job = arg;
    const struct session *s = job->s;
    const struct shape *shape = s->model->shape;
    const struct scratch *c = s->scratch;
    const int dim = shape->head_dim, group = shape->heads / shape->kv_heads;
    const struct range share = threads_share(c->tokens * shape->kv_heads, 1, index, count);

    for (int i = share.first; i < share.last; i++) {
        const int t = i / shape->kv_heads, h = i % shape->kv_heads;
        const float *cosine = c->cosine + t * (dim / 2), *sine = c->sine + t * (dim / 2);
        const size_t at = (size_t)t * (size_t)c->kv_stride + (size_t)(h * dim);
        const size_t row = cache_row(s, job->layer, job->b->sequence[t], h, c->position[t]);

        s->model->act->rotate(c->q + (size_t)t * (size_t)c->q_stride + h * group * dim, group, dim,
                              cosine, sine);
        s->model->act->rotate(c->k + at, 1, dim, cosine, sine);
        store_row(s, s->k, s->k_scale, row, c->k + at);
        store_row(s, s->v, s->v_scale, row, c->v + at);
    }
}

void ops_rotate_and_store(struct session *s, const struct batch *b, int layer)
{
    struct attention_job job = { s, b, layer };

    threads_run(s->pool, rotate_share, &job);
    ops_lap(s, PART_ROPE);
}

/* What a key-value head of a sequence holds. */
static struct attend keys_and_values(const struct attention_job *job, int sequence, int kv_head)
{
    const struct session *s = job->s;
    const size_t row = cache_row(s, job->layer, sequence, kv_head, 0);
    const size_t at =
        row * (size_t)s->head_stride * (s->plan.kv == KV_F16 ? sizeof(uint16_t) : sizeof(int8_t));

    return (struct attend){ .k = (const char *)s->k + at,
                            .v = (const char *)s->v + at,
                            .k_scale = s->k_scale ? s->k_scale + row : NULL,
                            .v_scale = s->v_scale ? s->v_scale + row : NULL,
                            .stride = s->head_stride,
                            .scale = 1 / sqrtf((float)s->model->shape->head_dim) };
}

/* The queries that share a key-value head, of a block of tokens: the heads of its group. */
static void attend_block(const struct attention_job *job, int block, int kv_head, int index)
{
    const struct session *s = job->s;
    const struct scratch *c = s->scratch;
    const struct shape *shape = s->model->shape;
    const int dim = shape->head_dim, group = shape->heads / shape->kv_heads;
    const int first = c->block[block], queries = (c->block[block + 1] - first) * group;
    const struct attend a = keys_and_values(job, job->b->sequence[first], kv_head);
    const size_t thread = (size_t)index * ATTEND_QUERIES;
    float *q = c->head_q + thread * (size_t)s->head_stride;
    float *out = c->head_out + thread * (size_t)s->head_stride;

    for (int i = 0; i < queries; i += ATTEND_QUERIES) {
        const int n = queries - i < ATTEND_QUERIES ? queries - i : ATTEND_QUERIES;
        int positions[ATTEND_QUERIES];
        size_t at[ATTEND_QUERIES];
        for (int j = 0; j < n; j++) {
            const int t = first + (i + j) / group, h = kv_head * group + (i + j) % group;
            at[j] = (size_t)t * (size_t)c->q_stride + (size_t)(h * dim);
            positions[j] = c->position[t] + 1;
            memcpy(q + j * s->head_stride, c->q + at[j], (size_t)dim * sizeof *q);
        }
        s->model->act->attend[s->plan.kv](out, q, positions, n, &a,
                                          c->scores + thread * (size_t)s->plan.positions);
        for (int j = 0; j < n; j++)
            memcpy(c->mixed + at[j], out + j * s->head_stride, (size_t)dim * sizeof *out);
    }
}

/* A thread takes every count-th, because later tokens look back further. */
static void attend_share(void *arg, int index, int count)
{
    const struct attention_job *job = arg;
    const int kv_heads = job->s->model->shape->kv_heads;

    for (int i = index; i < job->s->scratch->blocks * kv_heads; i += count)
        attend_block(job, i / kv_heads, i % kv_heads, index);
}

void ops_attend(struct session *s, const struct batch *b, int layer)
{
    struct attention_job job = { s, b, layer };

    threads_run(s->pool, attend_share, &job);
    ops_lap(s, PART_ATTENTION);
}

/* ---- element by element ---- */

struct gate_job {
    const struct session *s;
    int tokens;
};

static void gate_share(void *arg, int index, int count)
{
    const struct gate_job *job = arg;
    const struct act_kernels *act = job->s->model->act;
    const struct scratch *c = job->s->scratch;
    const struct shape *shape = job->s->model->shape;
    gate_fn *gate = shape->activation == SILU ? act->silu : act->relu2;
    const struct range columns = threads_share(shape->intermediate, 64, index, count);

    for (int t = 0; t < job->tokens; t++) {
        const size_t at = (size_t)t * (size_t)c->ffn_stride + (size_t)columns.first;
        gate(c->gate + at, c->gate + at, c->up + at, columns.last - columns.first);
    }
}

void ops_gate(struct session *s, int tokens)
{
    struct gate_job job = { s, tokens };

    threads_run(s->pool, gate_share, &job);
    ops_lap(s, PART_ACTIVATION);
}
