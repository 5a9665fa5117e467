/* SPDX-License-Identifier: MIT
 *
 * Large buffers on huge pages where the kernel grants them. */
#ifndef KERNELS_PAGES_H
#define KERNELS_PAGES_H

#include <stddef.h>

/* Zeroed anonymous memory, 2 MiB aligned, with huge pages asked for by madvise; no page is touched,
 * so the thread that first writes to one decides where it lives. NULL when the kernel refuses. */
void *pages_alloc(size_t bytes);
/* The same with huge pages declined: to see what they are worth. */
void *pages_alloc_small(size_t bytes);
void pages_free(void *memory, size_t bytes); /* of either */

/* What pages_alloc(bytes) takes from the system. */
size_t pages_size(size_t bytes);

#endif
