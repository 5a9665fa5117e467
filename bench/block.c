/* SPDX-License-Identifier: MIT */
#include "bench/block.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/cpu.h"

static const char *const items[] = { "cycled", "table3" };

/* ---- JSON ---- */

/* The numbers of a test by their names in the JSON. */
struct member {
    const char *name;
    size_t offset;
};
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, offsetof(struct pass_test, name)                                                    \
    }
static const struct member test_members[] = {
    TEST(n_prompt),  TEST(n_gen),       TEST(n_depth),    TEST(batch),      TEST(parallel),
    TEST(positions), TEST(repetitions), TEST(warmup_min), TEST(warmup_max),
};
enum { TEST_MEMBERS = sizeof test_members / sizeof *test_members };

static json_t *spec_json(const struct pass_block *b, int s)
{
    const struct pass_spec *spec = &b->specs[s];

    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:i, s:I}", "model", spec->shape->name, "format",
                     spec->family->name, "head", spec->head->name, "kv", kv_names[spec->kv], "isa",
                     spec->isa, "layers_resident", spec->resident, "build_ns",
                     (json_int_t)b->build_ns[s]);
}

static json_t *test_json(const struct pass_block *b, int t)
{
    json_t *test = json_object(), *ns = json_array();

    for (int i = 0; i < TEST_MEMBERS; i++)
        json_object_set_new(
            test, test_members[i].name,
            json_integer(*(const int *)((const char *)&b->tests[t] + test_members[i].offset)));
    for (int s = 0; s < b->spec_count; s++)
        json_array_append_new(ns, json_integer(b->predicted_ns[t][s]));
    json_object_set_new(test, "predicted_ns", ns);
    return test;
}

char *block_text(const struct block *block)
{
    const struct pass_block *b = &block->passes;
    json_t *specs = json_array(), *tests = json_array();

    for (int s = 0; s < b->spec_count; s++)
        json_array_append_new(specs, spec_json(b, s));
    for (int t = 0; t < b->test_count; t++)
        json_array_append_new(tests, test_json(b, t));
    json_t *all =
        json_pack("{s:s, s:i, s:s?, s:I, s:i, s:I, s:o, s:o}", "kind", block->kind, "threads",
                  block->threads, "item", b->item, "budget_bytes", (json_int_t)b->budget_bytes,
                  "compare_tokens", b->compare_tokens, "compare_ns", (json_int_t)b->compare_ns,
                  "models", specs, "tests", tests);
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    return text;
}

/* The ISA's name out of the family's table, which outlives the JSON. NULL: the best. */
static int parse_isa(const char *name, struct pass_spec *spec)
{
    const struct kernel *kernel = *name ? kernel_find(spec->family, name, cpu_detect()) : NULL;

    spec->isa = kernel ? kernel->isa : NULL;
    return *name && !kernel ? -EBADMSG : 0;
}

static int parse_spec(const json_t *json, struct pass_block *b, int s)
{
    struct pass_spec *spec = &b->specs[s];

    *spec = (struct pass_spec){
        .shape = shape_find(table_text(json, "model")),
        .family = family_find(table_text(json, "format")),
        .head = family_find(table_text(json, "head")),
        .kv = !strcmp(table_text(json, "kv"), kv_names[KV_I8]) ? KV_I8 : KV_F16,
        .resident = (int)json_integer_value(json_object_get(json, "layers_resident")),
    };
    b->build_ns[s] = json_integer_value(json_object_get(json, "build_ns"));
    if (!spec->shape || !spec->family || !spec->head || spec->resident < 1)
        return -EBADMSG;
    return parse_isa(table_text(json, "isa"), spec);
}

static void parse_test(const json_t *json, struct pass_block *b, int t)
{
    const json_t *ns = json_object_get(json, "predicted_ns");

    for (int i = 0; i < TEST_MEMBERS; i++)
        *(int *)((char *)&b->tests[t] + test_members[i].offset) =
            (int)json_integer_value(json_object_get(json, test_members[i].name));
    for (int s = 0; s < b->spec_count; s++)
        b->predicted_ns[t][s] = json_integer_value(json_array_get(ns, (size_t)s));
}

