/* SPDX-License-Identifier: MIT
 *
 * roofline.c: shares of the roof and scaling, from cells whose samples are known. */
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
#include "bench/roofline.h"
#include "harness/measure.h"
#include "harness/store.h"
#include "tests/scratch_store.h"

enum { ROUNDS = 3 };

static struct store *store;
static int64_t run;

static int open_store(void **state)
{
    run = scratch_store_run(&store, state, "kernel");
    return run > 0 ? 0 : -1;
}

static int close_store(void **state)
{
    return scratch_store_close(store, state);
}

/* A cell with a warm-up sample, which counts nowhere, and one for each of `times`. */
static int64_t add(struct cell cell, const int64_t *times)
{
    cell.provenance = PROVENANCE_MEASURED;
    const int64_t id = store_cell(store, run, &cell);
    const struct sample warmup = { .round = -1, .time_ns = 1 };

    assert_true(id > 0);
    assert_int_equal(store_sample(store, id, &warmup, NULL, 0), 0);
    for (int i = 0; i < ROUNDS; i++) {
        const struct sample sample = { .round = i, .time_ns = times[i] };
        assert_int_equal(store_sample(store, id, &sample, NULL, 0), 0);
    }
    return id;
}

static struct cell roof_cell_of(const char *metric, const char *isa, int threads, int64_t partner)
{
    const int read = !strcmp(metric, "read_gbps");
    struct cell cell = { .kind = "roof",
                         .item = metric,
                         .isa = isa,
                         .phase = read ? "read" : "compute",
                         .threads = threads,
                         .partner = partner };

    *(read ? &cell.work_bytes : &cell.work_ops) = 1000;
    return cell;
}

static struct cell kernel_cell_of(const char *format, int64_t bytes, int64_t ops, int threads,
                                  int64_t partner)
{
    return (struct cell){ .kind = "kernel",
                          .format = format,
                          .isa = "avx2",
                          .phase = "gemv",
                          .rows = 10,
                          .cols = 10,
                          .batch = 1,
                          .threads = threads,
                          .work_bytes = bytes,
                          .work_ops = ops,
                          .cache = "cold",
                          .partner = partner };
}

static const int64_t hundred[ROUNDS] = { 100, 100, 100 };

/* The machine is 1, 2 and 4 times as slow as it was: the shares stay what they are. */
static void shares_are_paired_by_round(void **state)
{
    const int64_t slower[ROUNDS] = { 100, 200, 400 }, twice[ROUNDS] = { 200, 400, 800 };
    const int64_t read = add(roof_cell_of("read_gbps", "avx2", 1, 0), slower);
    const int64_t cell = add(kernel_cell_of("f16", 1000, 2, 1, read), twice);
    const struct roofline r = roofline_of(store_db(store), cell);

    (void)state;
    assert_true(r.share == 0.5 && r.low == 0.5 && r.high == 0.5);
    assert_true(r.gbps == 1000.0 / 200);
    assert_true(isnan(r.gops));
    assert_string_equal(r.bound, "memory");
}

/* Shares of 0.1, 0.5 and 0.9: Student's interval of these would begin below 0. */
static void no_share_is_below_0(void **state)
{
    const int64_t read = add(roof_cell_of("read_gbps", "avx2", 1, 0), hundred);
    const int64_t cell =
        add(kernel_cell_of("f16", 1000, 2, 1, read), (const int64_t[]){ 1000, 200, 111 });
    const struct roofline r = roofline_of(store_db(store), cell);

    (void)state;
    assert_true(r.low > 0 && r.low < 0.1 && r.high > 0.9);
}

static void the_longer_of_memory_and_compute_bounds(void **state)
{
    const int64_t read = add(roof_cell_of("read_gbps", "avx2", 1, 0), hundred);
    add(roof_cell_of("f32_gflops", "avx2", 1, read), hundred);
    add(roof_cell_of("i8_gops", "c", 1, read), (const int64_t[]){ 900, 900, 900 });
    add(roof_cell_of("i8_gops", "avx2", 1, read), (const int64_t[]){ 50, 50, 50 });
    const int64_t a = add(kernel_cell_of("i8", 1000, 1000, 1, read), hundred);
    const int64_t b =
        add(kernel_cell_of("i8", 1000, 4000, 1, read), (const int64_t[]){ 400, 250, 160 });
    struct roofline r = roofline_of(store_db(store), a);

    (void)state;
    assert_string_equal(r.bound, "memory"); /* 100 ns by the memory, 50 by the peak */
    assert_true(r.share == 1 && r.gops == 20);
    r = roofline_of(store_db(store), b);
    assert_string_equal(r.bound, "compute"); /* 200 ns by the peak */
    assert_true(fabs(r.share - 0.8) < 1e-12);
}

