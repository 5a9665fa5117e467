/* SPDX-License-Identifier: MIT */
#include "harness/counters/sets.h"

#include <limits.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <string.h>

#define RAW PERF_TYPE_RAW
#define SET(set_name, is, event_list, ...)                                                         \
    static const struct sets_set set_name = { .name = #set_name,                                   \
                                              .what = is,                                          \
                                              .pfm = { __VA_ARGS__ },                              \
                                              .events = event_list,                                \
                                              .count = sizeof event_list / sizeof event_list[0] }

/* Cycles and instructions have counters of their own on Intel: four others fit beside them. On AMD
 * they take two of at least four. On Arm cycles have their own. A group that still does not run is
 * taken apart when it is opened. */
// clang-format off
static const struct sets_event skylake_events[] = {
    { "cycles",         0, RAW, 0x3c,       0, "CPU_CLK_UNHALTED:THREAD_P" },
    { "instructions",   0, RAW, 0xc0,       0, "INST_RETIRED:ANY_P" },
    { "uops",           0, RAW, 0x2c2,      0, "UOPS_RETIRED:RETIRE_SLOTS" },
    { "branch_misses",  0, RAW, 0xc5,       0, "BR_MISP_RETIRED:ALL_BRANCHES" },
    { "l1d_pending",    0, RAW, 0x148,      0, "L1D_PEND_MISS:PENDING" },
    { "l1d_full",       0, RAW, 0x248,      0, "L1D_PEND_MISS:FB_FULL" },
    { "cycles",         1, RAW, 0x3c,       0, "CPU_CLK_UNHALTED:THREAD_P" },
    { "instructions",   1, RAW, 0xc0,       0, "INST_RETIRED:ANY_P" },
    { "stalls_total",   1, RAW, 0x40004a3,  0, "CYCLE_ACTIVITY:STALLS_TOTAL" },
    { "stalls_mem",     1, RAW, 0x140014a3, 0, "CYCLE_ACTIVITY:STALLS_MEM_ANY" },
    { "stalls_l3_miss", 1, RAW, 0x60006a3,  0, "CYCLE_ACTIVITY:STALLS_L3_MISS" },
    { "cycles",         2, RAW, 0x3c,       0, "CPU_CLK_UNHALTED:THREAD_P" },
    { "instructions",   2, RAW, 0xc0,       0, "INST_RETIRED:ANY_P" },
    { "llc_misses",     2, RAW, 0x412e,     0, "LONGEST_LAT_CACHE:MISS" },
    { "l3_load_misses", 2, RAW, 0x20d1,     0, "MEM_LOAD_RETIRED:L3_MISS" },
    { "l2_lines_in",    2, RAW, 0x1ff1,     0, "L2_LINES_IN:ALL" },
};
SET(skylake, "Intel Skylake to Comet Lake, and servers to Cascade Lake", skylake_events,
    "skl", "skx", "clx");

/* The last is the servers' alone. */
static const struct sets_event icelake_events[] = {
    { "cycles",         0, RAW, 0x3c,       0, "CPU_CLK_UNHALTED:THREAD_P" },
    { "instructions",   0, RAW, 0xc0,       0, "INST_RETIRED:ANY_P" },
    { "uops",           0, RAW, 0x2c2,      0, "UOPS_RETIRED:SLOTS" },
    { "branch_misses",  0, RAW, 0xc5,       0, "BR_MISP_RETIRED:ALL_BRANCHES" },
    { "l1d_pending",    0, RAW, 0x148,      0, "L1D_PEND_MISS:PENDING" },
    { "l1d_full",       0, RAW, 0x248,      0, "L1D_PEND_MISS:FB_FULL" },
    { "cycles",         1, RAW, 0x3c,       0, "CPU_CLK_UNHALTED:THREAD_P" },
    { "instructions",   1, RAW, 0xc0,       0, "INST_RETIRED:ANY_P" },
    { "stalls_total",   1, RAW, 0x40004a3,  0, "CYCLE_ACTIVITY:STALLS_TOTAL" },
    { "stalls_mem",     1, RAW, 0x140014a3, 0, "CYCLE_ACTIVITY:STALLS_MEM_ANY" },
    { "stalls_l3_miss", 1, RAW, 0x60006a3,  0, "CYCLE_ACTIVITY:STALLS_L3_MISS" },
    { "cycles",         2, RAW, 0x3c,       0, "CPU_CLK_UNHALTED:THREAD_P" },
    { "instructions",   2, RAW, 0xc0,       0, "INST_RETIRED:ANY_P" },
    { "llc_misses",     2, RAW, 0x412e,     0, "LONGEST_LAT_CACHE:MISS" },
    { "l3_load_misses", 2, RAW, 0x20d1,     0, "MEM_LOAD_RETIRED:L3_MISS" },
    { "l2_lines_in",    2, RAW, 0x1ff1,     0, "L2_LINES_IN:ALL" },
    { "dram_bytes",     2, RAW, 0x1b7,      0x73c000477, "OCR:READS_TO_CORE_DRAM" },
};
SET(icelake_server, "Intel Ice Lake-SP and -D", icelake_events, "icx");
static const struct sets_set icelake = {
    .name = "icelake",
    .what = "Intel Ice Lake, Tiger Lake, Rocket Lake",
    .pfm = { "icl" },
    .events = icelake_events,
    .count = sizeof icelake_events / sizeof icelake_events[0] - 1,
};

