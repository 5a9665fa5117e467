/* SPDX-License-Identifier: MIT
 *
 * One allocation, many arrays: the same walk counts the bytes and hands out the pointers, so a
 * predicted size is the size. Private to model/. */
#ifndef MODEL_ARENA_H
#define MODEL_ARENA_H

#include <stddef.h>

enum { ARENA_ALIGN = 128 };

struct arena {
    char *base; /* NULL: only counts */
    size_t used;
};

/* The next `bytes`, aligned; NULL while only counting. */
static inline void *arena_take(struct arena *a, size_t bytes)
{
    const size_t at = (a->used + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;

    a->used = at + bytes;
    return a->base ? a->base + at : NULL;
}

#endif