static void the_best_peak_stands_in_for_an_isa_without_one(void **state)
{
    const int64_t read = add(roof_cell_of("read_gbps", "avx2", 1, 0), hundred);
    struct cell other = kernel_cell_of("ternary2", 1, 1000, 1, read);

    (void)state;
    add(roof_cell_of("ternary_gops", "best", 1, read), hundred);
    add(roof_cell_of("ternary_gops", "c", 1, read), (const int64_t[]){ 10, 10, 10 });
    other.isa = "new";
    assert_true(roofline_of(store_db(store), add(other, hundred)).share == 1);
    other.isa = "c";
    assert_true(roofline_of(store_db(store), add(other, hundred)).share == 0.1);
}

static void a_warm_cache_is_not_the_memory(void **state)
{
    const int64_t read = add(roof_cell_of("read_gbps", "avx2", 1, 0), hundred);
    struct cell warm = kernel_cell_of("f16", 1000, 500, 1, read);

    (void)state;
    warm.cache = "warm";
    assert_true(isnan(roofline_of(store_db(store), add(warm, hundred)).share));
    add(roof_cell_of("f32_gflops", "avx2", 1, read), hundred);
    const struct roofline r = roofline_of(store_db(store), add(warm, hundred));
    assert_true(r.share == 0.5);
    assert_string_equal(r.bound, "compute");
}

static void without_a_roof_there_is_no_share(void **state)
{
    const int64_t first = add(kernel_cell_of("f16", 1000, 2, 1, 0), hundred);
    const int64_t cells[] = { first, add(kernel_cell_of("i8", 1000, 2, 1, first), hundred) };

    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct roofline r = roofline_of(store_db(store), cells[i]);
        assert_true(isnan(r.share) && isnan(r.gbps) && !r.bound);
    }
}

static void scaling_is_of_rates_in_the_same_rounds(void **state)
{
    const int64_t half[ROUNDS] = { 50, 50, 50 };
    const int64_t one = add(roof_cell_of("read_gbps", "avx2", 1, 0), hundred);
    const int64_t two = add(roof_cell_of("read_gbps", "avx2", 2, one), half);
    const int64_t alone = add(roof_cell_of("read_gbps", "avx2", 4, 0), half);
    const int64_t base = add(kernel_cell_of("f16", 1000, 1000, 1, one), hundred);
    const int64_t cell = add(kernel_cell_of("f16", 1500, 1500, 2, two), hundred);
    const int64_t other = add(kernel_cell_of("i8", 1000, 1000, 2, two), half);

    (void)state;
    assert_true(scaling_of(store_db(store), two).median == 2);
    assert_true(scaling_of(store_db(store), cell).median == 1.5); /* more work in the same time */
    assert_int_equal(scaling_of(store_db(store), cell).n, ROUNDS);
    const int64_t none[] = { one, alone, base, other };
    for (int i = 0; i < 4; i++) {
        const struct summary s = scaling_of(store_db(store), none[i]);
        assert_true(s.n == 0 && isnan(s.median) && isnan(s.low));
    }
}

static void variants_are_timed_against_the_first(void **state)
{
    const int64_t slower[ROUNDS] = { 100, 200, 400 }, twice[ROUNDS] = { 200, 400, 800 };
    const int64_t one = add(roof_cell_of("read_gbps", "avx2", 1, 0), hundred);
    const int64_t two = add(roof_cell_of("read_gbps", "avx2", 2, one), hundred);
    struct cell variant = kernel_cell_of("ternary2", 1000, 1000, 1, one);
    const int64_t plain = add(variant, slower);
    const int64_t other = add(kernel_cell_of("lut", 1000, 1000, 1, one), hundred);
    variant.item = "outliers=6";
    const int64_t cell = add(variant, twice);
    variant.item = "outliers=60";
    variant.work_bytes = variant.work_ops = 2000; /* twice the calls */
    const int64_t longer = add(variant, twice);
    variant.threads = 2;
    variant.partner = two;
    const int64_t alone = add(variant, twice);

    (void)state;
    assert_true(variant_time_of(store_db(store), cell).median == 2);
    assert_int_equal(variant_time_of(store_db(store), cell).n, ROUNDS);
    assert_true(variant_time_of(store_db(store), longer).median == 1);
    assert_true(isnan(scaling_of(store_db(store), cell).median)); /* it is no thread count */
    const int64_t none[] = { plain, other, alone };
    for (int i = 0; i < 3; i++)
        assert_true(isnan(variant_time_of(store_db(store), none[i]).median));
}

int main(void)
{
#define CASE(body) cmocka_unit_test_setup_teardown(body, open_store, close_store)
    const struct CMUnitTest tests[] = {
        CASE(shares_are_paired_by_round),
        CASE(no_share_is_below_0),
        CASE(the_longer_of_memory_and_compute_bounds),
        CASE(the_best_peak_stands_in_for_an_isa_without_one),
        CASE(a_warm_cache_is_not_the_memory),
        CASE(without_a_roof_there_is_no_share),
        CASE(scaling_is_of_rates_in_the_same_rounds),
        CASE(variants_are_timed_against_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
