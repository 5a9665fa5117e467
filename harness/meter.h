/* SPDX-License-Identifier: MIT
 *
 * A meter is a plug-in that is read before and after a region and gives one reading a channel. A
 * value that could not be read is absent, with a reason: never 0. Meters read files below `sysroot`
 * ("" on a real machine), so that tests run on captured trees. */
#ifndef HARNESS_METER_H
#define HARNESS_METER_H

#include <stddef.h>
#include <stdint.h>

struct reading {
    double value;
    const char *reason; /* NULL: the value holds. A string that lives as long as the meter */
};

struct channel {
    const char *name, *unit, *provenance; /* provenance: a word of store.h */
};

enum { METER_CHANNELS_MAX = 8, SAMPLE_READINGS_MAX = 24 };

struct meter {
    const char *name, *what;
    const struct channel *channels;
    int channel_count;
    /* 0 and *state; or -errno with a sentence in why: then every reading has that reason. */
    int (*open)(void **state, const char *sysroot, char *why, size_t why_size);
    void (*start)(void *state);
    void (*stop)(void *state, struct reading *readings); /* (channel_count) */
    void (*close)(void *state);
};

/* All meters that run beside the clock, NULL at the end: sched (context switches and page faults of
 * this process), steal (/proc/stat), frequency (cpufreq). */
extern const struct meter *const meters[];
extern const struct meter meter_sched, meter_steal, meter_frequency;

/* meter_fake.c: readings scripted by a test. */
extern const struct meter meter_fake;
void meter_fake_script(const struct reading *readings,
                       int count); /* one start/stop each; borrowed */

/* An opened set of meters, -E2BIG when it has more than SAMPLE_READINGS_MAX channels. A meter that
 * cannot be opened stays in the set: its readings carry the reason. With a sysroot every channel's
 * provenance is "fixture". */
struct meter_set;
int meter_set_open(struct meter_set **set, const struct meter *const *list, const char *sysroot);
void meter_set_close(struct meter_set *set);
int meter_set_channels(const struct meter_set *set);
const struct channel *meter_set_channel(const struct meter_set *set, int i);
/* Why meter i of the list could not be opened; NULL when it could. */
const char *meter_set_why(const struct meter_set *set, int i);
void meter_set_start(struct meter_set *set);
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
