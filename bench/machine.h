/* SPDX-License-Identifier: MIT
 *
 * This machine's facts, with what CPUID says put in: the harness itself knows no CPU. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stddef.h>
#include "harness/host.h"

/* What CPUID says; cpu points to the texts beside it: not to be copied. */
struct machine {
    struct host_cpu cpu;
    char name[80], features[120], vendor[16], hypervisor[16];
};
void machine_cpu(struct machine *machine);

/* Names of the CPU_* bits, with ", " between them; "" for none. */
void machine_features(unsigned bits, char *text, size_t size);

#endif
