/* SPDX-License-Identifier: MIT
 *
 * The name that was probably meant by a word that is none. */
#ifndef HARNESS_NEAREST_H
#define HARNESS_NEAREST_H

#include <stdbool.h>

struct nearest {
    const char *word; /* borrowed */
    int best;         /* the next name must be as near as this */
    char name[64];    /* "" as long as none is near */
};

struct nearest nearest_begin(const char *word);
/* True: name is nearer than all before it, and no more than half of the word is wrong. */
bool nearest_offer(struct nearest *nearest, const char *name);

#endif
