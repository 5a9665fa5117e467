/* SPDX-License-Identifier: MIT
 *
 * What is counted of a memory-bound GEMV where the user names no events: a table a family of CPUs.
 * The codes are what is opened; libpfm4's names stand beside them, and a test holds the two against
 * each other.
 *
 * Channels, all "count" but two. One that a CPU cannot count is not in its set.
 *   cycles, instructions, uops     of the core; uops (AMD: ops) retired. In every group
 *   branch_misses                  retired
 *   stalls_total                   cycles without execution
 *   stalls_mem                     of them, with loads outstanding (SPR: cycles bound on loads)
 *   stalls_l3_miss                 of them, with loads that missed L3
 *   stalls_frontend, _backend      Arm: cycles without an operation to issue, or that issued none
 *   stalls_load_queue, stalls_rob  AMD: cycles in which dispatch waited for a place in these
 *   stalls_backend_slots           Zen 4: slots of dispatch that the back end left empty
 *   l1d_pending, l1d_full          L1D misses outstanding, summed over cycles (/ cycles: the memory
 *                                  parallelism); cycles in which no fill buffer was free
 *   mab_allocations                AMD: L1D misses that took a miss address buffer
 *   l2_misses, l2_lines_in         demand loads that missed L2; lines filled into L2, prefetch too
 *   llc_misses                     last level, of this core, as the CPU counts them (demand)
 *   l3_load_misses                 retired loads that missed L3
 *   dram_bytes                     that this core read from DRAM, prefetch included: lines of 64 B
 *   l1_fills_dram                  AMD: lines that came from DRAM into L1D
 *   l2_prefetch_l3_misses          AMD: lines that a prefetcher fetched into L2 from beyond L3;
 *                                  with the line above, 64 B each, what AMD has for dram_bytes
 *   bus_accesses                   Arm
 *   cache_misses                   the kernel's generic event: not the same on all CPUs
 *   page_faults                    minor and major
 *   task_clock_ns                  ns, all threads */
#ifndef HARNESS_COUNTERS_SETS_H
#define HARNESS_COUNTERS_SETS_H

#include <stdint.h>
#include "harness/host.h"

enum { SETS_PFM_MAX = 4 };

struct sets_event {
    const char *channel;
    int group; /* counted together; groups take turns */
    uint32_t type;
    uint64_t config, config1; /* of dram_bytes: lines */
    const char *name; /* libpfm4's, or the vendor's where libpfm4 has none */
};

struct sets_set {
    const char *name, *what;
    const char *pfm[SETS_PFM_MAX]; /* libpfm4's PMUs that these are the codes of; NULL at the end */
    const struct sets_event *events;
    int count;
};

/* NULL at the end; "generic" is the last. */
extern const struct sets_set *const sets[];
/* Beside each of them: what needs no PMU. */
extern const struct sets_set sets_software;

/* The set of this CPU; "generic" where there is none for it, or cpu is NULL. */
const struct sets_set *sets_choose(const struct host_cpu *cpu);
const struct sets_set *sets_find(const char *name); /* NULL: none */

#endif
