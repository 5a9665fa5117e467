/* SPDX-License-Identifier: MIT
 *
 * A database of a test's own, which goes when the test has ended. */
#ifndef TESTS_SCRATCH_STORE_H
#define TESTS_SCRATCH_STORE_H

#include "harness/store.h"

/* A new, empty database; its path goes to *state, for scratch_store_close. 0, or -1. */
int scratch_store_open(struct store **store, void **state);
/* The same with a run of `command` in it. Its number, or -1. */
int64_t scratch_store_run(struct store **store, void **state, const char *command);
/* 0; what unlink returns. */
int scratch_store_close(struct store *store, void **state);

#endif
