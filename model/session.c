/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void carve_scratch(struct arena *a, const struct shape *s, const struct session_plan *plan,
                          int threads, struct scratch *c)
{
    const size_t tokens = (size_t)plan->max_tokens, sequences = (size_t)plan->sequences;
    const int q = s->heads * s->head_dim, head = (s->head_dim + 7) / 8 * 8;
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
    c->scores = arena_take(a, (size_t)threads * (size_t)plan->positions * sizeof(float));
    c->head_q = arena_take(a, (size_t)threads * (size_t)head * sizeof(float));
    c->head_out = arena_take(a, (size_t)threads * (size_t)head * sizeof(float));
    c->row = arena_take(a, (size_t)s->hidden * sizeof(uint16_t));
    c->q8 = arena_take(a, tokens * (size_t)widest * sizeof(int8_t));
    c->scale = arena_take(a, tokens * sizeof(float));
    c->sum = arena_take(a, tokens * sizeof(int32_t));
    c->position = arena_take(a, tokens * sizeof(int));
    c->next = arena_take(a, sequences * sizeof(int));
    c->last = arena_take(a, sequences * sizeof(int));
}

static size_t kv_elements(const struct shape *s, const struct session_plan *plan)
{
    return (size_t)s->layers * (size_t)plan->sequences * (size_t)s->kv_heads *
           (size_t)plan->positions * (size_t)((s->head_dim + 7) / 8 * 8);
}

void session_bytes(const struct shape *s, const struct session_plan *plan, int threads,
                   size_t *kv_bytes, size_t *scratch_bytes)
{
    struct arena a = { NULL, 0 };
    struct scratch scratch;

    carve_scratch(&a, s, plan, threads, &scratch);
    *kv_bytes = 2 * kv_elements(s, plan) * sizeof(uint16_t);
    *scratch_bytes = a.used;
}

int session_open(struct session **out, const struct model *model, struct threads *pool,
                 const struct session_plan *plan, char *why, size_t why_size)
{
    struct session *s = calloc(1, sizeof *s);
    struct scratch *scratch = calloc(1, sizeof *scratch);
    int *length = calloc((size_t)plan->sequences, sizeof *length);
    const size_t elements = kv_elements(model->shape, plan);
    struct arena a = { NULL, 0 };

    if (!s || !scratch || !length)
        goto nomem;
    *s = (struct session){
        .model = model, .pool = pool, .plan = *plan, .length = length, .scratch = scratch
    };
    s->head_stride = (model->shape->head_dim + 7) / 8 * 8;
    session_bytes(model->shape, plan, threads_count(pool), &s->kv_bytes, &s->scratch_bytes);
    s->memory_bytes = s->kv_bytes + s->scratch_bytes + 3 * ARENA_ALIGN;
    s->memory = a.base = pages_alloc(s->memory_bytes);
    if (!s->memory)
        goto nomem;
    s->k = arena_take(&a, elements * sizeof(uint16_t));
    s->v = arena_take(&a, elements * sizeof(uint16_t));
    carve_scratch(&a, model->shape, plan, threads_count(pool), scratch);
    *out = s;
    return 0;
nomem:
    snprintf(why, why_size,
             "no memory for %d positions of %d sequences of %s: %zu bytes of KV cache",
             plan->positions, plan->sequences, model->shape->name, 2 * elements * sizeof(uint16_t));
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

void session_fill(struct session *s, int length, uint64_t seed)
{
    const struct shape *shape = s->model->shape;
    const size_t rows = (size_t)shape->layers * (size_t)s->plan.sequences * (size_t)shape->kv_heads;
    uint64_t x = seed | 1;

    for (size_t row = 0; row < rows; row++)
        for (int p = 0; p < length; p++) {
            const size_t at =
                (row * (size_t)s->plan.positions + (size_t)p) * (size_t)s->head_stride;
            for (int i = 0; i < shape->head_dim; i++) {
                x = x * 6364136223846793005u + 1442695040888963407u;
                /* FP16 of magnitude 1/4 to 1/2, either sign, for k and v */
                s->k[at + (size_t)i] = (uint16_t)(0x3400 | (x >> 40 & 0x83ff));
                s->v[at + (size_t)i] = (uint16_t)(0x3400 | (x >> 24 & 0x83ff));
            }
        }
    for (int i = 0; i < s->plan.sequences; i++)
        s->length[i] = length;
}
