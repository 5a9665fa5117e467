/* SPDX-License-Identifier: MIT
 *
 * Table 3: the largest batch within a budget, its plan, and its rows from cells whose samples are
 * known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "bench/paper_table3.h"
#include "bench/table3_rows.h"
#include "harness/measure.h"
#include "harness/store.h"
#include "tests/scratch_store.h"

enum { THREADS = 2, GIB = 1 << 30 };

/* ---- the largest batch ---- */

/* What pass_bytes says of so many whole sequences. */
static int64_t bytes_of(const struct pass_spec *spec, int batch)
{
    const struct pass_test test = {
        .n_gen = 1, .n_depth = 200, .batch = 512, .parallel = batch, .positions = TABLE3_POSITIONS
    };

    return pass_bytes(spec, &test, 1, THREADS);
}

static struct pass_spec spec_of(const char *model, const struct family *f, enum kv_type kv)
{
    const struct shape *s = shape_find(model);

    return (struct pass_spec){ s, f, &f16, kv, NULL, s->layers };
}

static void the_largest_batch_fits_to_the_byte(void **state)
{
    static const char *const models[] = { "dummy-125M", "3B", "70B", "mixtral-8x7b", "2B4T" };
    static const int batches[] = { 1, 2, 3, 64, 100, 1023, TABLE3_BATCH_MAX };

    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (const struct family *const *f = families; *f; f++)
            for (int kv = 0; kv < KV_TYPES; kv++) {
                const struct pass_spec spec = spec_of(models[m], *f, (enum kv_type)kv);
                for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
                    const int64_t bytes = bytes_of(&spec, batches[b]);
                    assert_int_equal(table3_largest(&spec, THREADS, bytes), batches[b]);
                    assert_int_equal(table3_largest(&spec, THREADS, bytes - 1), batches[b] - 1);
                }
                assert_int_equal(table3_largest(&spec, THREADS, INT64_MAX), TABLE3_BATCH_MAX);
                assert_int_equal(table3_largest(&spec, THREADS, 1), 0);
            }
}

static void the_cache_is_of_all_positions(void **state)
{
    const struct pass_spec wide = spec_of("70B", &ternary2, KV_F16);
    const struct pass_spec narrow = spec_of("70B", &ternary2, KV_I8);
    const int64_t one = (int64_t)session_position_bytes(wide.shape, KV_F16) * TABLE3_POSITIONS;
    const int64_t more = bytes_of(&wide, 101) - bytes_of(&wide, 100);

    (void)state;
    assert_true(more > one && more < one + one / 50); /* with the scratch of a token */
    const int64_t less = bytes_of(&narrow, 101) - bytes_of(&narrow, 100);
    assert_true(less > one / 2 && less < one * 6 / 10);
}

/* ---- the plan ---- */

static struct block blocks[PAPER_BLOCKS_MAX];
static struct config config;
static const struct rates rates = { .value = { 30, 180, 280, 530 }, .threads = THREADS };

static struct paper_plan plan_of(const char *model, bool full, int64_t memory)
{
    const struct run run = { .config = &config };
    struct paper_plan plan = { 0, blocks };

    memset(&config, 0, sizeof config);
    config.only = (struct text_list){ .count = 1, .values = { "table3" } };
    config.models.count = model != NULL;
    config.models.values[0] = model;
    config.full = full;
    config.memory_bytes = memory;
    config.sysroot = "";
    table3_plan(&plan, &run, &rates);
    return plan;
}

static void a_block_has_the_largest_batch_and_the_powers_below(void **state)
{
    const struct paper_plan plan = plan_of("3B", true, 20 * (int64_t)GIB);
    int narrow = 0;

    (void)state;
    assert_int_equal(plan.count, 2 * 5);
    for (int i = 0; i < plan.count; i++) {
        const struct pass_block *b = &blocks[i].passes;
        const int largest = b->tests[0].parallel;
        assert_string_equal(b->item, "table3");
        assert_int_equal(b->spec_count, 1);
        assert_true(bytes_of(&b->specs[0], largest) <= b->budget_bytes);
        assert_true(bytes_of(&b->specs[0], largest + 1) > b->budget_bytes);
        int power = 1;
        for (int t = b->test_count - 1; t > 0; t--, power *= 2)
            assert_int_equal(b->tests[t].parallel, power);
        assert_true(power >= largest && power / 2 < largest);
        for (int t = 0; t < b->test_count; t++) {
            const struct pass_test *test = &b->tests[t];
            assert_int_equal(test->positions, TABLE3_POSITIONS);
            assert_true(2 * test->n_depth + test->n_gen >= TABLE3_POSITIONS - 1);
            assert_true(2 * test->n_depth + test->n_gen <= TABLE3_POSITIONS);
            assert_true(!t || test->n_depth <= test[-1].n_depth);
            assert_true(test->repetitions >= 1 && test->repetitions <= 10);
        }
        narrow += b->specs[0].kv == KV_I8;
        assert_int_equal(b->compare_tokens > 0, b->specs[0].kv == KV_I8);
    }
    assert_int_equal(narrow, 5);
}

