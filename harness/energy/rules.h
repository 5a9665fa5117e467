/* SPDX-License-Identifier: MIT
 *
 * What energy.c holds its windows to, in one place. Tests open an energy with rules of their own:
 * short windows, no guard. */
#ifndef HARNESS_ENERGY_RULES_H
#define HARNESS_ENERGY_RULES_H

#include <stdbool.h>
#include "harness/energy/energy.h"

struct energy_rules {
    bool guard;                /* false: no thread, only the edges are read */
    double window_s;           /* the shortest window, and in update periods */
    double window_periods;     /* 500: edges are at most 0.1 % (k = 1) */
    int updates;               /* of a channel, when its period is measured; at most 50 */
    double poll_s, frozen_s;   /* for all channels; for one that stands still where others move */
    double package_w, board_w; /* the most a package, a board can draw where it does not say */
    double margin;             /* of that power, when the deadline of a wrap is computed */
    double guard_s;            /* the guard's longest sleep */
    double trace_s;            /* between points of the trace, and reads of a power */
    int trace_cpus;            /* a trace needs more CPUs than that in the affinity mask */
    double guard_share;        /* of a window that the guard may take */
    double edges_share;        /* of a window that reading its edges may take; 0: any */
    double foreign_share;      /* of the busy CPU time that others may take */
    double suspend_s;          /* CLOCK_BOOTTIME may run ahead of CLOCK_MONOTONIC in a window */
    double align_s;            /* updates this far apart are waited for at edges; 0: none */
};

extern const struct energy_rules energy_rules_default;

int energy_open_rules(struct energy **energy, const struct meter_context *context,
                      const struct energy_route *const *routes, const struct energy_rules *rules);

#endif
