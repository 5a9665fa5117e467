/* SPDX-License-Identifier: MIT
 *
 * Orders drawn from a seed: the same seed, the same orders. */
#ifndef HARNESS_ORDER_H
#define HARNESS_ORDER_H

#include <stdint.h>

/* The next order of 0 .. count - 1, drawn anew from the last one (Fisher and Yates). *state is the
 * seed before the first: any is good, 0 too. */
void order_shuffle(int *order, int count, uint64_t *state);

#endif
