/* SPDX-License-Identifier: MIT
 *
 * What else happened while a window was open: CPU time of others (busy ticks of /proc/stat less
 * this process's own), steal, a suspend. */
#ifndef HARNESS_ENERGY_LOAD_H
#define HARNESS_ENERGY_LOAD_H

#include "harness/energy/rules.h"

struct load_edge {
    bool known; /* busy, steal and all: /proc/stat could be read */
    uint64_t busy, steal, all; /* ticks of 1 / sysconf(_SC_CLK_TCK) s, over all CPUs */
    int64_t own_ns;            /* CPU time of this process */
    int64_t guard_ns;          /* CPU time of the guard, within own_ns */
    int64_t suspended_ns;      /* CLOCK_BOOTTIME - CLOCK_MONOTONIC */
};

/* /proc/stat below a root, kept open: the descriptor or -errno. */
int load_open(const char *sysroot);
/* All but guard_ns. */
void load_read(int fd, struct load_edge *edge);
/* Sets the window's shares, and its state and reason where the load makes it contended or invalid;
 * time_ns is set. The state is left alone otherwise. */
void load_judge(const struct load_edge *begin, const struct load_edge *end,
                const struct energy_rules *rules, struct energy_window *window);

#endif
