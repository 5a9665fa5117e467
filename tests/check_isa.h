/* SPDX-License-Identifier: MIT
 *
 * Which instruction sets a program checks, and how. */
#ifndef TESTS_CHECK_ISA_H
#define TESTS_CHECK_ISA_H

#include "tests/check.h"

/* Kernels may need these CPU_* bits, whatever the CPU: `by` emulates them. Kernels that the CPU
 * itself runs are then left to the program that does not emulate. Without this call the CPU's own
 * bits count; the environment's CHECK_EMULATOR then names what emulates that CPU. */
void check_emulates(unsigned cpu, const char *by);

/* What emulates the CPU, from the environment's CHECK_EMULATOR; NULL: it is real, whatever
 * check_emulates() adds to it. C against itself tells nothing there. */
const char *check_emulator(void);

/* Why this program does not check kernels that need these CPU_* bits; NULL: it does. */
const char *check_why_not(unsigned needs);

/* A case for every instruction set there is: native, emulated or skipped. */
check_group check_isas;

#endif
