/* SPDX-License-Identifier: MIT
 *
 * `model`: whole forward passes. Options follow llama-bench: -p prompt tokens, -n generated tokens,
 * -pg both (a prefill row, and a decode row at the depth of its prompt), -d depth. The formats that
 * fit into memory together are a block, which is measured in a process of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bench/command.h"
#include "bench/energy_rows.h"
#include "bench/passes.h"
#include "bench/profile.h"
#include "bench/rows.h"
#include "bench/schedule.h"
#include "kernels/cpu.h"

enum { TESTS_MAX = PASS_TESTS_MAX, SPECS_MAX = PASS_SPECS_MAX, BATCH = 2048, UBATCH = 512 };

static const struct column columns[] = {
    { "model", "model", "%s" },
    { "format", "format", "%s" },
    { "isa", "ISA", "%s" },
    { "phase", "phase", "%s" },
    { "n_prompt", "p", "%.0f" },
    { "n_gen", "n", "%.0f" },
    { "n_depth", "depth", "%.0f" },
    { "parallel", "seq", "%.0f" },
    { "threads", "threads", "%.0f" },
    { "tokens_per_s", "tokens/s", "%.2f" },
    { "ms_per_token", "ms/token", "%.2f" },
    { "ci_low_ms", "95% from", "%.2f" },
    { "ci_high_ms", "to", "%.2f" },
    { "roof_share", "of roof", "%.2f" },
    { "weights_bytes", "weights", "bytes" },
    { "kv_bytes", "KV cache", "bytes" },
    { "kv", "KV", "%s" },
    { "head", "head", "%s" },
    { "rss_peak_bytes", "RSS peak", "bytes" },
    { "provenance", "provenance", "%s" },
    { "status", "status", "%s" },
    { NULL, NULL, NULL },
};

struct tests {
    int count;
    struct pass_test list[TESTS_MAX];
};

/* One test for each number of sequences; `batch` tokens a pass. */
static void add_test(struct tests *tests, const struct config *c, int64_t p, int64_t n, int64_t d,
                     int64_t batch)
{
    const int parallels = c->parallel.count ? c->parallel.count : 1;

    for (int i = 0; i < parallels && p + n > 0; i++) {
        if (tests->count++ >= TESTS_MAX)
            continue; /* refuse() says how many there are */
        tests->list[tests->count - 1] = (struct pass_test){
            .n_prompt = (int)p,
            .n_gen = (int)n,
            .n_depth = (int)d,
            .batch = (int)batch,
            .parallel = c->parallel.count ? (int)c->parallel.values[i] : 1,
            .repetitions = c->repetitions ? (int)c->repetitions : 6,
            .warmup_min = 1,
            .warmup_max = 3,
        };
    }
}

/* A prompt at every -b and -ub; a pass takes the lesser of the two. */
static void add_prompt(struct tests *tests, const struct config *c, int64_t p, int64_t d)
{
    static const struct int_list batch = { .count = 1, .values = { BATCH } };
    static const struct int_list ubatch = { .count = 1, .values = { UBATCH } };
    const struct int_list *bs = c->batches.count ? &c->batches : &batch;
    const struct int_list *us = c->ubatches.count ? &c->ubatches : &ubatch;

    for (int b = 0; b < bs->count; b++)
        for (int u = 0; u < us->count; u++)
            add_test(tests, c, p, 0, d,
                     bs->values[b] < us->values[u] ? bs->values[b] : us->values[u]);
}

/* llama-bench's defaults: -p 512 -n 128, each at every depth. */
static void list_tests(struct tests *tests, const struct config *c)
{
    const bool standard = !c->prompts.count && !c->gens.count && !c->prompt_gens.count;
    const int64_t none = 0;
    const int depths = c->depths.count ? c->depths.count : 1;

    for (int d = 0; d < depths; d++) {
        const int64_t depth = c->depths.count ? c->depths.values[d] : none;
        if (standard) {
            add_prompt(tests, c, 512, depth);
            add_test(tests, c, 0, 128, depth, 1);
        }
        for (int i = 0; i < c->prompts.count; i++)
            add_prompt(tests, c, c->prompts.values[i], depth);
        for (int i = 0; i < c->gens.count; i++)
            add_test(tests, c, 0, c->gens.values[i], depth, 1);
        for (int i = 0; i < c->prompt_gens.count; i++) {
            add_prompt(tests, c, c->prompt_gens.first[i], depth);
            add_test(tests, c, 0, c->prompt_gens.second[i], depth + c->prompt_gens.first[i], 1);
        }
    }
}

struct specs {
    int count;
    struct pass_spec list[SPECS_MAX];
};

