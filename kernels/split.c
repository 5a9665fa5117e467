/* SPDX-License-Identifier: MIT */
#include "kernels/split.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A thread's shares of all items, one after another, in units: those that nobody has taken. The
 * owner takes from the beginning, others from the end. */
struct units {
    uint32_t begin, end;
};

static uint64_t pack_units(struct units u)
{
    return (uint64_t)u.begin << 32 | u.end;
}

static struct units unpack_units(uint64_t v)
{
    return (struct units){ (uint32_t)(v >> 32), (uint32_t)v };
}

/* The item that a unit of a thread's belongs to: its share, and the first and the last of its
 * units. */
struct place {
    int item;
    struct range share;
    struct units units;
};

static struct place place_of(const struct split *split, uint32_t unit, int owner, int count)
{
    struct place p = { .item = 0 };

    for (;; p.item++) {
        const int size = split->unit;
        p.share = threads_share(split->totals[p.item], size, owner, count);
        p.units.begin = p.units.end;
        p.units.end += (uint32_t)(((int64_t)p.share.last - p.share.first + size - 1) / size);
        if (unit < p.units.end || p.item + 1 == split->items)
            return p;
    }
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* So many units that no part of the item is left that is smaller than the least one. */
static uint32_t whole_parts(uint32_t wanted, uint32_t of, uint32_t least)
{
    return wanted + least > of ? of : wanted;
}

struct split_job {
    struct threads *pool;
    const struct split *split;
    split_fn *fn;
    void *arg;
};

/* The next part of `owner`'s shares for their owner, who leaves a quarter to take from, or for
 * another thread, who takes half of what is left. */
static bool take(const struct split_job *job, int owner, bool own, int count, int *item,
                 struct range *part)
{
    const struct split *split = job->split;
    const uint32_t least = (uint32_t)split->least;
    _Atomic uint64_t *counter = threads_counter(job->pool, owner);
    uint64_t seen = atomic_load(counter);

    for (;;) {
        const struct units left = unpack_units(seen);
        const uint32_t all = left.end - left.begin;
        struct units taken, rest = left;
        if (left.begin >= left.end)
            return false;
        const struct place p = place_of(split, own ? left.begin : left.end - 1, owner, count);
        if (own) {
            const uint32_t here = smaller(left.end, p.units.end) - left.begin;
            const uint32_t wanted = all / 4 < least ? here : all - all / 4;
            taken = (struct units){ left.begin, left.begin + whole_parts(wanted, here, least) };
            rest.begin = taken.end;
        } else {
            const uint32_t here =
                left.end - (left.begin > p.units.begin ? left.begin : p.units.begin);
            const uint32_t wanted = all / 2 < least ? least : all / 2;
            taken = (struct units){ left.end - whole_parts(wanted, here, least), left.end };
            rest.end = taken.begin;
        }
        if (!atomic_compare_exchange_weak(counter, &seen, pack_units(rest)))
            continue;
        const int64_t first = p.share.first + (int64_t)(taken.begin - p.units.begin) * split->unit;
        const int64_t last = p.share.first + (int64_t)(taken.end - p.units.begin) * split->unit;
        *item = p.item;
        *part = (struct range){ (int)first, (int)(last < p.share.last ? last : p.share.last) };
        return true;
    }
}

static void whole_shares(void *arg, int index, int count)
{
    const struct split_job *job = arg;
    const struct split *split = job->split;

    for (int item = 0; item < split->items; item++) {
        const struct range share = threads_share(split->totals[item], split->unit, index, count);
        if (share.first < share.last)
            job->fn(job->arg, item, share);
    }
}

static void shares_in_parts(void *arg, int index, int count)
{
    const struct split_job *job = arg;
    struct range part;
    int item;

    for (int i = 0; i < count; i++)
        while (take(job, (index + i) % count, i == 0, count, &item, &part))
            job->fn(job->arg, item, part);
}

/* Of all threads and items. */
static int64_t units_of(const struct split *split)
{
    int64_t units = 0;

    for (int item = 0; item < split->items; item++)
        units += ((int64_t)split->totals[item] + split->unit - 1) / split->unit;
    return units;
}

void split_run(struct threads *pool, const struct split *split, split_fn *fn, void *arg)
{
    struct split_job job = { pool, split, fn, arg };
    const int count = threads_count(pool);

    if (count == 1 || units_of(split) / count / 4 < split->least) {
        threads_run(pool, whole_shares, &job);
        return;
    }
    for (int i = 0; i < count; i++) {
        const struct place last = place_of(split, UINT32_MAX, i, count);
        atomic_store(threads_counter(pool, i), pack_units((struct units){ 0, last.units.end }));
    }
    threads_run(pool, shares_in_parts, &job);
}
