/* SPDX-License-Identifier: MIT */
#include "tests/paper_fixture.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bench/paper_energy.h"
#include "bench/paper_sparsity.h"
#include "bench/paper_table3.h"
#include "bench/passes.h"
#include "harness/measure.h"

enum { THREADS = 2, TESTS = 5, DEEP = 3, FORMATS = 5 };

const double FIXTURE_GBPS = 20, FIXTURE_GROWTH = 1.004, FIXTURE_CYCLED = 1.02,
             FIXTURE_MEMORY = 20e9;
const struct fixture_speed fixture_speeds[] = {
    { "f16", 55, 1.5 },      { "i8", 60, 2.5 },   { "ternary2", 65, 3.5 },
    { "ternary5", 70, 3.5 }, { "lut", 90, -1.5 }, { NULL, 0, 0 },
};

/* What all of a round have in common: a drift, whose median is 1. */
static const double drift[FIXTURE_ROUNDS] = { 1, 1.04, 0.97, 1, 1.02, 0.95, 1, 0.99 };

static const struct pass_test tests[TESTS] = {
    { .n_gen = 32, .batch = 512, .parallel = 1 },
    { .n_prompt = 512, .batch = 512, .parallel = 1 },
    { .n_prompt = 128, .batch = 512, .parallel = 1 },
    { .n_gen = 32, .n_depth = 512, .batch = 512, .parallel = 1 },
    { .n_gen = 32, .n_depth = 2048, .batch = 512, .parallel = 1 },
};

static double sample_ns(const struct pass_spec *spec, const struct pass_test *test,
                        const struct fixture_speed *speed)
{
    const double gops = !strcmp(speed->format, "f16") ? 100 : 200;

    if (test->n_prompt)
        return (double)pass_work_ops(spec, test) / gops;
    const double ns = (double)pass_work_bytes(spec, test) * 1e-9 * speed->ms_per_gb * 1e6 +
                      test->n_gen * speed->intercept_ms * 1e6;
    return !strcmp(spec->shape->name, "70B") && spec->family == &i8 ? 1.1 * ns : ns;
}

/* noise: its share of the time comes and goes, by turns. */
static void add_samples(struct run *run, int64_t cell, double ns, double noise)
{
    for (int i = 0; i < FIXTURE_ROUNDS && !run->broken; i++) {
        const double own = i % 2 ? 1 / (1 + noise) : 1 + noise;
        const struct sample sample = { .round = i,
                                       .start_ns = (cell * FIXTURE_ROUNDS + i) * 1000000000,
                                       .time_ns = (int64_t)(ns * own * drift[i]) };
        if (store_sample(run->store, cell, &sample, NULL, 0))
            run_broken(run);
    }
    run_status(run, cell, "ok", NULL);
}

/* The memory of a session that serves `count` tests from `first` on. */
static void add_memory(struct run *run, int64_t cell, const struct pass_spec *spec,
                       const struct pass_test *first, int count)
{
    const bool whole = spec->resident == spec->shape->layers;
    const struct session_plan plan = pass_session(spec, first, count);
    const double predicted = (double)pass_whole_bytes(spec, first, count, THREADS);
    size_t kv, scratch;

    session_bytes(spec->shape, &plan, THREADS, &kv, &scratch);
    run_derived(run, cell, "weights_bytes",
                (double)model_bytes(spec->shape, spec->family, spec->head, spec->shape->layers),
                "B", "known");
    run_derived(run, cell, "kv_bytes", (double)kv, "B", "known");
    run_derived(run, cell, "scratch_bytes", (double)scratch, "B", "known");
    run_derived(run, cell, "session_kv_bytes", (double)kv, "B", "known");
    run_derived(run, cell, "session_scratch_bytes", (double)scratch, "B", "known");
    run_derived(run, cell, "predicted_peak_bytes", predicted, "B", "known");
    run_value(run, cell, "rss_peak_bytes", predicted * FIXTURE_GROWTH, "B", PROVENANCE_MEASURED,
              whole ? NULL : "cycled: not all layers are in memory");
}

static int64_t add_roof(struct run *run)
{
    const struct cell cell = { .block = run->block,
                               .kind = "roof",
                               .item = "read_gbps",
                               .isa = "c",
                               .phase = "read",
                               .threads = THREADS,
                               .work_bytes = 256000000,
                               .provenance = PROVENANCE_MEASURED };
    const int64_t id = store_cell(run->store, run->id, &cell);

    add_samples(run, id, 256e6 / FIXTURE_GBPS, 0);
    return id;
}

/* The cells of one size: the deep ones are a block of their own. */
static void add_size(struct run *run, const struct shape *shape)
{
    static const struct config config = { .seed = 1 };
    const int firsts[] = { 0, DEEP, TESTS };

    for (int part = 0; part < 2; part++) {
        const struct pass_test *first = tests + firsts[part];
        const int count = firsts[part + 1] - firsts[part];
        run->block++;
        for (int t = 0; t < count; t++) {
            int64_t partner = first[t].n_gen ? add_roof(run) : 0;
            for (int f = 0; f < FORMATS && !run->broken; f++) {
                const struct fixture_speed *speed = &fixture_speeds[f];
                struct pass_spec spec = pass_spec(&config, shape, family_find(speed->format), "c");
                if ((double)pass_bytes(&spec, tests, TESTS, THREADS) > FIXTURE_MEMORY)
                    spec.resident = 2;
                run->last_cell = 0;
                const int64_t cell = pass_cell(run, &spec, &first[t], THREADS, 1, partner, NULL);
                partner = partner ? partner : cell;
                if (!strcmp(shape->name, "65B") && !strcmp(speed->format, "lut")) {
                    run_status(run, cell, "skipped", "the fixture wants one that is");
                    continue;
                }
                add_memory(run, cell, &spec, first, count);
                add_samples(run, cell, sample_ns(&spec, &first[t], speed), 0);
            }
        }
    }
}

