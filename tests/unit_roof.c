/* SPDX-License-Identifier: MIT
 *
 * A sample of the roof does the work that it is counted for: every block of the memory is read once
 * a pass, and no round is left out or done twice, however the threads share them. The loops
 * themselves: check_roof.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bench/roof.h"
#include "kernels/threads.h"

enum { BLOCK = 4096, BLOCKS = 2999, PASSES = 3, OPS = 7 };

static char memory[BLOCKS * BLOCK];
static atomic_int reads[BLOCKS];
static atomic_int beyond; /* calls for what is not there */
static atomic_ullong rounds_done;

static uint64_t count_reads(const void *data, size_t bytes, int streams, size_t prefetch)
{
    const size_t first = (size_t)((const char *)data - memory) / BLOCK;

    (void)streams;
    (void)prefetch;
    if (bytes % BLOCK || first + bytes / BLOCK > BLOCKS)
        atomic_fetch_add(&beyond, 1);
    else
        for (size_t i = first; i < first + bytes / BLOCK; i++)
            atomic_fetch_add(&reads[i], 1);
    return 0;
}

static uint64_t count_rounds(uint64_t rounds)
{
    atomic_fetch_add(&rounds_done, rounds);
    return 0;
}

static uint64_t never(uint64_t rounds)
{
    (void)rounds;
    atomic_fetch_add(&beyond, 1);
    return 0;
}

static const struct roof_kernels counting = { .isa = "c",
                                              .read = count_reads,
                                              .f32 = never,
                                              .i8 = count_rounds,
                                              .ternary = never,
                                              .f32_ops = OPS,
                                              .i8_ops = OPS,
                                              .ternary_ops = OPS };

struct subject {
    struct threads *pool;
    struct roof roof;
    int most; /* threads */
};

static int set_up(void **state)
{
    static struct subject s;
    const struct roof_memory all = { .bytes = sizeof memory, .data = { memory, memory } };
    char why[200];

    s.most = threads_units();
    if (threads_open(&s.pool, s.most, why, sizeof why)) {
        print_error("%s\n", why);
        return -1;
    }
    roof_begin(&s.roof, NULL, s.pool, s.most, &counting, &all);
    s.roof.passes = PASSES;
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    threads_close(((struct subject *)*state)->pool);
    return 0;
}

static void sample(struct subject *s, enum roof_metric metric, int threads)
{
    struct roof_arg arg = { &s->roof, metric };
    const struct workload w = roof_workload(&arg);

    memset(reads, 0, sizeof reads);
    atomic_store(&rounds_done, 0);
    s->roof.threads = threads;
    assert_int_equal(w.prepare(w.arg), 0);
    assert_int_equal(w.run(w.arg), 0);
    assert_int_equal(atomic_load(&beyond), 0);
}

static void reads_every_block(void **state)
{
    struct subject *s = *state;

    for (int threads = 1; threads <= s->most; threads++) {
        sample(s, ROOF_READ, threads);
        for (int i = 0; i < BLOCKS; i++)
            assert_int_equal(atomic_load(&reads[i]), PASSES);
        assert_true(roof_work(&s->roof, ROOF_READ) == (double)sizeof memory * PASSES);
    }
}

static void does_every_round(void **state)
{
    static const uint64_t rounds[] = { 1, 63, 64, 1000, 123456789 };
    struct subject *s = *state;

    for (int threads = 1; threads <= s->most; threads++)
        for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
            s->roof.rounds[ROOF_I8] = rounds[i];
            sample(s, ROOF_I8, threads);
            assert_int_equal(atomic_load(&rounds_done), rounds[i] * (uint64_t)threads);
            assert_true(roof_work(&s->roof, ROOF_I8) == (double)rounds[i] * threads * OPS);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_block),
        cmocka_unit_test(does_every_round),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