static const struct sets_event sapphire_rapids_events[] = {
    { "cycles",         0, RAW, 0x3c,       0, "CPU_CLK_UNHALTED:THREAD_P" },
    { "instructions",   0, RAW, 0xc0,       0, "INST_RETIRED:ANY_P" },
    { "uops",           0, RAW, 0x2c2,      0, "UOPS_RETIRED:SLOTS" },
    { "branch_misses",  0, RAW, 0xc5,       0, "BR_MISP_RETIRED:ALL_BRANCHES" },
    { "l1d_pending",    0, RAW, 0x148,      0, "L1D_PEND_MISS:PENDING" },
    { "l1d_full",       0, RAW, 0x248,      0, "L1D_PEND_MISS:FB_FULL" },
    { "cycles",         1, RAW, 0x3c,       0, "CPU_CLK_UNHALTED:THREAD_P" },
    { "instructions",   1, RAW, 0xc0,       0, "INST_RETIRED:ANY_P" },
    { "stalls_total",   1, RAW, 0x40004a3,  0, "CYCLE_ACTIVITY:STALLS_TOTAL" },
    { "stalls_mem",     1, RAW, 0x50021a6,  0, "EXE_ACTIVITY:BOUND_ON_LOADS" },
    { "stalls_l3_miss", 1, RAW, 0x9000947,  0, "MEMORY_ACTIVITY:STALLS_L3_MISS" },
    { "cycles",         2, RAW, 0x3c,       0, "CPU_CLK_UNHALTED:THREAD_P" },
    { "instructions",   2, RAW, 0xc0,       0, "INST_RETIRED:ANY_P" },
    { "llc_misses",     2, RAW, 0x412e,     0, "LONGEST_LAT_CACHE:MISS" },
    { "l3_load_misses", 2, RAW, 0x20d1,     0, "MEM_LOAD_RETIRED:L3_MISS" },
    { "l2_lines_in",    2, RAW, 0x1f25,     0, "L2_LINES_IN:ALL" },
    { "dram_bytes",     2, RAW, 0x12a,      0x73c004477, "OCR:READS_TO_CORE_DRAM" },
};
SET(sapphire_rapids, "Intel Sapphire Rapids and Emerald Rapids", sapphire_rapids_events, "spr");

static const struct sets_event zen2_events[] = {
    { "cycles",            0, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      0, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "uops",              0, RAW, 0xc1,   0, "RETIRED_UOPS" },
    { "branch_misses",     0, RAW, 0xc3,   0, "RETIRED_BRANCH_INSTRUCTIONS_MISPREDICTED" },
    { "cycles",            1, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      1, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "stalls_load_queue", 1, RAW, 0x2ae,  0, "DISPATCH_RESOURCE_STALL_CYCLES_1:LOAD_QUEUE_RSRC_STALL" },
    { "l2_misses",         1, RAW, 0x864,  0, "CORE_TO_L2_CACHEABLE_REQUEST_ACCESS_STATUS:LS_RD_BLK_C" },
    { "cycles",            2, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      2, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "l1_fills_dram",     2, RAW, 0x4843, 0, "DATA_CACHE_REFILLS_FROM_SYSTEM:LS_MABRESP_LCL_DRAM:LS_MABRESP_RMT_DRAM" },
    { "l2_prefetch_l3_misses", 2, RAW, 0x1f72, 0, "L2_PREFETCH_MISS_L3" },
};
SET(zen2, "AMD Zen 2", zen2_events, "amd64_fam17h_zen2");