static void a_model_that_does_not_fit_is_planned_once(void **state)
{
    const struct paper_plan plan = plan_of("70B", false, 20 * (int64_t)GIB);
    const struct pass_block *b = &blocks[0].passes;

    (void)state;
    assert_int_equal(plan.count, 3);
    assert_string_equal(b->specs[0].family->name, "f16");
    assert_int_equal(b->test_count, 1);
    assert_int_equal(b->tests[0].parallel, 1);
    assert_true(block_bytes(&blocks[0]) > b->budget_bytes && b->build_ns[0] == 0);
    assert_true(blocks[2].passes.tests[0].parallel > 1);
}

/* Less and less time: samples go first, then batches, the largest never. */
static void a_quick_plan_fits_into_its_time(void **state)
{
    const struct paper_plan whole = plan_of("700M", false, 20 * (int64_t)GIB);
    int left_out = 0;

    (void)state;
    assert_true(paper_plan_ns(&whole, 0) <= 0.9 * paper_quick_ns);
    for (int i = 0; i < whole.count; i++)
        for (int t = 0; t < blocks[i].passes.test_count; t++)
            assert_true(blocks[i].passes.tests[t].repetitions >= 1);
    const struct paper_plan plan = plan_of("13B", false, 200 * (int64_t)GIB);
    for (int i = 0; i < plan.count; i++) {
        const struct pass_block *b = &blocks[i].passes;
        assert_true(b->tests[0].repetitions >= 1);
        for (int t = 1; t < b->test_count; t++)
            left_out += !b->tests[t].repetitions && !b->tests[t].warmup_min;
    }
    assert_true(left_out > 0);
}

/* ---- rows ---- */

static struct store *store;
static int64_t run_id;

static int open_store(void **state)
{
    run_id = scratch_store_run(&store, state, "paper");
    return run_id > 0 ? 0 : -1;
}

static int close_store(void **state)
{
    return scratch_store_close(store, state);
}

/* A batch whose samples all take `ns`; 0: it was skipped. */
static int64_t add(const char *format, const char *kv, int batch, int64_t ns)
{
    const struct cell cell = { .kind = "model",
                               .item = "table3",
                               .model = "70B",
                               .format = format,
                               .isa = "avx2",
                               .phase = "decode",
                               .n_gen = 1,
                               .n_depth = 255,
                               .parallel = batch,
                               .threads = THREADS,
                               .layers = 80,
                               .layers_resident = 80,
                               .tokens = batch,
                               .kv = kv,
                               .head = "f16",
                               .provenance = PROVENANCE_MEASURED };
    const int64_t id = store_cell(store, run_id, &cell);

    for (int i = 0; i < 6 && ns; i++) {
        const struct sample sample = { .round = i, .time_ns = ns };
        assert_int_equal(store_sample(store, id, &sample, NULL, 0), 0);
    }
    assert_int_equal(
        store_cell_status(store, id, ns ? "ok" : "skipped", ns ? NULL : "no room for it"), 0);
    return id;
}

static void set(int64_t cell, const char *metric, double value)
{
    const struct value v = { metric, "1", PROVENANCE_MEASURED, value, 0, NULL, NULL };

    assert_int_equal(store_value(store, cell, &v), 0);
}

static double number(const json_t *row, const char *member)
{
    const json_t *value = json_object_get(row, member);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const json_t *find(const json_t *rows, const char *variant, const char *format,
                          const char *metric, int parallel)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (!strcmp(json_string_value(json_object_get(row, "variant")), variant) &&
            !strcmp(json_string_value(json_object_get(row, "format")), format) &&
            !strcmp(json_string_value(json_object_get(row, "metric")), metric) &&
            (!parallel || number(row, "parallel") == parallel))
            return row;
    }
    fail_msg("no row %s %s %s %d", variant, format, metric, parallel);
    return NULL;
}

static bool says(const json_t *row, const char *member, const char *words)
{
    return strstr(json_string_value(json_object_get(row, member)), words) != NULL;
}

