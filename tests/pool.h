/* SPDX-License-Identifier: MIT
 *
 * The pool of a program that tests pools, one at a time. */
#ifndef TESTS_POOL_H
#define TESTS_POOL_H

#include "kernels/threads.h"
#include "tests/check.h"

/* Closed by whoever ran the test: a failed one does not come back. */
static struct threads *pool;

static inline void open_pool(int count)
{
    char why[200] = "";

    if (threads_open(&pool, count, why, sizeof why))
        check_fail("threads_open: %s", why);
    check_that(threads_count(pool) == count);
}

static inline void close_pool(void)
{
    threads_close(pool);
    pool = NULL;
}

#endif
