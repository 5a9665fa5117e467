/* SPDX-License-Identifier: MIT
 *
 * Windows that begin and end at updates of a counter: one source of a guard, which is looked at
 * until it advances. What is left of an edge is the time between two looks, or what the periods
 * differ by. */
#ifndef HARNESS_ENERGY_ALIGN_H
#define HARNESS_ENERGY_ALIGN_H

#include "harness/energy/guard.h"

struct align {
    struct guard *guard;
    int source;
    const struct energy_channel *channel;
    int64_t limit_ns; /* that an update is waited for: two periods and a millisecond */

    struct track_update begin;
    bool looked, seen; /* since the window began: align_updated was called; and saw an update */
    struct energy_sample old, new; /* the last two looks; of seen, the two around the update */
    int64_t since_ns;              /* of the first look */
};

/* Is it worth to wait for updates of this channel? */
bool align_may(const struct energy_channel *channel, const struct energy_rules *rules);
void align_open(struct align *align, struct guard *guard, int source,
                const struct energy_channel *channel);

/* Waits for an update; the window's first reads follow. */
void align_wait(struct align *align);
/* The window's first sample of the source. */
void align_begin(struct align *align, const struct energy_sample *sample);
/* energy_updated. */
bool align_updated(struct align *align, int64_t run_ns);
/* The window's last sample of the source, read after its end: waits for the next update where it
 * has to, and tells the source's track. */
void align_end(struct align *align, const struct energy_sample *sample);

#endif
