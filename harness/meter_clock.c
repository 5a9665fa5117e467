/* SPDX-License-Identifier: MIT */
#include "harness/meter.h"

#include <time.h>

int64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: the clock exists and now is ours */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_resolution_ns(void)
{
    int64_t least = INT64_MAX, before = clock_ns();

    /* Ends for any clock that moves; a coarse one needs many calls for one step. */
    for (int steps = 0; steps < 100;) {
        int64_t now = clock_ns();

        if (now == before)
            continue;
        if (now - before < least)
            least = now - before;
        before = now;
        steps++;
    }
    return least;
}
