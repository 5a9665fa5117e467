/* SPDX-License-Identifier: MIT
 *
 * Instructions and cache misses of a program, simulated by valgrind's tool cachegrind: the same
 * every time, on caches of sizes that are given and not those of this machine. */
#ifndef HARNESS_CACHEGRIND_H
#define HARNESS_CACHEGRIND_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What it simulates: size, associativity and line of first-level data and last-level cache, B. */
#define CACHEGRIND_D1 "32768,8,64"
#define CACHEGRIND_LL "33554432,16,64"
enum { CACHEGRIND_LL_BYTES = 33554432 };

/* Of the whole program. */
struct cachegrind_counts {
    int64_t instructions;
    int64_t d1_misses; /* data reads and writes */
    int64_t ll_misses; /* instructions, data reads and writes */
};

/* Reads what cachegrind wrote (--cachegrind-out-file). 0, or -EBADMSG and a sentence in why: not
 * such a file, cut off, or without the events that are wanted. */
int cachegrind_parse(FILE *stream, struct cachegrind_counts *counts, char *why, size_t why_size);

/* Runs argv (NULL at the end; argv[0] an absolute path) below valgrind: no environment, directory
 * "/", nothing on our outputs. 0; -ENOENT (no valgrind), -EINTR (*stop was set; may be NULL), or
 * another -errno, with a sentence in why. */
int cachegrind_run(const char *const *argv, const volatile int *stop,
                   struct cachegrind_counts *counts, char *why, size_t why_size);

#endif
