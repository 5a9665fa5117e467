/* SPDX-License-Identifier: MIT
 *
 * Whether channels advance, and how often: all of them polled together in a busy loop, so that a
 * machine with fast counters waits for 50 updates, some 60 ms, and no longer. */
#ifndef HARNESS_ENERGY_PERIOD_H
#define HARNESS_ENERGY_PERIOD_H

#include "harness/energy/rules.h"

struct period_source {
    const struct energy_route *route;
    void *state;
    int index; /* of the channel within its route */
    struct energy_channel *channel;
};

/* Sets the channels' periods; a channel that cannot be read or stands still becomes "broken". 0 or
 * -ENOMEM. */
int period_measure(const struct period_source *sources, int count,
                   const struct energy_rules *rules);

#endif