/* f16 twice in the same rounds, with all layers and with two: the latter takes FIXTURE_CYCLED times
 * as long, in 7B now a fifth more and now a fifth less than that. */
static void add_cycled(struct run *run, const char *size)
{
    static const struct config config = { .seed = 1 };
    const struct pass_test test = { .n_gen = 4, .batch = 512, .parallel = 1 };
    struct pass_spec spec = pass_spec(&config, shape_find(size), &f16, "c");
    const bool noisy = !strcmp(size, "7B");

    run->block++;
    run->last_cell = 0;
    const int64_t roof = add_roof(run);
    for (int side = 0; side < 2 && !run->broken; side++) {
        const double ns = sample_ns(&spec, &test, &fixture_speeds[0]);
        const int64_t cell = pass_cell(run, &spec, &test, THREADS, 1, roof, "cycled");
        add_memory(run, cell, &spec, &test, 1);
        add_samples(run, cell, side ? FIXTURE_CYCLED * ns : ns, side && noisy ? 0.2 : 0);
        spec.resident = 2;
    }
}

/* One batch of Table 3, its steps in the middle of the positions. */
static void add_batch(struct run *run, const struct pass_spec *spec, int parallel, int largest)
{
    struct pass_test test = {
        .n_gen = 2, .n_depth = 255, .batch = 512, .parallel = parallel, .positions = 512
    };
    const double bytes = (double)pass_bytes(spec, &test, 1, THREADS);

    run->last_cell = 0;
    const int64_t cell = pass_cell(run, spec, &test, THREADS, 1, 0, table3_item);
    add_memory(run, cell, spec, &test, 1);
    if (parallel >= largest) {
        test.parallel++;
        run_derived(run, cell, "budget_bytes", FIXTURE_MEMORY, "B", "known");
        run_derived(run, cell, "batch_bytes", bytes, "B", "known");
        run_derived(run, cell, "next_batch_bytes", (double)pass_bytes(spec, &test, 1, THREADS), "B",
                    "known");
        run_derived(run, cell, "max_batch", largest, "1", "known");
    }
    if (largest) {
        test.parallel = parallel;
        add_samples(run, cell, sample_ns(spec, &test, fixture_speeds), 0);
    } else {
        run_status(run, cell, "skipped", "the memory to be used is not enough for one");
    }
}

static void add_kv_accuracy(struct run *run, const struct pass_spec *spec)
{
    const struct cell cell = { .block = run->block,
                               .kind = "accuracy",
                               .item = table3_item,
                               .model = spec->shape->name,
                               .format = spec->family->name,
                               .n_prompt = 64,
                               .threads = THREADS,
                               .provenance = PROVENANCE_MEASURED };
    const int64_t id = store_cell(run->store, run->id, &cell);

    run_value(run, id, "logit_rows", 8, "1", PROVENANCE_MEASURED, NULL);
    run_value(run, id, "kv_logit_error", 0.01 * (double)id, "1", PROVENANCE_MEASURED, NULL);
    run_value(run, id, "kv_top_token_same", 0.75, "1", PROVENANCE_MEASURED, NULL);
    run_status(run, id, "ok", NULL);
}

static void add_table3(struct run *run, const char *size)
{
    static const struct config config = { .seed = 1 };
    const struct family *const two[] = { &f16, &ternary2 };

    for (int i = 0; i < 4 && !run->broken; i++) {
        struct pass_spec spec = pass_spec(&config, shape_find(size), two[i % 2], "c");
        spec.kv = i < 2 ? KV_F16 : KV_I8;
        const int largest = table3_largest(&spec, THREADS, (int64_t)FIXTURE_MEMORY);
        run->block++;
        for (int parallel = 1; parallel < largest; parallel *= 2)
            add_batch(run, &spec, parallel, largest);
        add_batch(run, &spec, largest ? largest : 1, largest);
        if (spec.kv == KV_I8 && largest)
            add_kv_accuracy(run, &spec);
    }
}

int64_t paper_fixture(struct store *store, const char *const *sizes)
{
    static const struct host host = { .key = "0123456789abcdef" };
    static const struct build build = { "1", "", "", "cc", "-O3", "none" };
    static const struct config config = { .db = "fixture", .sysroot = "", .seed = 1 };
    struct run run = { .config = &config, .command = "paper", .store = store };
    const char *const *all = sizes;

    run.id = store_run_begin(store, &host, &build, "paper", "--full", 1);
    if (run.id < 0)
        return run.id;
    paper_energy_store(&run);
    paper_sparsity_store(&run);
    for (; *sizes && !run.broken; sizes++)
        add_size(&run, shape_find(*sizes));
    for (sizes = all; *sizes && !run.broken; sizes++)
        if (!strcmp(*sizes, "3B") || !strcmp(*sizes, "7B"))
            add_cycled(&run, *sizes);
    for (sizes = all; *sizes && !run.broken; sizes++)
        if (!strcmp(*sizes, "3B") || !strcmp(*sizes, "70B"))
            add_table3(&run, *sizes);
    run.block = 0;
    paper_energy_measured(&run);
    if (!run.broken && store_run_end(store, run.id, "done"))
        run.broken = -EIO;
    return run.broken ? run.broken : run.id;
}
