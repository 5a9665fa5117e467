/* SPDX-License-Identifier: MIT
 *
 * A meter is a plug-in that is read before and after a region and gives one reading a channel. A
 * value that could not be read is absent, with a reason: never 0. Meters read files below `sysroot`
 * ("" on a real machine), so that tests run on captured trees. */
#ifndef HARNESS_METER_H
#define HARNESS_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/why.h"

struct reading {
    double value;
    const char *reason; /* NULL: the value holds. Both strings live as long as the meter */
    const char *note;   /* what to know about a value that holds, or NULL */
};

/* The reason of a channel that another one took turns with: the sample has no reading of it. */
extern const char meter_not_its_turn[];

struct channel {
    const char *name, *unit, *provenance; /* provenance: a word of store.h */
};

enum { SAMPLE_READINGS_MAX = 64 };

struct host_cpu;

/* What a meter is opened on and asked for. Everything is borrowed until the meter is closed. */
struct meter_context {
    const char *sysroot;        /* "" on a real machine; anything else: provenance "fixture" */
    bool virtual_machine;       /* as CPUID says */
    const struct host_cpu *cpu; /* NULL: not known */
    const char *events;         /* --events, or NULL: the built-in set of this CPU */
    const char *command;        /* --meter-cmd, or NULL */
    /* Calls fn(arg) on each thread that the next sample runs on, and waits for them. NULL: the
     * calling thread is the only one. */
    void (*each_thread)(void *threads, void (*fn)(void *arg), void *arg);
    void *threads;
    const char *meters; /* --meter: routes and meters asked for by name, or NULL */
};

/* Is `name` in the list --meter? */
bool meter_asked(const struct meter_context *context, const char *name);

struct meter {
    const char *name, *what;
    const struct channel *channels; /* NULL: known once it is open, by list */
    int channel_count;
    /* 0 and *state, and in why what it lacks, if anything. -errno and why: then every reading of
     * `channels` has why->said as its reason, and a meter without them gives none. */
    int (*open)(void **state, const struct meter_context *context, struct why *why);
    const struct channel *(*list)(const void *state, int *count);
    /* region names what is measured, for tools that keep regions apart. */
    void (*start)(void *state, const char *region);
    void (*stop)(void *state, struct reading *readings); /* (channels) */
    void (*close)(void *state);
};

/* All meters that run beside the clock, NULL at the end: steal (/proc/stat), throttle (sysfs and
 * the cgroup), frequency (cpufreq), dram (traffic of the memory controllers), papi, likwid
 * (markers, where likwid-perfctr waits for them), pressure (/proc/pressure), sched (context
 * switches and page faults of this process), counters (counters/counters.h for both of
 * perf_event_open and PAPI). */
extern const struct meter *const meters[];
extern const struct meter meter_sched, meter_steal, meter_throttle, meter_frequency, meter_dram,
    meter_likwid, meter_pressure;

/* meter_fake.c: readings scripted by a test. */
extern const struct meter meter_fake;
void meter_fake_script(const struct reading *readings,
                       int count); /* one start/stop each; borrowed */
/* From now on each start, and each stop, takes so long by meter_fake_now. */
void meter_fake_cost(int64_t ns);
int64_t meter_fake_now(void);

/* An opened set of meters, -E2BIG when it has more than SAMPLE_READINGS_MAX channels. A meter that
 * cannot be opened stays in the set: its readings carry the reason. With a sysroot every channel's
 * provenance is "fixture". */
struct meter_set;
int meter_set_open(struct meter_set **set, const struct meter *const *list,
                   const struct meter_context *context);
void meter_set_close(struct meter_set *set);
int meter_set_channels(const struct meter_set *set);
const struct channel *meter_set_channel(const struct meter_set *set, int i);
/* What became of meter i of the list: status "ok" when it is open and lacks nothing. */
const struct why *meter_set_why(const struct meter_set *set, int i);
/* Measures what each meter takes to be read around nothing: the median of at most 100 empty
 * regions, half a second in all. now is clock_ns, or a test's. Before it every cost is 0. */
void meter_set_measure(struct meter_set *set, int64_t (*now)(void));
bool meter_set_is_open(const struct meter_set *set, int i); /* meter i of the list */
int64_t meter_set_cost_ns(const struct meter_set *set, int i);
/* The next samples are of meters that together cost at most 0.5% of sample_ns, the cheapest first;
 * the readings of the others have a reason. 0: of all. Returns what those cost. */
int64_t meter_set_fit(struct meter_set *set, int64_t sample_ns);
void meter_set_start(struct meter_set *set, const char *region);
void meter_set_stop(struct meter_set *set, struct reading *readings); /* (meter_set_channels) */

/* ---- meter_clock.c ---- */

/* CLOCK_MONOTONIC in ns: never goes back, not adjusted by a step of the wall clock. */
int64_t clock_ns(void);
/* The smallest difference that the clock showed in a short loop, ns. */
int64_t clock_resolution_ns(void);

/* ---- meter_memory.c: of this process, read a cell at a time, not in each sample ---- */

struct memory_state {
    struct reading rss_anon_bytes; /* RssAnon */
    struct reading rss_peak_bytes; /* VmHWM since the last reset */
    struct reading huge_bytes;     /* AnonHugePages of smaps_rollup: obtained, not asked for */
};
struct memory_state memory_read(const char *sysroot);
/* The share, 0 to 1, of what is resident in the mappings that hold [memory, memory + bytes) that is
 * on huge pages: what was obtained, not what was asked for. */
struct reading memory_huge_share(const char *sysroot, const void *memory, size_t bytes);
/* Sets VmHWM back to the present RSS (writes 5 to clear_refs). 0, or -errno. */
int memory_reset_peak(const char *sysroot);
/* What the machine can still give without swapping: the least of MemAvailable and, of this
 * process's cgroup and each above it, the limit less its use (inactive page cache is not use). */
struct reading memory_available(const char *sysroot);

#endif
