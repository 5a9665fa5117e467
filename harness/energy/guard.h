/* SPDX-License-Identifier: MIT
 *
 * Reads channels at the edges of a window, and in between by a thread that wakes only as often as
 * it must: before a counter could wrap twice, ten times a second for a power that has to be
 * integrated and, where a CPU is free for it, for the trace. Every read of a channel goes through
 * here, one at a time. */
#ifndef HARNESS_ENERGY_GUARD_H
#define HARNESS_ENERGY_GUARD_H

#include "harness/energy/rules.h"
#include "harness/energy/track.h"

struct guard_source {
    const struct energy_route *route;
    void *state; /* the route's */
    int index;   /* of the channel within its route */
    int channel; /* in the trace */
    bool traced;
    struct track track; /* of a channel of status ok; its deadline and max_w are the caller's */
};

struct guard;
/* sources (count) stay the caller's and are not touched by it until guard_close, other than through
 * the guard. Without rules->guard there is no thread. 0 or -errno. */
int guard_open(struct guard **guard, struct guard_source *sources, int count,
               const struct energy_rules *rules);
void guard_close(struct guard *guard);
/* Reads one source: the first or a later read of a window. sample may be NULL. */
void guard_begin(struct guard *guard, int source, struct energy_sample *sample);
void guard_add(struct guard *guard, int source, struct energy_sample *sample);
/* Between the window's last read and guard_end the thread adds nothing to the window. */
void guard_hold(struct guard *guard, bool hold);
/* Reads a source and leaves its track alone. */
void guard_look(struct guard *guard, int source, struct energy_sample *sample);
/* track_align of a source. */
void guard_align(struct guard *guard, int source, const struct track_update *begin,
                 const struct track_update *end);
/* track_end of a source. */
void guard_end(struct guard *guard, int source, int64_t start_ns, int64_t time_ns,
               struct joules *joules, char *reason, size_t size);
/* CPU time that the thread has used. */
int64_t guard_cpu_ns(const struct guard *guard);
int guard_trace(struct guard *guard, struct energy_trace *trace, int max);

/* The longest time between two reads of a channel that makes no window invalid: the fastest wrap,
 * for a power ten reads; 0: any. The thread reads four times as often. */
int64_t guard_deadline_ns(const struct energy_channel *channel, double max_w,
                          const struct energy_rules *rules);
/* Whether the process's affinity mask has a CPU to spare for the trace. */
bool guard_may_trace(const struct energy_rules *rules);

#endif
