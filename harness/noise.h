/* SPDX-License-Identifier: MIT
 *
 * What disturbed a sample, from its readings, when they are read: nothing is stored, and nothing is
 * dropped. Pure; the limits, the words and the remedies are one table. */
#ifndef HARNESS_NOISE_H
#define HARNESS_NOISE_H

#include <stdbool.h>
#include <stddef.h>

/* The readings that count, by their channels. */
enum noise_input {
    NOISE_STEAL_TICKS,
    NOISE_BUSY_TICKS,
    NOISE_OTHERS_CPU_US,
    NOISE_PRESSURE_CPU_US,
    NOISE_PRESSURE_MEMORY_US,
    NOISE_THROTTLE_CORE,
    NOISE_THROTTLE_PACKAGE,
    NOISE_THROTTLE_QUOTA_US,
    NOISE_FREQUENCY_KHZ,
    NOISE_FAULTS_MAJOR,
    NOISE_INPUTS
};
extern const char *const noise_channels[NOISE_INPUTS];

struct noise_sample {
    double time_ns;
    double input[NOISE_INPUTS]; /* NAN: absent */
    double median_khz;          /* of NOISE_FREQUENCY_KHZ over the cell's samples; NAN: none */
};

/* A kind of noise: the sample is flagged where amount > limit. */
struct noise_kind {
    const char *name;
    double limit;
    double (*amount)(const struct noise_sample *s); /* NAN: not known */
    const char *before, *after;                     /* words around it */
    bool share;                                     /* of something, and not a count */
    const char *remedy;
};
enum { NOISE_KINDS = 8 };
extern const struct noise_kind noise_kinds[NOISE_KINDS];

/* A bit for each kind that flags the sample; *known: for each whose readings are there. amount
 * (NOISE_KINDS). */
unsigned noise_judge(const struct noise_sample *s, unsigned *known, double *amount);

/* "12 of 60 samples: other processes took at least 5% of the CPU time (median of
 * these): stop them, or ..." */
void noise_words(int kind, int flagged, int samples, double amount, char *text, size_t size);

#endif
