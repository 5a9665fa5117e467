/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/gemm.h"
#include "kernels/pages.h"
#include "model/arena.h"
#include "model/scratch.h"

/* Room for n elements, padded for the kernels; tokens must not lie a multiple of 4 KiB apart, or a
 * tile of them would fight for the same cache lines. */
static int stride_of(int n)
{
    const int padded = padded_cols(n);

    return padded % 1024 == 0 ? padded + 32 : padded;
}

static int max_of(int a, int b)
{
    return a > b ? a : b;
}

static int head_stride(const struct shape *s)
{
    return (s->head_dim + 7) / 8 * 8;
}

static void carve_routing(struct arena *a, const struct shape *s, size_t tokens, struct scratch *c)
{
    const size_t pairs = tokens * (size_t)s->experts_used, stride = (size_t)c->hidden_stride;

    c->logits = arena_take(a, tokens * (size_t)s->experts * sizeof(float));
    c->chosen = arena_take(a, pairs * sizeof(int));
    c->weight = arena_take(a, pairs * sizeof(float));
    c->pair = arena_take(a, pairs * sizeof(struct pair));
    c->first = arena_take(a, (size_t)(s->experts + 1) * sizeof(int));
    c->routed = arena_take(a, pairs * stride * sizeof(float));
    c->routed_q8 = arena_take(a, pairs * stride * sizeof(int8_t));
    c->routed_scale = arena_take(a, pairs * sizeof(float));
    c->routed_sum = arena_take(a, pairs * sizeof(int32_t));
}

static void carve_scratch(struct arena *a, const struct shape *s, const struct session_plan *plan,
                          int threads, struct scratch *c)
{
    const size_t tokens = (size_t)plan->max_tokens, sequences = (size_t)plan->sequences;
    const size_t queries = (size_t)threads * ATTEND_QUERIES;
    const int q = s->heads * s->head_dim, head = head_stride(s);
    const int widest = stride_of(max_of(max_of(s->hidden, q), s->intermediate));

    c->hidden_stride = stride_of(s->hidden);
    c->q_stride = stride_of(q);
    c->kv_stride = stride_of(s->kv_heads * s->head_dim);
    c->ffn_stride = stride_of(s->intermediate);
    c->q8_stride = widest;
    c->h = arena_take(a, tokens * (size_t)c->hidden_stride * sizeof(float));
    c->normed = arena_take(a, tokens * (size_t)widest * sizeof(float));
    c->q = arena_take(a, tokens * (size_t)c->q_stride * sizeof(float));
    c->k = arena_take(a, tokens * (size_t)c->kv_stride * sizeof(float));
    c->v = arena_take(a, tokens * (size_t)c->kv_stride * sizeof(float));
    c->mixed = arena_take(a, tokens * (size_t)c->q_stride * sizeof(float));
    c->gate = arena_take(a, tokens * (size_t)c->ffn_stride * sizeof(float));
    c->up = arena_take(a, tokens * (size_t)c->ffn_stride * sizeof(float));
    c->out = arena_take(a, tokens * (size_t)c->hidden_stride * sizeof(float));
    c->cosine = arena_take(a, tokens * (size_t)(s->head_dim / 2) * sizeof(float));
    c->sine = arena_take(a, tokens * (size_t)(s->head_dim / 2) * sizeof(float));
    c->scores = arena_take(a, queries * (size_t)plan->positions * sizeof(float));
    c->head_q = arena_take(a, queries * (size_t)head * sizeof(float));
    c->head_out = arena_take(a, queries * (size_t)head * sizeof(float));
    c->row = arena_take(a, (size_t)s->hidden * sizeof(uint16_t));
    c->q8 = arena_take(a, tokens * (size_t)widest * sizeof(int8_t));
    c->scale = arena_take(a, tokens * sizeof(float));
    c->sum = arena_take(a, tokens * sizeof(int32_t));
    c->shared = arena_take(a, gemm_share_bytes(widest, plan->max_tokens));
    c->position = arena_take(a, tokens * sizeof(int));
    c->next = arena_take(a, sequences * sizeof(int));
    c->last = arena_take(a, sequences * sizeof(int));
    c->block = arena_take(a, (tokens + 1) * sizeof(int));
    if (s->experts > 1)
        carve_routing(a, s, tokens, c);
}

/* Rows of k, and of v: one a head and position. */
static size_t cache_rows(const struct shape *s, const struct session_plan *plan)
{
    return (size_t)s->layers * (size_t)plan->sequences * (size_t)s->kv_heads *
           (size_t)plan->positions;
}

static size_t row_bytes(const struct shape *s, enum kv_type kv)
{
    return (size_t)head_stride(s) * (kv == KV_F16 ? sizeof(uint16_t) : sizeof(int8_t));
}

