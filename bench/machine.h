/* SPDX-License-Identifier: MIT
 *
 * This machine's facts, with what CPUID says put in: the harness itself knows no CPU. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stddef.h>
#include "harness/host.h"

void machine_read(struct host *host, const char *sysroot);

/* Names of the CPU_* bits, with ", " between them; "" for none. */
void machine_features(unsigned bits, char *text, size_t size);

#endif