int block_parse(const char *text, struct block *block)
{
    json_t *all = json_loads(text, 0, NULL);
    const json_t *specs = json_object_get(all, "models"), *tests = json_object_get(all, "tests");
    struct pass_block *b = &block->passes;
    int error = all ? 0 : -EBADMSG;

    *block = (struct block){ .kind = strcmp(table_text(all, "kind"), "roof") ? "model" : "roof",
                             .threads = (int)json_integer_value(json_object_get(all, "threads")) };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        if (!strcmp(table_text(all, "item"), items[i]))
            b->item = items[i];
    b->budget_bytes = json_integer_value(json_object_get(all, "budget_bytes"));
    b->compare_tokens = (int)json_integer_value(json_object_get(all, "compare_tokens"));
    b->compare_ns = json_integer_value(json_object_get(all, "compare_ns"));
    if (json_array_size(specs) > PASS_SPECS_MAX || json_array_size(tests) > PASS_TESTS_MAX ||
        block->threads < 1)
        error = -EBADMSG;
    b->spec_count = error ? 0 : (int)json_array_size(specs);
    b->test_count = error ? 0 : (int)json_array_size(tests);
    for (int s = 0; s < b->spec_count && !error; s++)
        error = parse_spec(json_array_get(specs, (size_t)s), b, s);
    for (int t = 0; t < b->test_count && !error; t++)
        parse_test(json_array_get(tests, (size_t)t), b, t);
    json_decref(all);
    return error;
}

/* ---- predictions ---- */

int64_t block_bytes(const struct block *block)
{
    const struct pass_block *b = &block->passes;
    int64_t sum = 0;

    for (int s = 0; s < b->spec_count; s++)
        sum += pass_bytes(&b->specs[s], b->tests, b->test_count, block->threads);
    return sum;
}

int64_t block_ns(const struct block *block)
{
    const struct pass_block *b = &block->passes;
    int64_t sum = b->compare_ns;

    for (int s = 0; s < b->spec_count; s++) {
        sum += b->build_ns[s];
        for (int t = 0; t < b->test_count; t++)
            sum += b->predicted_ns[t][s] *
                   (b->tests[t].repetitions + b->tests[t].warmup_min +
                    (b->tests[t].n_prompt && b->specs[s].resident == b->specs[s].shape->layers));
    }
    return sum;
}

/* ---- running it ---- */

static void measure_roof(struct run *run, struct roof *roof)
{
    const struct plan plan = { .repetitions = 7,
                               .warmup_min = 1,
                               .warmup_max = 3,
                               .steady_slope = 0.02,
                               .steady_deviation = 0.05,
                               .seed = run->config->seed };
    struct roof_arg args[ROOF_METRICS];
    struct workload workloads[ROOF_METRICS];
    int64_t cells[ROOF_METRICS];

    for (int m = 0; m < ROOF_METRICS && !run->broken; m++) {
        args[m] = (struct roof_arg){ roof, (enum roof_metric)m };
        workloads[m] = roof_workload(&args[m]);
        cells[m] = roof_cell(roof, (enum roof_metric)m, 0);
    }
    if (!run->broken)
        run_measure(run, workloads, cells, ROOF_METRICS, &plan);
}

void block_run(struct run *run, const struct block *block)
{
    const bool alone = !strcmp(block->kind, "roof");
    struct roof roof;

    run_step(run, 0, -1, 0);
    if (run->deadline_ns && clock_ns() > run->deadline_ns && !alone) {
        pass_skip(run, &block->passes, block->threads, "no time left of --quick's 8 minutes");
        return;
    }
    if (!run_threads(run, block->threads))
        return;
    const bool have_roof = !roof_open(&roof, run, run->pool);
    if (!have_roof && alone) {
        run_refuse(run->command, "no memory for %zu bytes to read", roof.memory.bytes);
        run->failed = true;
    } else if (alone) {
        measure_roof(run, &roof);
    } else {
        pass_measure(run, have_roof ? &roof : NULL, &block->passes);
    }
    roof_close(&roof);
}
