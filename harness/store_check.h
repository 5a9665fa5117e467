/* SPDX-License-Identifier: MIT
 *
 * Decides whether a path may be opened as a results database, without touching it: it reads the
 * SQLite header itself, because opening a file with SQLite can already change it (recovery of a
 * journal) or leave files beside it. */
#ifndef HARNESS_STORE_CHECK_H
#define HARNESS_STORE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* In the header of every results database: "TBen". */
#define STORE_APPLICATION_ID 0x5442656e

/* 0, or -errno with one sentence in why. *fresh: there is no file yet, or an empty one; never when
 * only reading. */
int store_check(const char *path, bool writing, bool *fresh, char *why, size_t why_size);

#endif
