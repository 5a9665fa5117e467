/* SPDX-License-Identifier: MIT
 *
 * What a library prints on standard error, as text: between the two calls nothing of this process
 * or of a child reaches it. For calls that open something, before threads print. */
#ifndef HARNESS_ENERGY_HUSH_H
#define HARNESS_ENERGY_HUSH_H

#include <stddef.h>

struct hush {
    int kept, memory; /* -1: standard error is as it was */
};

void hush_begin(struct hush *hush);
/* text (size) gets the first line, "" where nothing was printed. */
void hush_end(struct hush *hush, char *text, size_t size);

#endif