/* The formats of one model. */
static void list_specs(struct specs *specs, const struct config *c, const struct shape *s,
                       unsigned cpu, int64_t llc_bytes)
{
    specs->count = 0;
    for (int f = 0; families[f]; f++) {
        const bool wanted = text_list_wants(&c->formats, families[f]->name);
        for (int i = 0; wanted && i < (c->isas.count ? c->isas.count : 1); i++) {
            const char *isa = c->isas.count ? c->isas.values[i] : NULL;
            struct pass_spec spec = pass_spec(c, s, families[f], isa);
            if (isa && !kernel_find(families[f], isa, cpu))
                continue;
            if (c->layers_resident > 0 && c->layers_resident < s->layers)
                spec.resident = (int)c->layers_resident;
            if (c->layers_resident < 0)
                spec.resident = pass_cycled_layers(&spec, llc_bytes);
            if (specs->count < SPECS_MAX)
                specs->list[specs->count++] = spec;
        }
    }
}

static int threads_at(const struct config *c, int i)
{
    return c->threads.count ? (int)c->threads.values[i] : threads_cores();
}

/* Everything that can be refused before the database is opened. 0 or the exit status. */
static int refuse(const struct config *c, const struct tests *tests)
{
    struct run probe = { .config = c };
    struct specs specs;

    if (!c->models.count)
        return run_refuse("model",
                          "no model: give -m MODEL (`tritbench list models` has the names)");
    if (!tests->count)
        return run_refuse("model", "nothing to do: -p and -n are both 0");
    if (tests->count > TESTS_MAX)
        return run_refuse("model", "%d tests: at most %d in one run", tests->count, TESTS_MAX);
    for (int m = 0; m < c->models.count; m++) {
        const struct shape *s = shape_find(c->models.values[m]);
        list_specs(&specs, c, s, cpu_detect(), 0);
        if (!specs.count)
            return run_refuse("model",
                              "no kernel: none of the formats has one of these instruction "
                              "sets");
        for (int i = 0; i < specs.count; i++) {
            const int64_t bytes =
                pass_bytes(&specs.list[i], tests->list, tests->count, threads_at(c, 0));
            if (bytes > run_memory(&probe))
                return run_refuse("model",
                                  "%s in %s needs %lld bytes, and %lld are there; "
                                  "--layers-resident auto keeps a part and cycles through it",
                                  s->name, specs.list[i].family->name, (long long)bytes,
                                  (long long)run_memory(&probe));
        }
    }
    return 0;
}

/* The blocks of a run, as many as there are: room grows. */
struct blocks {
    int count;
    struct block *block;
};

/* The formats of a model at a number of threads, in groups that fit into memory together. */
static int add_blocks(struct blocks *blocks, const struct run *run, const struct specs *specs,
                      const struct tests *tests, int threads)
{
    for (int done = 0, n; done < specs->count; done += n) {
        struct block *more =
            realloc(blocks->block, ((size_t)blocks->count + 1) * sizeof *blocks->block);
        if (!more)
            return -ENOMEM;
        blocks->block = more;
        struct block *b = &more[blocks->count++];
        *b = (struct block){ .kind = "model", .threads = threads };
        n = pass_group(specs->list + done, specs->count - done, tests->list, tests->count, threads,
                       run_memory(run));
        b->passes.spec_count = n;
        b->passes.test_count = tests->count;
        memcpy(b->passes.specs, specs->list + done, (size_t)n * sizeof *specs->list);
        memcpy(b->passes.tests, tests->list, (size_t)tests->count * sizeof *tests->list);
    }
    return 0;
}

/* All of it; an earlier process may have done so. */
static void make_plan(struct run *run, const struct tests *tests)
{
    static struct specs specs;
    const struct config *c = run->config;
    struct blocks blocks = { 0, NULL };

    for (int t = 0; t < (c->threads.count ? c->threads.count : 1); t++)
        for (int m = 0; m < c->models.count && !run->broken; m++) {
            list_specs(&specs, c, shape_find(c->models.values[m]), run->cpu, run->host.llc_bytes);
            run->broken = add_blocks(&blocks, run, &specs, tests, threads_at(c, t));
        }
    if (!run->broken && !schedule_count(run))
        schedule_add(run, blocks.block, blocks.count, (int)c->invocations);
    free(blocks.block);
}

int cmd_model(const struct config *config)
{
    static struct tests tests;
    struct run run;

    list_tests(&tests, config);
    int status = refuse(config, &tests);
    if (!status)
        status = run_open_plan(&run, config, "model");
    if (status)
        return status;
    if (!config->resume) /* `resume` has done it */
        schedule_claim("model", config->db, run.id);
    make_plan(&run, &tests);
    schedule_go(&run, schedule_count(&run), NULL, NULL);
    json_t *rows = rows_model(store_db(run.store), run.id);
    energy_rows(
        run.outputs, rows, columns,
        "Medians. `of roof`: the least time that the roof of the same rounds allows, by the time "
        "it took: of decode what a token must read, of a prompt its operations. `J/token`: gross, "
        "of the whole machine's counted domains, "
        "with the standard uncertainty.",
        "J/token", "tokens");
    if (config->profile)
        profile_table(run.outputs, rows);
    json_decref(rows);
    return run_close(&run);
}
