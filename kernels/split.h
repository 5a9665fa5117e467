/* SPDX-License-Identifier: MIT
 *
 * Work that threads share in parts, so that none waits long for another. */
#ifndef KERNELS_SPLIT_H
#define KERNELS_SPLIT_H

#include "kernels/threads.h"

/* Work on several ranges, [0, totals[item]) each, that threads do in parts. */
struct split {
    const int *totals;
    int items;
    int unit;  /* parts begin at multiples of it */
    int least; /* units of a part, if so many are there; 1 or more */
};
typedef void split_fn(void *arg, int item, struct range part);

/* Runs fn on parts that together are all of every range, each once, and returns when all are done.
 * A thread does its own shares (threads_share), most of them at once; when it is through, it takes
 * from the ends of the others': so a thread whose CPU is slower, or was taken away for a while,
 * does not make the others wait. With one thread, or with fewer than 4 * least units a thread, each
 * does its own shares whole, for looking at the others' would cost more. Who does what is different
 * each time: what fn computes must not depend on it, and must not need that an item is done before
 * the next one begins. Not reentrant. */
void split_run(struct threads *pool, const struct split *split, split_fn *fn, void *arg);

#endif
