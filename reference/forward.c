/* SPDX-License-Identifier: MIT
 *
 * One token through the network. The LLaMA graph, and the BitNet graph with its two further norms
 * ([T]: a BitLinear norms its own input, so what is before q, k, v and before gate, up moves into
 * them, and o and down gain one each):
 *
 *     h = x + o( [sub_norm] attention(q, k, v)( norm(x) ) )
 *     x = h + down( [sub_norm] activation(gate(n)) * up(n) ),   n = norm(h)
 *
 * With experts, what is added to h is the weighted sum of those that the router chooses for n. The
 * router is not quantised. */
#include <math.h>   /* fmin, INFINITY */
#include <stdlib.h> /* calloc, free */
#include <string.h> /* memcpy */
#include "reference/reference.h"

static int longest(int a, int b)
{
    return a > b ? a : b;
}

bool ref_open(struct ref_state *state, const struct ref_model *m, int positions)
{
    const size_t hidden = (size_t)m->hidden, intermediate = (size_t)m->intermediate;
    const size_t heads = (size_t)(m->heads * m->head_dim), experts = (size_t)m->experts;
    const size_t cache =
        (size_t)m->layers * (size_t)positions * (size_t)(m->kv_heads * m->head_dim);
    const size_t input =
        (size_t)longest(longest(m->hidden, m->intermediate), m->heads * m->head_dim);
    const size_t doubles =
        2 * cache + 3 * hidden + 2 * heads + 2 * intermediate + 2 * experts + (size_t)positions;

    *state = (struct ref_state){ .model = m, .positions = positions, .margin = INFINITY };
    state->memory = calloc(doubles, sizeof *state->memory);
    state->quantized = calloc(input, sizeof *state->quantized);
    state->chosen = calloc(experts, sizeof *state->chosen);
    if (!state->memory || !state->quantized || !state->chosen)
        return false;
    state->k = state->memory;
    state->v = state->k + cache;
    state->x = state->v + cache;
    state->normed = state->x + hidden;
    state->projected = state->normed + hidden;
    state->q = state->projected + hidden;
    state->attended = state->q + heads;
    state->gate = state->attended + heads;
    state->up = state->gate + intermediate;
    state->logits = state->up + intermediate;
    state->weight = state->logits + experts;
    state->scores = state->weight + experts;
    return true;
}

void ref_close(struct ref_state *state)
{
    free(state->memory);
    free(state->quantized);
    free(state->chosen);
    *state = (struct ref_state){ 0 };
}

static void linear(double *y, const struct ref_matrix *w, const double *x, int8_t *quantized)
{
    if (w->real) {
        ref_linear_real(y, w->real, x, w->rows, w->cols);
        return;
    }
    double scale;
    ref_quantize_absmax(quantized, &scale, x, (size_t)w->cols);
    ref_linear_int(y, w->code, w->scale, quantized, scale, w->rows, w->cols);
}

static void add(double *y, const double *x, int n)
{
    for (int i = 0; i < n; i++)
        y[i] += x[i];
}

/* What is left of x, (kv_heads, head_dim), when it has been stored. */
static void round_in_cache(double *x, const struct ref_model *m, int8_t *quantized)
{
    for (int h = 0; h < m->kv_heads; h++, x += m->head_dim) {
        double scale = 0;
        if (m->cache == REF_CACHE_I8)
            ref_quantize_absmax(quantized, &scale, x, (size_t)m->head_dim);
        for (int i = 0; i < m->head_dim; i++)
            if (m->cache == REF_CACHE_F16)
                x[i] = ref_f16_round(x[i]);
            else if (m->cache == REF_CACHE_I8)
                x[i] = quantized[i] * scale;
    }
}

static void attention(struct ref_state *s, int layer)
{
    const struct ref_model *m = s->model;
    const struct ref_layer *w = &m->layer[layer];
    const int kv_dim = m->kv_heads * m->head_dim, position = s->length;
    double *k = s->k + layer * s->positions * kv_dim; /* (positions, kv_heads, head_dim) */
    double *v = s->v + layer * s->positions * kv_dim;
    double *k_now = k + position * kv_dim, *v_now = v + position * kv_dim;

    ref_rmsnorm(s->normed, s->x, w->attn_norm, m->hidden, m->norm_eps);
    linear(s->q, &w->q, s->normed, s->quantized);
    linear(k_now, &w->k, s->normed, s->quantized);
    linear(v_now, &w->v, s->normed, s->quantized);
    ref_rope(s->q, m->heads, m->head_dim, position, m->rope_theta);
    ref_rope(k_now, m->kv_heads, m->head_dim, position, m->rope_theta);
    round_in_cache(k_now, m, s->quantized);
    round_in_cache(v_now, m, s->quantized);
    ref_attention(s->attended, s->q, k, v, m->heads, m->kv_heads, m->head_dim, position + 1,
                  s->scores);
    if (w->attn_sub_norm)
        ref_rmsnorm(s->attended, s->attended, w->attn_sub_norm, m->heads * m->head_dim,
                    m->norm_eps);
    linear(s->projected, &w->o, s->attended, s->quantized);
    add(s->x, s->projected, m->hidden);
}

/* Which experts the token meets, and how much they weigh. */
static void route(struct ref_state *s, const struct ref_layer *w)
{
    const struct ref_model *m = s->model;

    s->chosen[0] = 0;
    s->weight[0] = 1;
    if (m->experts == 1)
        return;
    ref_linear_real(s->logits, w->router.real, s->normed, m->experts, m->hidden);
    ref_route(s->chosen, s->weight, s->logits, m->experts, m->experts_used);
    for (int e = 0; e < m->experts; e++) {
        bool chosen = false;
        for (int i = 0; i < m->experts_used; i++)
            chosen |= s->chosen[i] == e;
        if (!chosen)
            s->margin = fmin(s->margin, s->logits[s->chosen[m->experts_used - 1]] - s->logits[e]);
    }
}

static void feed_forward(struct ref_state *s, int layer)
{
    const struct ref_model *m = s->model;
    const struct ref_layer *w = &m->layer[layer];

    ref_rmsnorm(s->normed, s->x, w->ffn_norm, m->hidden, m->norm_eps);
    route(s, w);
    for (int i = 0; i < m->experts_used; i++) {
        const struct ref_expert *e = &w->expert[s->chosen[i]];
        linear(s->gate, &e->gate, s->normed, s->quantized);
        linear(s->up, &e->up, s->normed, s->quantized);
        (m->relu2 ? ref_relu2 : ref_swiglu)(s->gate, s->gate, s->up, m->intermediate);
        if (e->sub_norm)
            ref_rmsnorm(s->gate, s->gate, e->sub_norm, m->intermediate, m->norm_eps);
        linear(s->projected, &e->down, s->gate, s->quantized);
        for (int j = 0; j < m->hidden; j++)
            s->x[j] += s->weight[i] * s->projected[j];
    }
}

void ref_forward(double *logits, struct ref_state *s, int token)
{
    const struct ref_model *m = s->model;

    memcpy(s->x, m->embedding + (size_t)token * (size_t)m->hidden,
           (size_t)m->hidden * sizeof *s->x);
    for (int layer = 0; layer < m->layers; layer++) {
        attention(s, layer);
        feed_forward(s, layer);
    }
    s->length++;
    ref_rmsnorm(s->normed, s->x, m->final_norm, m->hidden, m->norm_eps);
    linear(logits, &m->head, s->normed, s->quantized);
}
