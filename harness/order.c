/* SPDX-License-Identifier: MIT */
#include "harness/order.h"

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in 0 .. bound - 1: values of the last, incomplete stretch are drawn again. */
static int random_below(uint64_t *state, int bound)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % (uint64_t)bound, value;

    do
        value = random_next(state);
    while (value >= limit);
    return (int)(value % (uint64_t)bound);
}

void order_shuffle(int *order, int count, uint64_t *state)
{
    for (int i = count - 1; i > 0; i--) {
        int j = random_below(state, i + 1), kept = order[i];

        order[i] = order[j];
        order[j] = kept;
    }
}
