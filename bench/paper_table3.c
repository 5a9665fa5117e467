/* SPDX-License-Identifier: MIT */
#include "bench/paper_table3.h"
#include <string.h>
#include "bench/paper_cells.h"
#include "bench/table3_values.h"

const char table3_item[] = "table3";

/* Without --mem this share of what is free: others may want some while a block runs. */
static const double FREE_SHARE = 0.95;

/* Filling the KV cache, of a thread, a byte: first touched, and drawn. */
static const double FILL_NS[] = { [KV_F16] = 2.8, [KV_I8] = 3.6 };

/* What a cell's samples, one sample (of a batch that is not the largest), and comparing KV caches
 * may take. */
static const struct limits {
    int samples;
    double cell_ns, sample_ns, compare_ns;
} quick_limits = { 6, 40e9, 30e9, 10e9 }, full_limits = { 10, 60e9, 120e9, 60e9 };

static const double STEPS_NS = 2e8; /* a sample is as many steps as take so long, at most 8 */
enum { STEPS_MAX = 8, COMPARE_MIN = 16 };

bool table3_wanted(const struct config *c)
{
    return c->only.count ? text_list_has(&c->only, table3_item) : c->full;
}

/* ---- the largest batch ---- */

/* Steps in the middle of the sequence: what they read is the mean over all of it. */
static struct pass_test test_of(int batch, int steps)
{
    return (struct pass_test){ .n_gen = steps,
                               .n_depth = (TABLE3_POSITIONS - steps) / 2,
                               .batch = TABLE3_POSITIONS,
                               .parallel = batch,
                               .positions = TABLE3_POSITIONS };
}

static int64_t batch_bytes(const struct pass_spec *spec, int batch, int threads)
{
    const struct pass_test test = test_of(batch, 1);

    return pass_bytes(spec, &test, 1, threads);
}

int table3_largest(const struct pass_spec *spec, int threads, int64_t budget)
{
    int fits = 0, above = TABLE3_BATCH_MAX + 1;

    while (above - fits > 1) {
        const int middle = fits + (above - fits) / 2;
        if (batch_bytes(spec, middle, threads) <= budget)
            fits = middle;
        else
            above = middle;
    }
    return fits;
}

/* ---- a block ---- */

static void add_test(struct pass_block *b, const struct config *c, const struct rates *rates,
                     const struct limits *limits, int batch)
{
    const struct pass_test one = test_of(batch, 1);
    const double step = paper_plan_predict(rates, &b->specs[0], &one);
    const int fill = step > 0 && STEPS_NS / step < STEPS_MAX ? (int)(STEPS_NS / step) : STEPS_MAX;
    struct pass_test *test = &b->tests[b->test_count];

    *test = test_of(batch, fill < 1 ? 1 : fill);
    const double sample = paper_plan_predict(rates, &b->specs[0], test);
    const double samples = limits->cell_ns / sample;
    test->repetitions = c->repetitions              ? (int)c->repetitions
                        : samples < 1               ? 1
                        : samples < limits->samples ? (int)samples
                                                    : limits->samples;
    if (b->test_count && sample > limits->sample_ns)
        test->repetitions = 0;
    test->warmup_min = test->warmup_max = b->test_count && test->repetitions;
    b->predicted_ns[b->test_count++][0] = (int64_t)sample;
}

/* The longest prompt that the time allows, and the memory, which the batch has left. */
static void add_compare(struct pass_block *b, const struct rates *rates,
                        const struct limits *limits)
{
    for (int tokens = TABLE3_COMPARE_MAX; tokens >= COMPARE_MIN; tokens /= 2) {
        const struct pass_test prompt = { .n_prompt = tokens, .batch = tokens, .parallel = 1 };
        struct pass_spec spec = b->specs[0];
        spec.kv = KV_F16;
        b->compare_tokens = tokens;
        b->compare_ns = (int64_t)(2 * paper_plan_predict(rates, &spec, &prompt));
        if ((double)b->compare_ns <= limits->compare_ns &&
            pass_bytes(&spec, &prompt, 1, rates->threads) <= b->budget_bytes)
            return;
    }
}

/* The largest batch comes first, because its memory is what is to be proved; then smaller ones,
 * down to 1, so that no test needs more depth than the one before it has left. */