static void ratios_are_of_each_format_at_its_largest(void **state)
{
    json_t *rows = json_array();

    (void)state;
    set(add("f16", "f16", 4, 4000000000), "max_batch", 4); /* 1 token/s */
    add("f16", "f16", 2, 1000000000);                      /* 2 */
    set(add("ternary2", "f16", 12, 1000000000), "max_batch", 12);
    add("ternary2", "f16", 4, 1000000000); /* 4 */
    table3_rows(rows, store_db(store), run_id);
    const json_t *row = find(rows, "cpu", "ternary2", "max_batch", 12);
    assert_true(number(row, "ours") == 12 && number(row, "ratio_ours") == 3);
    assert_true(number(row, "paper") == 176 && number(row, "ratio_paper") == 11);
    row = find(rows, "cpu", "f16", "max_batch", 4);
    assert_true(number(row, "ours") == 4 && number(row, "ratio_ours") == 1);
    assert_true(number(row, "paper") == 16);
    row = find(rows, "cpu", "ternary2", "throughput_tokens_per_s", 12);
    assert_true(number(row, "ours") == 12 && number(row, "ratio_ours") == 12);
    assert_true(number(row, "paper") == 2977 && number(row, "ratio_paper") == 8.9);
    row = find(rows, "cpu", "ternary2", "throughput_tokens_per_s", 4); /* of the same batch */
    assert_true(number(row, "ours") == 4 && number(row, "ratio_ours") == 4);
    assert_true(isnan(number(row, "paper")) && isnan(number(row, "ratio_paper")));
    row = find(rows, "cpu", "f16", "throughput_tokens_per_s", 4);
    assert_true(number(row, "paper") == 333 && number(row, "ratio_ours") == 1);
    json_decref(rows);
}

static void a_format_that_fits_at_no_batch_has_its_bytes_and_no_ratio(void **state)
{
    json_t *rows = json_array();
    const int64_t none = add("f16", "f16", 1, 0);

    (void)state;
    set(none, "max_batch", 0);
    set(none, "batch_bytes", 138e9);
    set(none, "budget_bytes", 20e9);
    set(add("ternary2", "f16", 12, 1000000000), "max_batch", 12);
    table3_rows(rows, store_db(store), run_id);
    const json_t *row = find(rows, "cpu", "f16", "max_batch", 0);
    assert_true(number(row, "ours") == 0 && isnan(number(row, "ratio_ours")));
    assert_true(number(row, "batch_bytes") == 138e9 && number(row, "budget_bytes") == 20e9);
    assert_true(says(row, "how", "derived: none fits, 1 needs 138.000 of 20.000 GB"));
    row = find(rows, "cpu", "f16", "throughput_tokens_per_s", 0);
    assert_true(isnan(number(row, "ours")) && says(row, "note", "no room for it"));
    row = find(rows, "cpu", "ternary2", "max_batch", 12);
    assert_true(isnan(number(row, "ratio_ours")) && number(row, "ratio_paper") == 11);
    assert_true(says(row, "note", "f16 fits at no batch"));
    json_decref(rows);
}

/* Another KV cache is another comparison; a batch that was not proved is no batch. */
static void an_int8_cache_is_compared_with_f16_weights_and_the_same(void **state)
{
    const struct cell accuracy = { .kind = "accuracy",
                                   .item = "table3",
                                   .model = "70B",
                                   .format = "ternary2",
                                   .phase = "prefill",
                                   .n_prompt = 16,
                                   .kv = "i8",
                                   .provenance = PROVENANCE_MEASURED };
    json_t *rows = json_array();

    (void)state;
    set(add("f16", "i8", 6, 6000000000), "max_batch", 6);
    set(add("f16", "f16", 6, 1000000000), "max_batch", 6);
    set(add("ternary2", "i8", 24, 1000000000), "max_batch", 24);
    add("i8", "i8", 9, 1000000000);
    const int64_t id = store_cell(store, run_id, &accuracy);
    set(id, "kv_logit_error", 0.01);
    set(id, "kv_top_token_same", 0.75);
    set(id, "logit_rows", 4);
    assert_int_equal(store_cell_status(store, id, "ok", NULL), 0);
    table3_rows(rows, store_db(store), run_id);
    assert_true(number(find(rows, "kv-i8", "ternary2", "max_batch", 24), "ratio_ours") == 4);
    assert_true(isnan(number(find(rows, "kv-i8", "i8", "max_batch", 9), "ours")));
    const json_t *speed = find(rows, "kv-i8", "ternary2", "throughput_tokens_per_s", 24);
    assert_true(number(speed, "ratio_ours") == 24);
    const json_t *row = find(rows, "kv-i8", "ternary2", "kv_logit_error", 0);
    assert_true(number(row, "ours") == 0.01 && number(row, "n_prompt") == 16);
    row = find(rows, "kv-i8", "ternary2", "kv_top_token_same", 0);
    assert_true(number(row, "ours") == 0.75 && says(row, "note", "4 rows of logits"));
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_batch_fits_to_the_byte),
        cmocka_unit_test(the_cache_is_of_all_positions),
        cmocka_unit_test(a_block_has_the_largest_batch_and_the_powers_below),
        cmocka_unit_test(a_model_that_does_not_fit_is_planned_once),
        cmocka_unit_test(a_quick_plan_fits_into_its_time),
        cmocka_unit_test_setup_teardown(ratios_are_of_each_format_at_its_largest, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(a_format_that_fits_at_no_batch_has_its_bytes_and_no_ratio,
                                        open_store, close_store),
        cmocka_unit_test_setup_teardown(an_int8_cache_is_compared_with_f16_weights_and_the_same,
                                        open_store, close_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
