/* SPDX-License-Identifier: MIT
 *
 * Rows of paper_*.c, of a run whose times are known (paper_fixture.c): what is not in another
 * test. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "bench/paper_cells.h"
#include "bench/paper_claims.h"
#include "bench/paper_cycled.h"
#include "bench/paper_depth.h"
#include "bench/paper_fit.h"
#include "bench/paper_memory.h"
#include "bench/report_lines.h"
#include "tests/paper_fixture.h"
#include "tests/scratch_store.h"

static struct store *store;
static int64_t run; /* of all nine sizes */

static const char *const sizes[] = { "700M", "1.3B", "3B",  "3.9B", "7B",
                                     "13B",  "30B",  "65B", "70B",  NULL };

static int open_store(void **state)
{
    if (scratch_store_open(&store, state))
        return -1;
    run = paper_fixture(store, sizes);
    return run > 0 ? 0 : -1;
}

static int close_store(void **state)
{
    return scratch_store_close(store, state);
}

static void assert_close(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("got %.17g, want %.17g", got, want);
}

static const char *text(const json_t *row, const char *member)
{
    const char *value = json_string_value(json_object_get(row, member));

    return value ? value : "";
}

/* NaN: null. */
static double number(const json_t *row, const char *member)
{
    const json_t *value = json_object_get(row, member);

    assert_non_null(value);
    return json_is_null(value) ? NAN : json_number_value(value);
}

/* The only row of a size, format and metric with this number of the member. */
static const json_t *row_of(const json_t *rows, const char *size, const char *format,
                            const char *metric, const char *member, double value)
{
    const json_t *row, *found = NULL;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (strcmp(text(row, "size"), size) || strcmp(text(row, "format"), format) ||
            strcmp(text(row, "metric"), metric) || (member && number(row, member) != value))
            continue;
        assert_null(found);
        found = row;
    }
    assert_non_null(found);
    return found;
}

/* ---- prompts and depths ---- */

static void each_prompt_and_depth_has_its_row(void **state)
{
    json_t *rows = json_array();

    (void)state;
    paper_depth_rows(rows, store_db(store), run);
    assert_int_equal(json_array_size(rows), 9 * 5 * 5);
    for (int depth = 0; depth <= 2048; depth = depth ? 4 * depth : 512) {
        const json_t *llama = row_of(rows, "3B", "f16", "latency_ms", "n_depth", depth);
        const json_t *ternary = row_of(rows, "3B", "ternary2", "latency_ms", "n_depth", depth);
        /* Weights, and a cache of 26 layers of 32 heads of 100, which are rounded up to 104. */
        const double cache = 2 * 2 * 26 * 32 * 104 * (depth + 16.5), ms = number(llama, "ours");
        const double bytes = (ms - 1.5) / 55 * 1e9 - cache;
        assert_true(bytes > 6.648e9 && bytes < 6.650e9);
        assert_close(number(ternary, "ratio_ours"), ms / number(ternary, "ours"), 1e-9);
        assert_true(number(ternary, "ratio_low") <= number(ternary, "ratio_ours"));
        assert_true(json_is_null(json_object_get(ternary, "n_prompt")));
        assert_string_equal(text(llama, "how"), "measured");
    }
    const json_t *prompt = row_of(rows, "3B", "i8", "throughput_tokens_per_s", "n_prompt", 128);
    const json_t *longest = row_of(rows, "3B", "i8", "throughput_tokens_per_s", "n_prompt", 512);
    assert_true(number(prompt, "ours") < number(longest, "ours")); /* the head counts once */
    assert_close(number(prompt, "ratio_ours"), 2, 1e-6);
    assert_string_equal(text(row_of(rows, "70B", "f16", "latency_ms", "n_depth", 2048), "how"),
                        "cycled 2/80");
    const json_t *skipped = row_of(rows, "65B", "lut", "latency_ms", "n_depth", 512);
    assert_true(isnan(number(skipped, "ours")));
    assert_string_equal(text(skipped, "how"), "skipped: the fixture wants one that is");
    json_decref(rows);
}

/* ---- memory ---- */

/* The tables of sizes have one prompt: the longest. */
static void without_a_prompt_it_is_the_longest(void **state)
{
    struct paper_cell c;

    (void)state;
    assert_true(paper_cell_find(store_db(store), run, "3B", "ternary2", "prefill", &c));
    assert_int_equal(c.n_prompt, 512);
    paper_cell_release(&c);
    assert_false(paper_cell_find(store_db(store), run, "3B", "ternary2", "train", &c));
    assert_int_equal(c.n, 0);
}