static void add_block(struct paper_plan *plan, const struct config *c, const struct rates *rates,
                      const struct pass_spec *spec, int64_t budget)
{
    const struct limits *limits = c->full ? &full_limits : &quick_limits;
    const int largest = table3_largest(spec, rates->threads, budget);
    struct block *block = &plan->blocks[plan->count++];
    struct pass_block *b = &block->passes;

    *block = (struct block){ .kind = "model", .threads = rates->threads };
    b->item = table3_item;
    b->budget_bytes = budget;
    b->specs[b->spec_count++] = *spec;
    if (!largest) { /* one that will be skipped, with its bytes */
        b->tests[b->test_count++] = test_of(1, 1);
        b->tests[0].repetitions = 1;
        return;
    }
    add_test(b, c, rates, limits, largest);
    for (int batch = TABLE3_BATCH_MAX; batch; batch /= 2)
        if (batch < largest)
            add_test(b, c, rates, limits, batch);
    b->build_ns[0] =
        (int64_t)(paper_plan_build(rates, spec) +
                  (double)session_position_bytes(spec->shape, spec->kv) * TABLE3_POSITIONS *
                      largest * FILL_NS[spec->kv] / rates->threads) +
        b->predicted_ns[0][0];
    if (spec->kv == KV_I8)
        add_compare(b, rates, limits);
}

/* ---- the plan ---- */

/* KV caches of the kind that is asked for; with --full in int8 as well. */
static void add_model(struct paper_plan *plan, const struct run *run, const struct rates *rates,
                      const char *name, int64_t budget)
{
    const struct config *c = run->config;
    const int first = c->kv_i8 ? KV_I8 : KV_F16, last = c->full ? KV_I8 : first;

    for (int kv = first; kv <= last; kv++)
        for (const struct family *const *f = families; *f; f++) {
            const char *isa;
            if (!paper_plan_wants(c, *f) || !paper_plan_has(run, *f, &isa) ||
                plan->count == PAPER_BLOCKS_MAX)
                continue;
            struct pass_spec spec = pass_spec(c, shape_find(name), *f, isa);
            spec.kv = (enum kv_type)kv;
            add_block(plan, c, rates, &spec, budget);
        }
}

/* Takes a sample from the test that costs most, or leaves out the dearest that is not the largest
 * batch. false: nothing can be taken. */
static bool make_cheaper(struct paper_plan *plan, int first, bool samples)
{
    struct pass_test *dearest = NULL;
    int64_t most = 0;

    for (int i = first; i < plan->count; i++) {
        struct pass_block *b = &plan->blocks[i].passes;
        for (int t = 0; t < b->test_count; t++) {
            struct pass_test *test = &b->tests[t];
            const int64_t cost = b->predicted_ns[t][0] * (samples ? test->repetitions : 1);
            if (cost > most && (samples ? test->repetitions > 1 : t && test->repetitions)) {
                dearest = test;
                most = cost;
            }
        }
    }
    if (!dearest)
        return false;
    dearest->repetitions = samples ? dearest->repetitions - 1 : 0;
    if (!dearest->repetitions)
        dearest->warmup_min = dearest->warmup_max = 0;
    return true;
}

void table3_plan(struct paper_plan *plan, const struct run *run, const struct rates *rates)
{
    static const char *const quick_models[] = { "3B", "70B" };
    const struct config *c = run->config;
    const int first = plan->count;
    const int standard = c->full ? PAPER_SIZES : sizeof quick_models / sizeof *quick_models;
    const double free_bytes = (double)paper_plan_memory(run);
    const int64_t budget = c->memory_bytes ? c->memory_bytes : (int64_t)(FREE_SHARE * free_bytes);

    if (!table3_wanted(c))
        return;
    for (int i = 0; i < (c->models.count ? c->models.count : standard); i++)
        add_model(plan, run, rates,
                  c->models.count ? c->models.values[i]
                  : c->full       ? paper_sizes[i].name
                                  : quick_models[i],
                  budget);
    const double left =
        paper_plan_share * paper_quick_ns - (paper_plan_ns(plan, 0) - paper_plan_ns(plan, first));
    while (
        !c->full && paper_plan_ns(plan, first) > left &&
        ((!c->repetitions && make_cheaper(plan, first, true)) || make_cheaper(plan, first, false)))
        ;
}
