/* SPDX-License-Identifier: MIT
 *
 * What the fake libraries (fake/) write down of their calls, and whether a library is in this
 * process at all. */
#ifndef TESTS_FAKE_LOG_H
#define TESTS_FAKE_LOG_H

#include <stdbool.h>

enum { FAKE_LOG_MAX = 8192 };

extern char fake_log_path[]; /* for FAKE_LIKWID_LOG, FAKE_PAPI_LOG */

/* A file of its own for this process, and away with it. 0 or -1. */
int fake_log_make(void);
void fake_log_remove(void);
int fake_log_clear(void);
/* Its text, the first 8 KiB, until the next call; a word that no log has when it cannot be read. */
const char *fake_log_read(void);

/* Is a library whose path has this text in it mapped? True, too, where that cannot be told. */
bool fake_log_mapped(const char *library);

#endif