size_t session_position_bytes(const struct shape *s, enum kv_type kv)
{
    const size_t rows = 2 * (size_t)s->layers * (size_t)s->kv_heads;

    return rows * (row_bytes(s, kv) + (kv == KV_F16 ? 0 : sizeof(float)));
}

void session_bytes(const struct shape *s, const struct session_plan *plan, int threads,
                   size_t *kv_bytes, size_t *scratch_bytes)
{
    struct arena a = { NULL, 0 };
    struct scratch scratch;

    carve_scratch(&a, s, plan, threads, &scratch);
    *kv_bytes =
        (size_t)plan->sequences * (size_t)plan->positions * session_position_bytes(s, plan->kv);
    *scratch_bytes = a.used;
}

int session_open(struct session **out, const struct model *model, struct threads *pool,
                 const struct session_plan *plan, char *why, size_t why_size)
{
    struct session *s = calloc(1, sizeof *s);
    struct scratch *scratch = calloc(1, sizeof *scratch);
    int *length = calloc((size_t)plan->sequences, sizeof *length);
    const size_t rows = cache_rows(model->shape, plan);
    const size_t bytes = rows * row_bytes(model->shape, plan->kv);
    struct arena a = { NULL, 0 };

    if (!s || !scratch || !length)
        goto nomem;
    *s = (struct session){
        .model = model, .pool = pool, .plan = *plan, .length = length, .scratch = scratch
    };
    s->head_stride = head_stride(model->shape);
    session_bytes(model->shape, plan, threads_count(pool), &s->kv_bytes, &s->scratch_bytes);
    s->memory_bytes = s->kv_bytes + s->scratch_bytes + 5 * ARENA_ALIGN;
    s->memory = a.base = pages_alloc(s->memory_bytes);
    if (!s->memory)
        goto nomem;
    s->k = arena_take(&a, bytes);
    s->v = arena_take(&a, bytes);
    if (plan->kv == KV_I8) {
        s->k_scale = arena_take(&a, rows * sizeof(float));
        s->v_scale = arena_take(&a, rows * sizeof(float));
    }
    carve_scratch(&a, model->shape, plan, threads_count(pool), scratch);
    *out = s;
    return 0;
nomem:
    snprintf(why, why_size,
             "no memory for %d positions of %d sequences of %s: %zu bytes of KV cache",
             plan->positions, plan->sequences, model->shape->name, 2 * bytes);
    free(length);
    free(scratch);
    free(s);
    return -ENOMEM;
}

void session_close(struct session *s)
{
    if (!s)
        return;
    pages_free(s->memory, s->memory_bytes);
    free(s->length);
    free(s->scratch);
    free(s);
}

void session_rewind(struct session *s, int length)
{
    for (int i = 0; i < s->plan.sequences; i++)
        if (s->length[i] > length)
            s->length[i] = length;
}

/* Values of magnitude 1/4 to 1/2, either sign. */
static void fill_row(const struct session *s, void *cache, float *scale, size_t row, uint64_t *x)
{
    for (int i = 0; i < s->model->shape->head_dim; i++) {
        const size_t at = row * (size_t)s->head_stride + (size_t)i;
        *x = *x * 6364136223846793005u + 1442695040888963407u;
        if (s->plan.kv == KV_F16)
            ((uint16_t *)cache)[at] = (uint16_t)(0x3400 | (*x >> 40 & 0x83ff));
        else
            ((int8_t *)cache)[at] = (int8_t)((*x >> 63 ? 64 : -127) + (int)(*x >> 40 & 63));
    }
    if (scale)
        scale[row] = 0.5f / 127;
}

struct fill {
    struct session *s;
    int length;
    uint64_t seed;
};

/* Heads of all layers and sequences, one after another; each has values of its own. */
static void fill_share(void *arg, int index, int count)
{
    const struct fill *job = arg;
    const struct session *s = job->s;
    const size_t positions = (size_t)s->plan.positions;
    const int heads = (int)(cache_rows(s->model->shape, &s->plan) / positions);
    const struct range share = threads_share(heads, 1, index, count);

    for (int head = share.first; head < share.last; head++) {
        uint64_t x = (job->seed + (uint64_t)head * 0x9e3779b97f4a7c15u) | 1;
        for (size_t row = (size_t)head * positions;
             row < (size_t)head * positions + (size_t)job->length; row++) {
            fill_row(s, s->k, s->k_scale, row, &x);
            fill_row(s, s->v, s->v_scale, row, &x);
        }
    }
}

void session_fill(struct session *s, int length, uint64_t seed)
{
    struct fill job = { s, length, seed };

    threads_run(s->pool, fill_share, &job);
    for (int i = 0; i < s->plan.sequences; i++)
        s->length[i] = length;
}