static void a_line_of_rows_says_each_way_once(void **state)
{
    static const char *const ways[][2] = {
        { "measured", "1" }, { "measured", "2" }, { "cycled 2/80", "4" }, { "measured", "8" }
    };
    json_t *line = json_object();

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        json_t *row = json_pack("{s:s}", "how", ways[i][0]);
        report_line_how(line, row, ways[i][1]);
        json_decref(row);
    }
    assert_string_equal(text(line, "how"), "measured; 4: cycled 2/80");
    json_decref(line);
}

static void memory_is_by_part_and_against_the_prediction(void **state)
{
    static const char *const parts[] = { "weights_gb", "kv_gb", "scratch_gb", NULL };
    json_t *rows = json_array();
    double sum = 0;

    (void)state;
    paper_memory_rows(rows, store_db(store), run);
    assert_int_equal(json_array_size(rows), 9 * 5 * 2 * 6); /* two sessions, six metrics */
    for (const char *const *part = parts; *part; part++)
        sum += number(row_of(rows, "3B", "ternary2", *part, "n_depth", 2048), "ours");
    const double predicted =
        number(row_of(rows, "3B", "ternary2", "predicted_gb", "n_depth", 2048), "ours");
    assert_close(predicted - sum, 4e-9 * 32000, 1e-6); /* the logits */
    assert_close(number(row_of(rows, "3B", "ternary2", "kv_gb", "n_depth", 2048), "ours"),
                 2e-9 * 2 * 26 * 32 * 104 * (2048 + 32), 1e-12);
    const json_t *rss = row_of(rows, "3B", "ternary2", "rss_gb", "n_depth", 2048);
    assert_close(number(rss, "ours"), predicted * FIXTURE_GROWTH, 1e-12);
    assert_string_equal(text(rss, "provenance"), "measured");
    assert_close(
        number(row_of(rows, "3B", "ternary2", "difference_percent", "n_prompt", 512), "ours"),
        100 * (FIXTURE_GROWTH - 1), 1e-9);
    /* Of what is cycled the whole is predicted, and nothing measured. */
    assert_true(number(row_of(rows, "70B", "f16", "predicted_gb", "n_prompt", 512), "ours") > 130);
    rss = row_of(rows, "70B", "f16", "rss_gb", "n_prompt", 512);
    assert_true(isnan(number(rss, "ours")));
    assert_string_equal(text(rss, "how"), "cycled 2/80");
    assert_string_equal(text(rss, "note"), "cycled: not all layers are in memory");
    json_decref(rows);
}

/* ---- the line ---- */

static double share_of(const struct fixture_speed *speed)
{
    return 1e3 / speed->ms_per_gb / FIXTURE_GBPS;
}

static void a_line_goes_through_all_sizes(void **state)
{
    json_t *rows = json_array();

    (void)state;
    paper_fit_rows(rows, store_db(store), run);
    assert_int_equal(json_array_size(rows), 5 * 6);
    for (const struct fixture_speed *s = fixture_speeds; s->format; s++) {
        const json_t *slope = row_of(rows, "", s->format, "slope_ms_per_gb", NULL, 0);
        const json_t *share = row_of(rows, "", s->format, "roof_share", NULL, 0);
        const json_t *rest = row_of(rows, "", s->format, "intercept_ms", NULL, 0);
        if (!strcmp(s->format, "i8")) { /* one of nine sizes weighs as one of nine */
            assert_true(number(slope, "ours") > 1.01 * s->ms_per_gb);
            assert_true(number(slope, "ours") < 1.03 * s->ms_per_gb);
            assert_true(number(slope, "ci_low") < s->ms_per_gb);
            assert_true(number(rest, "ci_low") < 0 && number(rest, "ci_high") > 0);
            rest = row_of(rows, "", s->format, "us_per_layer", NULL, 0);
            assert_true(isnan(number(rest, "ours"))); /* of what may be nothing */
            assert_string_equal(text(rest, "note"), "the intercept cannot be told from nothing");
            continue;
        }
        /* Times are whole nanoseconds. */
        assert_close(number(slope, "ours"), s->ms_per_gb, 1e-6);
        assert_close(number(share, "ours"), share_of(s), 1e-6);
        assert_close(number(rest, "ours"), s->intercept_ms, 1e-4);
        assert_true(number(share, "ci_low") <= number(share, "ours") &&
                    number(share, "ci_high") >= number(share, "ours"));
        rest = row_of(rows, "", s->format, "us_per_layer", NULL, 0);
        if (s->intercept_ms > 0)
            assert_close(number(rest, "ours"), 1e3 * s->intercept_ms / 24, 1e-4);
        else
            assert_true(isnan(number(rest, "ours")) && strstr(text(rest, "note"), "below 0"));
    }
    assert_string_equal(text(row_of(rows, "", "f16", "gbps", NULL, 0), "how"),
                        "derived from 9 sizes, 4 cycled");
    assert_string_equal(text(row_of(rows, "", "lut", "gbps", NULL, 0), "how"),
                        "derived from 8 sizes, 0 cycled");
    json_decref(rows);
}

