/* SPDX-License-Identifier: MIT
 *
 * On a machine with several memory nodes: whether weights lie where they are read. */
#ifndef KERNELS_LOCALITY_H
#define KERNELS_LOCALITY_H

#include <stdint.h>
#include "kernels/kernel.h"
#include "kernels/threads.h"

/* Of pages that were looked at: how many lie on the node of the thread that reads them. */
struct locality {
    int64_t local, seen;
    int error; /* 0, or -errno of the system, and seen is 0 or of what went before */
};

/* What the operating system says. `node` is that of the caller's CPU; `where` has the nodes of
 * `count` pages in status, negative where a page is not in memory. Both 0 or -errno. */
struct locality_system {
    int (*node)(int *node);
    int (*where)(unsigned long count, void **pages, int *status);
};

/* Adds a sample of the pages of w (a matrix of family f), each thread asking for the rows that it
 * reads. system NULL: getcpu and move_pages. */
void locality_add(struct locality *l, struct threads *pool, const struct family *f,
                  const struct wmat *w, const struct locality_system *system);

#endif
