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
#include "bench/paper_depth.h"
#include "tests/paper_fixture.h"

static struct store *store;
static int64_t run; /* of all nine sizes */

static const char *const sizes[] = { "700M", "1.3B", "3B",  "3.9B", "7B",
                                     "13B",  "30B",  "65B", "70B",  NULL };

static int open_store(void **state)
{
    char *path = strdup("/tmp/tritbench-paper-XXXXXX");
    const int fd = path ? mkstemp(path) : -1;

    *state = path;
    if (fd < 0 || close(fd) || unlink(path) || store_open(&store, path))
        return -1;
    run = paper_fixture(store, sizes);
    return run > 0 ? 0 : -1;
}

static int close_store(void **state)
{
    store_close(store);
    const int error = unlink(*state);
    free(*state);
    return error;
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
        const json_t *f16 = row_of(rows, "3B", "f16", "latency_ms", "n_depth", depth);
        const json_t *ternary = row_of(rows, "3B", "ternary2", "latency_ms", "n_depth", depth);
        /* Weights, and a cache of 26 layers of 32 heads of 100, which are rounded up to 104. */
        const double cache = 2 * 2 * 26 * 32 * 104 * (depth + 16.5), ms = number(f16, "ours");
        const double bytes = (ms - 1.5) / 55 * 1e9 - cache;
        assert_true(bytes > 6.648e9 && bytes < 6.650e9);
        assert_close(number(ternary, "ratio_ours"), ms / number(ternary, "ours"), 1e-9);
        assert_true(number(ternary, "ratio_low") <= number(ternary, "ratio_ours"));
        assert_true(json_is_null(json_object_get(ternary, "n_prompt")));
        assert_string_equal(text(f16, "how"), "measured");
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_prompt_and_depth_has_its_row),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
