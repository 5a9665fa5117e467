/* SPDX-License-Identifier: MIT
 *
 * What this CPU can execute: cpuid and xgetbv on x86 (the operating system must save the registers
 * too), getauxval on Arm. Names and bits are one table; `doctor`, `list` and --isa read it. */
#ifndef KERNELS_CPU_H
#define KERNELS_CPU_H

#include <stddef.h>

enum {
    CPU_AVX2 = 1u << 0, /* with FMA and F16C */
    CPU_AVXVNNI = 1u << 1,
    CPU_AVX512BW = 1u << 2, /* F, BW, DQ and VL */
    CPU_AVX512VNNI = 1u << 3,
    CPU_NEON = 1u << 4, /* with FP16 conversion */
    CPU_DOTPROD = 1u << 5,
    CPU_I8MM = 1u << 6,
    CPU_AMX = 1u << 7, /* tiles of int8, which Linux has granted */
};

struct cpu_feature {
    unsigned bit, older; /* older: what every CPU that has it has, too */
    const char *name;    /* "avx2" */
    const char *what;    /* the instructions behind the name */
};
extern const struct cpu_feature cpu_features[]; /* bit 0 at the end */

/* The bits, and those of the older instruction sets that they build on. */
unsigned cpu_with_older(unsigned bits);

/* CPU_* bits of this machine. Asks Linux for AMX's tiles, for the whole process. */
unsigned cpu_detect(void);

/* The CPU's own name, e.g. "AMD EPYC-Milan Processor"; "unknown" where it has none. */
void cpu_name(char *name, size_t size);

/* Family, model, stepping as CPUID gives them; hypervisor's signature or "". Zero where absent. */
struct cpu_identity {
    char vendor[16], hypervisor[16];
    int family, model, stepping;
};
struct cpu_identity cpu_identify(void);

#endif
