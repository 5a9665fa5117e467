/* SPDX-License-Identifier: MIT
 *
 * The conditions of a run: machine, kernel, build. Facts that could not be read are absent. */
#ifndef HARNESS_HOST_H
#define HARNESS_HOST_H

#include <stdint.h>

enum { HOST_FACTS_MAX = 64 };

struct fact {
    const char *name; /* stable: "cpu", "l3_bytes", "numa_nodes", "kernel", "hypervisor", ... */
    char value[160];  /* "" when absent */
    char reason[120]; /* why it is absent; "" when it is not */
};

struct host {
    int count;
    struct fact facts[HOST_FACTS_MAX];
    int64_t llc_bytes;    /* last-level cache of one CPU; 0 when unknown */
    int64_t memory_bytes; /* MemTotal */
    char key[17];         /* 64-bit hash, hex, of what identifies the machine (not the kernel) */
};

/* cpu, vendor, family, model, stepping, hypervisor come from the caller, which knows CPUID: the
 * harness includes no kernel. The rest is read here (hwloc, uname, /proc, /sys below sysroot). */
struct host_cpu {
    const char *name, *vendor, *hypervisor, *features;
    int family, model, stepping;
};
void host_read(struct host *host, const struct host_cpu *cpu, const char *sysroot);
const char *host_fact(const struct host *host, const char *name); /* "" when absent */

/* How this program was built. */
struct build {
    const char *version, *commit, *dirty /* "0", "1" or "" */, *compiler, *flags, *sanitizers;
};
struct build build_read(void);

#endif
