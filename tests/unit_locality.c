/* SPDX-License-Identifier: MIT
 *
 * locality.c: pages of two nodes, which a system of the test's own has, and those of this machine.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "kernels/locality.h"
#include "kernels/pages.h"

enum { ROWS = 512, COLS = 4096, THREADS = 2 };

static struct threads *pool;
static struct wmat w = { .rows = ROWS, .cols = COLS };

static int open_all(void **state)
{
    char why[200];

    (void)state;
    w.data = pages_alloc_small(packed_bytes(&i8, ROWS, COLS));
    return w.data ? threads_open(&pool, THREADS, why, sizeof why) : -1;
}

static int close_all(void **state)
{
    (void)state;
    threads_close(pool);
    pages_free((void *)w.data, packed_bytes(&i8, ROWS, COLS));
    return 0;
}

/* The first half of the matrix lies on node 0, the second on node 1. */
static int half_node(const void *page)
{
    return (const char *)page >= (const char *)w.data + packed_bytes(&i8, ROWS, COLS) / 2;
}

static int halves(unsigned long count, void **pages, int *status)
{
    for (unsigned long i = 0; i < count; i++)
        status[i] = half_node(pages[i]);
    return 0;
}

/* Every other page is not in memory. */
static int halves_with_holes(unsigned long count, void **pages, int *status)
{
    for (unsigned long i = 0; i < count; i++)
        status[i] = i % 2 ? -ENOENT : half_node(pages[i]);
    return 0;
}

static int always_0(int *node)
{
    *node = 0;
    return 0;
}

static int refused(unsigned long count, void **pages, int *status)
{
    (void)count, (void)pages, (void)status;
    return -EPERM;
}

static void pages_of_two_nodes_are_told_apart(void **state)
{
    const struct locality_system one_node = { always_0, halves };
    struct locality l = { 0, 0, 0 };

    (void)state;
    locality_add(&l, pool, &i8, &w, &one_node);
    assert_int_equal(l.error, 0);
    assert_true(l.seen >= 32);
    assert_int_equal(2 * l.local, l.seen); /* the second thread's half is far from it */
}

static void what_is_not_in_memory_is_not_counted(void **state)
{
    const struct locality_system all = { always_0, halves },
                                 holes = { always_0, halves_with_holes };
    struct locality whole = { 0, 0, 0 }, half = { 0, 0, 0 };

    (void)state;
    locality_add(&whole, pool, &i8, &w, &all);
    locality_add(&half, pool, &i8, &w, &holes);
    assert_int_equal(2 * half.seen, whole.seen);
    assert_int_equal(2 * half.local, half.seen);
}

static void a_refusal_is_an_error_and_no_share(void **state)
{
    const struct locality_system none = { always_0, refused };
    struct locality l = { 0, 0, 0 };

    (void)state;
    locality_add(&l, pool, &i8, &w, &none);
    assert_int_equal(l.error, -EPERM);
    assert_int_equal(l.seen, 0);
}

/* The system itself: nothing of the matrix is in memory before it is touched. */
static void this_system_says_where_pages_are(void **state)
{
    struct locality before = { 0, 0, 0 }, after = { 0, 0, 0 };

    (void)state;
    locality_add(&before, pool, &i8, &w, NULL);
    if (before.error == -EPERM || before.error == -ENOSYS)
        skip();
    assert_int_equal(before.error, 0);
    assert_int_equal(before.seen, 0);
    memset((void *)w.data, 1, packed_bytes(&i8, ROWS, COLS));
    locality_add(&after, pool, &i8, &w, NULL);
    assert_true(after.seen >= 32 && after.local <= after.seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_two_nodes_are_told_apart),
        cmocka_unit_test(what_is_not_in_memory_is_not_counted),
        cmocka_unit_test(a_refusal_is_an_error_and_no_share),
        cmocka_unit_test(this_system_says_where_pages_are),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
