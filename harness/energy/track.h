/* SPDX-License-Identifier: MIT
 *
 * One channel through a window: what its reads add up to, and what makes them worth nothing. Pure:
 * it is given samples and reads no clock.
 *
 * A counter's joules are (counts modulo wrap) * lsb, from read to read. That is right only where
 * two reads lie closer together than the fastest wrap: a later one is a fault by rule, whatever it
 * shows. A power's joules are the trapezoids between its reads. */
#ifndef HARNESS_ENERGY_TRACK_H
#define HARNESS_ENERGY_TRACK_H

#include "harness/energy/energy.h"

enum track_fault {
    TRACK_OK,
    TRACK_ERROR,    /* a read failed */
    TRACK_RANGE,    /* a value that the counter cannot have */
    TRACK_BACK,     /* a counter without a wrap went back */
    TRACK_LATE,     /* reads further apart than the deadline */
    TRACK_JUMP,     /* more than max_w gives */
    TRACK_STANDING, /* it stood still for 50 periods */
};

/* When the value that an edge's sample shows was written: known to lie between two reads, or
 * between two times that follow from the update after it. */
struct track_update {
    bool known;
    int64_t from_ns, to_ns;
    int64_t earliest_ns; /* it is from_ns or before, where the counter left an update out */
    double next_j;       /* that the update after it showed; NAN: it was not waited for */
};

struct track {
    const struct energy_channel *channel;
    int64_t deadline_ns; /* between two reads; 0: any */
    double max_w;        /* a plausible power's end */
    struct energy_sample first, last;
    bool known;         /* last is a sample without an error */
    int64_t changed_ns; /* when a read last showed another value */
    uint64_t counts;    /* since first */
    unsigned wraps;
    double power_j;                 /* of a power: the trapezoids */
    double variation_j;             /* of a power: sum of |difference| * dt / 2 */
    double variance_j2;             /* of a power: sum of (difference * dt)^2 / 12 */
    double before_w;                /* mean power before the window; 0: not known */
    struct track_update begin, end; /* of a counter that the window is aligned to */
    enum track_fault fault;
    double fault_value; /* J of a jump, s of a gap, count of a value out of range */
    double fault_s;     /* time of a jump */
    int error;          /* -errno of a read */
};

/* The counts between two samples of a channel, over at most one wrap. */
uint64_t track_counts(const struct energy_channel *channel, uint64_t from, uint64_t to);
/* A window begins with this sample. */
void track_begin(struct track *track, const struct energy_sample *sample);
/* A later sample, in a window or between two. */
void track_add(struct track *track, const struct energy_sample *sample);
/* The window is aligned: when the first sample's value was written, and the last one's. Between
 * track_begin or the last track_add, and track_end. */
void track_align(struct track *track, const struct track_update *begin,
                 const struct track_update *end);
/* The window [start_ns, start_ns + time_ns] ends with the last sample added. reason is (size): set
 * where there is no value, and joules->reason points there. failure: more words for a failed read,
 * or NULL. */
void track_end(struct track *track, int64_t start_ns, int64_t time_ns, const char *failure,
               struct joules *joules, char *reason, size_t size);

#endif
