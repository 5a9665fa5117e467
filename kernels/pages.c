/* SPDX-License-Identifier: MIT */
#include "kernels/pages.h"
#include <stdint.h>
#include <sys/mman.h>

enum { HUGE = 2 << 20 };

size_t pages_size(size_t bytes)
{
    return (bytes + HUGE - 1) / HUGE * HUGE;
}

static void *map(size_t bytes, int advice)
{
    const size_t size = pages_size(bytes);

    /* mmap aligns to small pages only: take one huge page more, and give the ends back. */
    char *memory = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    const size_t skip = (HUGE - (uintptr_t)memory % HUGE) % HUGE;
    if (skip)
        munmap(memory, skip);
    munmap(memory + skip + size, HUGE - skip);
    madvise(memory + skip, size, advice); /* a wish: either kind of page serves */
    return memory + skip;
}

void *pages_alloc(size_t bytes)
{
    return map(bytes, MADV_HUGEPAGE);
}

void *pages_alloc_small(size_t bytes)
{
    return map(bytes, MADV_NOHUGEPAGE);
}

void pages_free(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, pages_size(bytes));
}
