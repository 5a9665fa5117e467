/* SPDX-License-Identifier: MIT
 *
 * What passes take, read and compute: passes.h. */
#include "bench/passes.h"

enum { CACHE_FACTOR = 8, RESIDENT_MIN = 2 };

struct pass_spec pass_spec(const struct config *c, const struct shape *s, const struct family *f,
                           const char *isa)
{
    return (struct pass_spec){ .shape = s,
                               .family = f,
                               .head = c->head_i8 ? &i8 : &f16,
                               .kv = c->kv_i8 ? KV_I8 : KV_F16,
                               .isa = isa,
                               .resident = s->layers };
}

/* ---- sizes ---- */

struct session_plan pass_session(const struct pass_spec *spec, const struct pass_test *tests,
                                 int count)
{
    struct session_plan plan = { 1, 1, 1, spec->kv };

    for (int i = 0; i < count; i++) {
        const struct pass_test *t = &tests[i];
        const int needed = t->n_depth + t->n_prompt + t->n_gen;
        const int positions = t->positions > needed ? t->positions : needed;
        const int prompt = t->n_prompt < t->batch ? t->n_prompt : t->batch;
        const int tokens = t->n_gen ? t->parallel : prompt;
        plan.sequences = t->parallel > plan.sequences ? t->parallel : plan.sequences;
        plan.positions = positions > plan.positions ? positions : plan.positions;
        plan.max_tokens = tokens > plan.max_tokens ? tokens : plan.max_tokens;
    }
    return plan;
}

static size_t weights_of(const struct pass_spec *spec, int layers)
{
    return model_bytes(spec->shape, spec->family, spec->head, layers);
}

int64_t pass_bytes(const struct pass_spec *spec, const struct pass_test *tests, int count,
                   int threads)
{
    const struct session_plan plan = pass_session(spec, tests, count);
    size_t kv, scratch;

    session_bytes(spec->shape, &plan, threads, &kv, &scratch);
    return (int64_t)(weights_of(spec, spec->resident) + kv + scratch +
                     (size_t)plan.sequences * (size_t)spec->shape->vocab * sizeof(float));
}

int64_t pass_whole_bytes(const struct pass_spec *spec, const struct pass_test *tests, int count,
                         int threads)
{
    struct pass_spec whole = *spec;

    whole.resident = spec->shape->layers;
    return pass_bytes(&whole, tests, count, threads);
}

/* Of one layer: the experts that a decode step leaves alone. Several sequences may meet more than
 * experts_used of them, or all the same: the least is what must be read. */
static size_t unread_expert_bytes(const struct pass_spec *spec)
{
    const struct shape *s = spec->shape;

    return (size_t)(s->experts - s->experts_used) * model_expert_bytes(s, spec->family);
}

/* A forward pass reads every weight once (but the head, which only the last of a prompt needs), its
 * tokens' rows of the embedding, and the KV cache up to each token. A prompt's cache is counted up
 * to where a pass begins: what it adds itself may still be in a CPU cache. */
int64_t pass_work_bytes(const struct pass_spec *spec, const struct pass_test *test)
{
    const struct shape *s = spec->shape;
    const size_t row = (size_t)s->hidden * sizeof(uint16_t);
    const bool one = s->tied_embeddings && spec->head == &f16; /* one matrix, read by the head */
    const size_t unread = one ? 0 : (size_t)s->vocab * row;
    const double weights = (double)(weights_of(spec, s->layers) - unread -
                                    (size_t)s->layers * unread_expert_bytes(spec));
    const double head = (double)packed_bytes(spec->head, s->vocab, s->hidden);
    const double position = (double)session_position_bytes(s, spec->kv);
    const double depth = test->n_depth + (test->n_gen + 1) / 2.0; /* the mean of the steps */
    double bytes = 0;

    if (test->n_gen)
        return (int64_t)(test->n_gen * (weights + (double)row + test->parallel * depth * position));
    for (int done = 0; done < test->n_prompt; done += test->batch)
        bytes += weights - head + (test->n_depth + done) * position;
    return (int64_t)(test->parallel * (bytes + head + test->n_prompt * (double)row));
}

int64_t pass_work_ops(const struct pass_spec *spec, const struct pass_test *test)
{
    const struct shape *s = spec->shape;
    const double tokens = (double)test->parallel * (test->n_prompt + test->n_gen);
    const double heads = (double)test->parallel * (test->n_gen ? test->n_gen : 1);

    return (int64_t)(2 * (shape_active_weights(s) * tokens + heads * s->vocab * s->hidden));
}

int pass_cycled_layers(const struct pass_spec *spec, int64_t llc_bytes)
{
    const int64_t layer =
        (int64_t)(weights_of(spec, 2) - weights_of(spec, 1) - unread_expert_bytes(spec));
    const int64_t layers = (CACHE_FACTOR * llc_bytes + layer - 1) / layer;
    const int64_t wanted = layers > RESIDENT_MIN ? layers : RESIDENT_MIN;

    return (int)(wanted < spec->shape->layers ? wanted : spec->shape->layers);
}

int pass_group(const struct pass_spec *specs, int count, const struct pass_test *tests,
               int test_count, int threads, int64_t memory)
{
    int64_t sum = pass_bytes(&specs[0], tests, test_count, threads);
    int n = 1;

    while (n < count && n < PASS_SPECS_MAX) {
        sum += pass_bytes(&specs[n], tests, test_count, threads);
        if (sum > memory)
            break;
        n++;
    }
    return n;
}