static const struct sets_event zen3_events[] = {
    { "cycles",            0, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      0, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "uops",              0, RAW, 0xc1,   0, "RETIRED_OPS" },
    { "branch_misses",     0, RAW, 0xc3,   0, "RETIRED_BRANCH_INSTRUCTIONS_MISPREDICTED" },
    { "cycles",            1, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      1, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "stalls_load_queue", 1, RAW, 0x2ae,  0, "DISPATCH_RESOURCE_STALL_CYCLES_1:LOAD_QUEUE_RSRC_STALL" },
    { "stalls_rob",        1, RAW, 0x20af, 0, "DISPATCH_RESOURCE_STALL_CYCLES_2:RETIRE_TOKEN_STALL" },
    { "cycles",            2, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      2, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "l1_fills_dram",     2, RAW, 0x4844, 0, "ANY_DATA_CACHE_FILLS_FROM_SYSTEM:MEM_IO_LCL:MEM_IO_RMT" },
    { "l2_prefetch_l3_misses", 2, RAW, 0xff72, 0, "L2_PREFETCH_MISS_L3:L2_HW_PREFETCHER:L1_HW_PREFETCHER" },
    { "cycles",            3, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      3, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "l2_misses",         3, RAW, 0x864,  0, "CORE_TO_L2_CACHEABLE_REQUEST_ACCESS_STATUS:LS_RD_BLK_C" },
    { "mab_allocations",   3, RAW, 0x7f41, 0, "MAB_ALLOCATION_BY_TYPE:ALL" },
};
SET(zen3, "AMD Zen 3", zen3_events, "amd64_fam19h_zen3");

static const struct sets_event zen4_events[] = {
    { "cycles",            0, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      0, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "uops",              0, RAW, 0xc1,   0, "RETIRED_OPS" },
    { "branch_misses",     0, RAW, 0xc3,   0, "RETIRED_BRANCH_INSTRUCTIONS_MISPREDICTED" },
    { "cycles",            1, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      1, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "stalls_backend_slots", 1, RAW, 0x100001ea0, 0, "DISPATCH_STALLS_1:BE_STALLS" },
    { "stalls_rob",        1, RAW, 0x20af, 0, "DISPATCH_RESOURCE_STALL_CYCLES_2:RETIRE_TOKEN_STALL" },
    { "cycles",            2, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      2, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "l1_fills_dram",     2, RAW, 0x4844, 0, "ANY_DATA_CACHE_FILLS_FROM_SYSTEM:DRAM_IO_NEAR:DRAM_IO_FAR" },
    { "l2_prefetch_l3_misses", 2, RAW, 0xff72, 0, "L2_PREFETCH_MISS_L3:L2_STREAM:L2_NEXT_LINE:L2_UP_DOWN:L2_BURST:L2_STRIDE:L1_STREAM:L1_STRIDE:L1_REGION" },
    { "cycles",            3, RAW, 0x76,   0, "CYCLES_NOT_IN_HALT" },
    { "instructions",      3, RAW, 0xc0,   0, "RETIRED_INSTRUCTIONS" },
    { "l2_misses",         3, RAW, 0x864,  0, "CORE_TO_L2_CACHEABLE_REQUEST_ACCESS_STATUS:LS_RD_BLK_C" },
    { "mab_allocations",   3, RAW, 0x7f41, 0, "MAB_ALLOCATION_BY_TYPE:ALL" },
};
SET(zen4, "AMD Zen 4", zen4_events, "amd64_fam19h_zen4");

/* The architecture's numbers, the same on every core that has the event. */
static const struct sets_event arm_events[] = {
    { "cycles",          0, RAW, 0x11, 0, "CPU_CYCLES" },
    { "instructions",    0, RAW, 0x08, 0, "INST_RETIRED" },
    { "stalls_frontend", 0, RAW, 0x23, 0, "STALL_FRONTEND" },
    { "stalls_backend",  0, RAW, 0x24, 0, "STALL_BACKEND" },
    { "branch_misses",   0, RAW, 0x10, 0, "BR_MIS_PRED" },
    { "cycles",          1, RAW, 0x11, 0, "CPU_CYCLES" },
    { "instructions",    1, RAW, 0x08, 0, "INST_RETIRED" },
    { "llc_misses",      1, RAW, 0x37, 0, "LL_CACHE_MISS_RD" },
    { "l2_lines_in",     1, RAW, 0x17, 0, "L2D_CACHE_REFILL" },
    { "bus_accesses",    1, RAW, 0x19, 0, "BUS_ACCESS" },
};
SET(arm, "Arm: events of the architecture", arm_events, NULL);

