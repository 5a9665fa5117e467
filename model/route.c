/* SPDX-License-Identifier: MIT
 *
 * Which experts a token meets, and its way to them: tokens are grouped by expert, so that each
 * expert is one GEMM. */
#include <math.h>
#include <string.h>
#include "model/scratch.h"

struct route_job {
    const struct session *s;
    const struct wmat *router;
    const struct acts *x;
};

/* The `used` largest of `n` logits, of equals the first, and the softmax of these. */
static void choose(const float *logits, int n, int used, int *chosen, float *weight)
{
    float sum = 0;

    for (int i = 0; i < used; i++) {
        int best = -1;
        for (int e = 0; e < n; e++) {
            bool taken = false;
            for (int j = 0; j < i; j++)
                taken |= chosen[j] == e;
            if (!taken && (best < 0 || logits[e] > logits[best]))
                best = e;
        }
        chosen[i] = best;
    }
    for (int i = 0; i < used; i++)
        sum += weight[i] = expf(logits[chosen[i]] - logits[chosen[0]]);
    for (int i = 0; i < used; i++)
        weight[i] /= sum;
}

/* By GEMV token for token, so that a token's choice is the same in whatever company it comes. */
static void choose_share(void *arg, int index, int count)
{
    const struct route_job *job = arg;
    const struct scratch *c = job->s->scratch;
    const struct shape *shape = job->s->model->shape;
    const int experts = shape->experts, used = shape->experts_used;
    const struct range tokens = threads_share(job->x->count, 1, index, count);

    for (int t = tokens.first; t < tokens.last; t++) {
        const struct acts one = acts_from(job->x, t);
        float *logits = c->logits + (size_t)t * (size_t)experts;
        job->s->model->router_kernel->gemv(logits, job->router, &one, 0, experts);
        choose(logits, experts, used, c->chosen + t * used, c->weight + t * used);
    }
}

/* The pairs by expert: a counting sort. */
static void sort(struct scratch *c, const struct shape *shape, int tokens)
{
    const int pairs = tokens * shape->experts_used;

    memset(c->first, 0, (size_t)(shape->experts + 1) * sizeof *c->first);
    for (int i = 0; i < pairs; i++)
        c->first[c->chosen[i] + 1]++;
    for (int e = 0; e < shape->experts; e++)
        c->first[e + 1] += c->first[e];
    for (int i = 0; i < pairs; i++)
        c->pair[c->first[c->chosen[i]]++] = (struct pair){ i / shape->experts_used, c->weight[i] };
    for (int e = shape->experts; e > 0; e--) /* each has moved on to where the next began */
        c->first[e] = c->first[e - 1];
    c->first[0] = 0;
}

static void gather_share(void *arg, int index, int count)
{
    const struct route_job *job = arg;
    const struct scratch *c = job->s->scratch;
    const struct shape *shape = job->s->model->shape;
    const struct acts *x = job->x;
    const size_t padded = (size_t)padded_cols(shape->hidden), to_stride = (size_t)c->hidden_stride;
    const struct range pairs = threads_share(c->tokens * shape->experts_used, 1, index, count);

    for (int i = pairs.first; i < pairs.last; i++) {
        const int t = c->pair[i].token;
        const size_t from = (size_t)t * (size_t)x->stride, to = (size_t)i * to_stride;
        if (x->q8) {
            memcpy(c->routed_q8 + to, x->q8 + from, padded * sizeof *x->q8);
            c->routed_scale[i] = x->scale[t];
            c->routed_sum[i] = x->sum[t];
        } else {
            memcpy(c->routed + to, x->f32 + from, padded * sizeof *x->f32);
        }
    }
}

/* Few tokens are less work than waking the other threads. */
static void run_share(struct session *s, struct route_job *job, threads_fn *share)
{
    if (s->scratch->tokens == 1)
        share(job, 0, 1);
    else
        threads_run(s->pool, share, job);
}

struct acts ops_route(struct session *s, const struct wmat *router, const struct acts *x)
{
    const struct shape *shape = s->model->shape;
    const enum act_kind act = s->model->family->act;
    struct scratch *c = s->scratch;
    struct route_job job = { s, router, x };
    struct acts all = *x;

    run_share(s, &job, choose_share);
    sort(c, shape, x->count);
    ops_lap(s, PART_ROUTER);
    if (act != ACT_F32)
        all = ops_prepare(s, act, x->f32, x->count, x->stride, NULL, shape->hidden);
    job.x = &all;
    run_share(s, &job, gather_share);
    ops_lap(s, PART_ROUTER);
    all.count = x->count * shape->experts_used;
    all.stride = c->hidden_stride;
    if (act == ACT_F32) {
        all.f32 = c->routed;
    } else {
        all.q8 = c->routed_q8;
        all.scale = c->routed_scale;
        all.sum = c->routed_sum;
    }
    return all;
}

struct acts ops_expert(const struct session *s, const struct acts *x, int e)
{
    const struct scratch *c = s->scratch;
    struct acts mine = *x;

    if (s->model->shape->experts == 1)
        return mine;
    const int first = c->first[e];
    const size_t at = (size_t)first * (size_t)x->stride;
    mine.count = c->first[e + 1] - first;
    if (x->q8) {
        mine.q8 += at;
        mine.scale += first;
        mine.sum += first;
    } else {
        mine.f32 += at;
    }
    return mine;
}