static void two_sizes_are_no_line(void **state)
{
    static const char *const two[] = { "700M", "3B", NULL };
    json_t *rows = json_array(), *row;
    size_t i;

    (void)state;
    paper_fit_rows(rows, store_db(store), paper_fixture(store, two));
    assert_int_equal(json_array_size(rows), 5 * 6);
    json_array_foreach(rows, i, row)
    {
        assert_true(isnan(number(row, "ours")) && isnan(number(row, "ci_low")));
        assert_string_equal(text(row, "note"), "2 sizes: a line with an interval needs 3");
    }
    json_decref(rows);
}

/* ---- claims ---- */

/* A row as the other items have it. */
static void add_value(json_t *rows, const char *item, const char *size, const char *format,
                      const char *metric, double ours, double low, double high)
{
    const char *how = isnan(ours) ? "skipped: too large" : "measured";

    json_array_append_new(
        rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:s, s:i}", "item",
                        item, "variant", "cpu", "size", size, "format", format, "metric", metric,
                        "ours", table_real(ours), "ci_low", table_real(low), "ci_high",
                        table_real(high), "provenance", "measured", "how", how, "note",
                        isnan(ours) ? "too large" : "", "threads", 2));
}

static json_t *claims_of(const json_t *rows)
{
    json_t *claims = json_array(), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (!strcmp(text(row, "item"), "equivalence"))
            json_array_append(claims, row);
    }
    return claims;
}

static void assert_verdicts(const json_t *claims, const char *size, const char *metric,
                            const char *here, const char *paper)
{
    const json_t *row = row_of(claims, size, "ternary2", metric, NULL, 0);

    assert_string_equal(text(row, "verdict"), here);
    assert_string_equal(text(row, "verdict_paper"), paper);
}

/* 13B is surely faster than 3B in FP16, 30B surely slower than 7B, 70B either. */
static void claims_are_judged_by_their_intervals(void **state)
{
    json_t *rows = json_array();

    (void)state;
    add_value(rows, "table1", "3B", "f16", "latency_ms", 1, 1, 1); /* fig2 counts */
    add_value(rows, "fig2", "3B", "f16", "latency_ms", 200, 190, 210);
    add_value(rows, "fig2", "13B", "ternary2", "latency_ms", 100, 90, 105);
    add_value(rows, "fig2", "7B", "f16", "latency_ms", 300, 280, 320);
    add_value(rows, "fig2", "30B", "ternary2", "latency_ms", 400, 390, 410);
    add_value(rows, "fig2", "13B", "f16", "latency_ms", 600, 500, 700);
    add_value(rows, "fig2", "70B", "ternary2", "latency_ms", 550, 540, 560);
    add_value(rows, "fig2", "3B", "f16", "memory_gb", 7, NAN, NAN);
    add_value(rows, "fig2", "13B", "ternary2", "memory_gb", 4, NAN, NAN);
    add_value(rows, "fig2", "13B", "f16", "memory_gb", NAN, NAN, NAN);
    add_value(rows, "fig2", "70B", "ternary2", "memory_gb", 18, NAN, NAN);
    paper_claims_rows(rows);
    json_t *claims = claims_of(rows);
    assert_int_equal(json_array_size(claims), 3 * 4);
    assert_verdicts(claims, "13B", "latency_ms", "holds", "holds");
    assert_verdicts(claims, "30B", "latency_ms", "does not hold", "not plotted");
    assert_verdicts(claims, "70B", "latency_ms", "undecided", "does not hold");
    assert_verdicts(claims, "13B", "memory_gb", "holds", "holds");
    assert_verdicts(claims, "70B", "memory_gb", "not measured: no value of 13B in f16", "holds");
    assert_verdicts(claims, "70B", "energy_j", "not measured: no value of 70B in ternary2",
                    "holds");
    const json_t *row = row_of(claims, "13B", "ternary2", "latency_ms", NULL, 0);
    assert_close(number(row, "ratio_ours"), 2, 1e-12);
    assert_close(number(row, "ratio_low"), 190.0 / 105, 1e-12);
    assert_close(number(row, "ratio_high"), 210.0 / 90, 1e-12);
    assert_close(number(row, "base_ours"), 200, 0);
    assert_close(number(row, "base_paper"), 5.07, 0);
    row = row_of(claims, "30B", "ternary2", "latency_ms", NULL, 0);
    assert_close(number(row, "ratio_ours"), 0.75, 1e-12);
    assert_close(number(row_of(claims, "70B", "ternary2", "latency_ms", NULL, 0), "ratio_paper"),
                 16.61 / 19.235, 1e-12);
    row = row_of(claims, "70B", "ternary2", "memory_gb", NULL, 0);
    assert_string_equal(text(row, "how"), "measured; f16 of 13B: skipped: too large");
    assert_string_equal(text(row, "note"), "too large");
    json_decref(claims);
    json_decref(rows);
}

