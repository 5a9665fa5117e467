/* SPDX-License-Identifier: MIT
 *
 * Names on the command line against the tables of the program: models, formats, instruction sets,
 * items of the paper. Runs before a command does, so that a wrong word costs nothing. */
#ifndef BENCH_NAMES_H
#define BENCH_NAMES_H

#include <stddef.h>
#include "bench/option.h"

/* What --only takes: tables and figures of the paper; NULL at the end. */
extern const char *const names_items[];

/* The name that was probably meant by `word`, or NULL where none is near. */
const char *names_nearest(const char *word, const char *const *names, int count);

/* Checks models, families, formats, isas, only and meters, for a command (CMD_*). The models of the
 * families join the models. Formats `all` becomes every format. An ISA must be one that this CPU
 * has and that one of the chosen formats (all, where none is chosen) has a kernel for. 0, or
 * -EINVAL with one line in why. */
int names_check(struct config *config, unsigned command, char *why, size_t why_size);

/* Pins the pools to come to the CPUs of --pin, else to those that likwid-perfctr -m counts
 * ($LIKWID_THREADS). 0, or -EINVAL with one line in why. */
int names_pin(const struct config *config, char *why, size_t why_size);

/* Turns the words all, phys and pow2 of --threads into numbers (and clears their flags), drops
 * doubles, and refuses more threads than this process may use. 0, or -EINVAL with one line in
 * why. */
int names_threads(struct config *config, char *why, size_t why_size);

#endif
