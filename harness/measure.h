/* SPDX-License-Identifier: MIT
 *
 * Measures anything: workloads in, samples out. Knows no kernel and no model.
 *
 * Warm-up: each workload runs until its times are steady (stats_steady) or warmup_max is reached.
 * Then rounds: in each, every workload runs once, in an order drawn anew for each round from the
 * seed, so that drift of the machine meets all of them alike. Every sample goes to the sink as soon
 * as it is taken, warm-up included and marked. Nothing is allocated between start and stop. Meters
 * that cost too much for a workload's shortest sample are left out of the next (meter_set_fit). */
#ifndef HARNESS_MEASURE_H
#define HARNESS_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/meter.h"

struct workload {
    const char *name;
    /* Once before each sample, not timed; may be NULL. 0 or -errno. */
    int (*prepare)(void *arg);
    /* What is timed. 0 or -errno: the workload gets no more samples and the others go on. */
    int (*run)(void *arg);
    void *arg;
    int repetitions; /* 0: the plan's */
    int done;        /* rounds that an earlier process has taken: it goes on behind them */
    int warmed;      /* and runs of warm-up */
};

struct sample {
    int workload, round; /* round -1, -2, ...: warm-up, in order of time */
    int order;           /* place in its round */
    int64_t start_ns;    /* clock_ns */
    int64_t time_ns;
    int process;                    /* of the run's: the sink's to say */
    const struct reading *readings; /* (meter_set_channels) */
};

struct plan {
    int repetitions;
    int warmup_min, warmup_max; /* runs of each workload before the rounds */
    double steady_slope, steady_deviation;
    uint64_t seed;
    bool fixed_order;
    int64_t deadline_ns;      /* clock_ns after which no new round begins; 0: none */
    const volatile int *stop; /* set by a signal: no new sample begins; may be NULL */
    struct meter_set *meters; /* may be NULL */
    void (*ready)(void *arg); /* last before each sample's meters and clock start; may be NULL */
    void *ready_arg;
};

struct outcome {
    int samples; /* without warm-up */
    int warmups;
    bool steady; /* before warmup_max */
    int error;   /* 0, or what run() returned */
};

/* sink: 0 to go on; -errno ends the measurement at once with that error (a full disk).
 * outcomes is (count). Returns 0; -EINTR when stopped; the sink's error. */
typedef int sample_sink(void *arg, const struct sample *sample);
int measure(const struct workload *workloads, int count, const struct plan *plan, sample_sink *sink,
            void *sink_arg, struct outcome *outcomes);

#endif