/* Samples so few that their interval has no bound decide nothing; nor does one. */
static void few_samples_decide_nothing(void **state)
{
    json_t *rows = json_array();

    (void)state;
    add_value(rows, "fig2", "3B", "f16", "latency_ms", 200, -10, 410);
    add_value(rows, "fig2", "13B", "ternary2", "latency_ms", 100, 99, 101);
    add_value(rows, "fig2", "7B", "f16", "latency_ms", 300, NAN, NAN);
    add_value(rows, "fig2", "30B", "ternary2", "latency_ms", 400, NAN, NAN);
    paper_claims_rows(rows);
    json_t *claims = claims_of(rows);
    assert_verdicts(claims, "13B", "latency_ms", "undecided", "holds");
    assert_verdicts(claims, "30B", "latency_ms", "undecided", "not plotted");
    assert_true(
        isnan(number(row_of(claims, "13B", "ternary2", "latency_ms", NULL, 0), "ratio_low")));
    json_decref(claims);
    json_decref(rows);
}

/* ---- cycled ---- */

static void a_cycled_model_is_held_against_the_whole_one(void **state)
{
    json_t *rows = json_array();

    (void)state;
    paper_cycled_rows(rows, store_db(store), run);
    assert_int_equal(json_array_size(rows), 2 * 3);
    const json_t *ratio = row_of(rows, "3B", "f16", "time_ratio", NULL, 0);
    assert_close(number(ratio, "ours"), FIXTURE_CYCLED, 1e-8);
    assert_string_equal(text(ratio, "verdict"), "within 5%");
    assert_string_equal(text(ratio, "how"), "measured and cycled 2/26");
    ratio = row_of(rows, "7B", "f16", "time_ratio", NULL, 0); /* a fifth up, a fifth down */
    assert_close(number(ratio, "ours"), FIXTURE_CYCLED, 1e-8);
    assert_close(number(ratio, "ci_low"), FIXTURE_CYCLED / 1.2, 1e-8);
    assert_string_equal(text(ratio, "verdict"), "undecided");
    const json_t *whole = json_array_get(rows, 0), *cycled = json_array_get(rows, 1);
    assert_string_equal(text(whole, "variant"), "whole");
    assert_string_equal(text(whole, "how"), "measured");
    assert_string_equal(text(cycled, "how"), "cycled 2/26");
    assert_close(number(cycled, "ours"), FIXTURE_CYCLED * number(whole, "ours"), 1e-8);
    json_decref(rows);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_prompt_and_depth_has_its_row),
        cmocka_unit_test(without_a_prompt_it_is_the_longest),
        cmocka_unit_test(a_line_of_rows_says_each_way_once),
        cmocka_unit_test(memory_is_by_part_and_against_the_prediction),
        cmocka_unit_test(a_line_goes_through_all_sizes),
        cmocka_unit_test(two_sizes_are_no_line),
        cmocka_unit_test(claims_are_judged_by_their_intervals),
        cmocka_unit_test(few_samples_decide_nothing),
        cmocka_unit_test(a_cycled_model_is_held_against_the_whole_one),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