static const struct sets_event generic_events[] = {
    { "cycles",        0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES,    0, "cycles" },
    { "instructions",  0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS,  0, "instructions" },
    { "cache_misses",  0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES,  0, "cache-misses" },
    { "branch_misses", 0, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES, 0, "branch-misses" },
};
SET(generic, "any CPU: the kernel's own names", generic_events, NULL);

static const struct sets_event software_events[] = {
    { "task_clock_ns", 0, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK,  0, "task-clock" },
    { "page_faults",   0, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, 0, "page-faults" },
};
// clang-format on

const struct sets_set sets_software = {
    .name = "software",
    .what = "what the kernel counts without a PMU",
    .events = software_events,
    .count = sizeof software_events / sizeof software_events[0],
};

const struct sets_set *const sets[] = { &skylake, &icelake, &icelake_server, &sapphire_rapids,
                                        &zen2,    &zen3,    &zen4,           &arm,
                                        &generic, NULL };

/* As CPUID counts. Models that have no row here have the generic set: Zen 1, hybrid CPUs, and what
 * is newer than this table. */
static const struct {
    const char *vendor;
    int family, first, last; /* models */
    const struct sets_set *set;
} cpus[] = {
    { "GenuineIntel", 6, 0x4e, 0x4e, &skylake },         /* Skylake, mobile */
    { "GenuineIntel", 6, 0x55, 0x55, &skylake },         /* Skylake-SP, Cascade Lake, Cooper Lake */
    { "GenuineIntel", 6, 0x5e, 0x5e, &skylake },         /* Skylake */
    { "GenuineIntel", 6, 0x8e, 0x8e, &skylake },         /* Kaby Lake and its kin, mobile */
    { "GenuineIntel", 6, 0x9e, 0x9e, &skylake },         /* Kaby Lake, Coffee Lake */
    { "GenuineIntel", 6, 0xa5, 0xa6, &skylake },         /* Comet Lake */
    { "GenuineIntel", 6, 0x7d, 0x7e, &icelake },         /* Ice Lake */
    { "GenuineIntel", 6, 0x8c, 0x8d, &icelake },         /* Tiger Lake */
    { "GenuineIntel", 6, 0xa7, 0xa7, &icelake },         /* Rocket Lake */
    { "GenuineIntel", 6, 0x6a, 0x6a, &icelake_server },  /* Ice Lake-SP */
    { "GenuineIntel", 6, 0x6c, 0x6c, &icelake_server },  /* Ice Lake-D */
    { "GenuineIntel", 6, 0x8f, 0x8f, &sapphire_rapids }, /* Sapphire Rapids */
    { "GenuineIntel", 6, 0xcf, 0xcf, &sapphire_rapids }, /* Emerald Rapids */
    { "AuthenticAMD", 0x17, 0x30, 0xff, &zen2 },
    { "AuthenticAMD", 0x19, 0x00, 0x0f, &zen3 },
    { "AuthenticAMD", 0x19, 0x20, 0x5f, &zen3 },
    { "AuthenticAMD", 0x19, 0x10, 0x1f, &zen4 },
    { "AuthenticAMD", 0x19, 0x60, 0xaf, &zen4 },
};

const struct sets_set *sets_choose(const struct host_cpu *cpu)
{
#ifdef __aarch64__
    (void)cpu;
    (void)cpus;
    return &arm;
#else
    for (size_t i = 0; cpu && cpu->vendor && i < sizeof cpus / sizeof cpus[0]; i++)
        if (strcmp(cpu->vendor, cpus[i].vendor) == 0 && cpu->family == cpus[i].family &&
            cpu->model >= cpus[i].first && cpu->model <= cpus[i].last)
            return cpus[i].set;
    return &generic;
#endif
}

const struct sets_set *sets_find(const char *name)
{
    for (int i = 0; sets[i]; i++)
        if (strcmp(sets[i]->name, name) == 0)
            return sets[i];
    return NULL;
}
