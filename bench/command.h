/* SPDX-License-Identifier: MIT
 *
 * The commands: a row in main.c and a function in cmd_<name>.c. A command prints its own errors,
 * one line on stderr, and returns the exit status: 0 done, 1 a measurement failed, 2 the command
 * line or the input is wrong. main has checked names and thread counts before (names.h). */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include "bench/option.h"

typedef int command_fn(const struct config *config);

struct command {
    const char *name, *summary;
    unsigned bit; /* CMD_* */
    command_fn *run;
};

command_fn cmd_doctor, cmd_list, cmd_roof, cmd_kernel, cmd_model, cmd_paper, cmd_report,
    cmd_selftest, cmd_resume;

/* NULL: no such command. */
const struct command *command_find(const char *name);

/* cmd_block.c: the process of a block; its exit status. */
int cmd_block(int argc, char **argv);

#endif
