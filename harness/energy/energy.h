/* SPDX-License-Identifier: MIT
 *
 * Joules: what counts energy on this machine (routes), which domains of it there are (channels),
 * and what a window of time cost. A window's joules come from two reads at its edges by the thread
 * that runs the work; a guard thread reads between them only as often as a wrap must not be missed,
 * and keeps a trace of power where a CPU is free for it. Where nothing counts, there is no joule:
 * every channel, every route has a reason.
 *
 * Domains are a tree and are never summed across it: the total is the packages' plus the DRAM's of
 * one route, or the platform's, or one board sensor's. Provenance: "hw-estimate" (on-die counters),
 * "virtual" (the same in a virtual machine), "metered" (--meter-cmd), "fixture" below a sysroot. */
#ifndef HARNESS_ENERGY_ENERGY_H
#define HARNESS_ENERGY_ENERGY_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/meter.h"
#include "harness/why.h"

enum { ENERGY_ROUTES_MAX = 8, ENERGY_CHANNELS_MAX = 64 };

enum energy_role {
    ENERGY_PACKAGE,  /* a socket or a die of it: part of the total */
    ENERGY_DRAM,     /* beside the package, not in it: part of the total */
    ENERGY_PLATFORM, /* contains packages and DRAM: the total where there is no package */
    ENERGY_BOARD,    /* a sensor or meter outside: the first one is the total where it is alone */
    ENERGY_PART,     /* inside another channel: core, uncore */
    ENERGY_COPY,     /* the same joules again: intel-rapl-mmio */
};

struct energy_channel {
    char name[64];    /* within its route: "package-0", "package-0/dram", "psys" */
    char source[160]; /* what is read: a path, an event, a command */
    enum energy_role role;
    int parent;        /* what contains it: a channel of its route, from energy_channel on an index
                        * there; -1: none */
    bool power;        /* raw is a power and has to be integrated */
    double lsb;        /* J (power: W) per count */
    double resolution; /* J (power: W) between neighbouring values; 0: lsb */
    uint64_t wrap;     /* counts go from wrap - 1 to 0; 0: 64 bits that never wrap */
    double max_w;      /* the most it can show; 0: not known */
    /* Between updates, as energy_open measured: mean, 5 %, 95 %, longest; 0: not known. */
    double period_s, period_p05_s, period_p95_s, period_max_s;
    const char *provenance;
    struct why why; /* status "ok", or why it has no joules */
};

struct energy_sample {
    int64_t time_ns;   /* clock_ns, the middle of the read */
    int64_t spread_ns; /* the read's length */
    uint64_t raw;
    int error; /* 0 or -errno: then raw is nothing */
};

/* A way to energy. A new one is a row of energy_routes. */
struct energy_route {
    const char *name, *what;
    /* The channels that there are, those that cannot be read included (their why says it): their
     * number, 0 to max. -errno with the route's own reason in why when there are none to speak of.
     * No side effect but open files; prints nothing. */
    int (*open)(void **state, const struct meter_context *context, struct energy_channel *channels,
                int max, struct why *why);
    /* Reads one channel, of status ok: no allocation, no lock, no stdio; any thread, one at a time
     * for a channel. */
    void (*read)(void *state, int channel, struct energy_sample *sample);
    /* More about a read's error than errno says, living until close; NULL, as may be its result. */
    const char *(*failure)(void *state, int channel);
    void (*close)(void *state);
};

/* Best first: the first with joules gives the total, the others are shown beside it. pipe
 * (--meter-cmd), powercap, perf (the kernel's PMU `power`), likwid, papi, hwmon. NULL at the end.
 */
extern const struct energy_route *const energy_routes[];

/* An opened set of routes. Below a sysroot every provenance is "fixture". */
struct energy;
/* Opens every route, measures the update period of each channel (up to 50 updates, in total at most
 * about 2 s), checks that it advances under load, and starts the guard. 0, also when nothing counts
 * energy; -ENOMEM, or -errno of the guard thread. */
int energy_open(struct energy **energy, const struct meter_context *context,
                const struct energy_route *const *routes);
void energy_close(struct energy *energy);

int energy_route_count(const struct energy *energy);
const struct energy_route *energy_route(const struct energy *energy, int route);
const struct why *energy_route_why(const struct energy *energy, int route); /* status ok: open */

/* What both edges of a window take of a route that is open: all its channels read twice. */
int64_t energy_route_cost_ns(const struct energy *energy, int route);

int energy_channel_count(const struct energy *energy);
const struct energy_channel *energy_channel(const struct energy *energy, int channel);
int energy_channel_route(const struct energy *energy, int channel);

/* What makes the total: the channels' names with '+' between, "powercap: package-0+package-0/dram";
 * NULL when nothing does, and then energy_reason is one sentence why there are no joules. */
const char *energy_domains(const struct energy *energy);
const char *energy_reason(const struct energy *energy);
const char *energy_provenance(const struct energy *energy); /* of the total, or NULL */
/* The shortest window: max(1 s, 500 update periods) of the total's slowest channel, and so long
 * that reading all routes at its edges takes at most 0.5% of it. */
int64_t energy_window_ns(const struct energy *energy);

struct joules {
    double value; /* J; NAN: none, and then uncertainty and bound are NAN, too */
    /* Standard (k = 1): edges, resolution, clock; not the sensor's calibration. */
    double uncertainty;
    double bound;       /* |error| cannot exceed it, calibration apart */
    unsigned wraps;     /* that were counted */
    const char *reason; /* why there is no value, or NULL; until the next energy_end */
};

enum window_state { WINDOW_VALID, WINDOW_CONTENDED, WINDOW_INVALID };

struct energy_window {
    int64_t start_ns, time_ns;
    enum window_state state;
    char reason[160];     /* of contended and invalid */
    double foreign_share; /* of all busy CPU time, what was not this process; NAN: not known */
    double steal_share;   /* of all CPU time, what the hypervisor took; NAN: not known */
    double guard_share;   /* CPU time of the guard over time_ns */
    struct joules joules[ENERGY_CHANNELS_MAX]; /* (energy_channel_count) */
    struct joules total;
};

/* The channel of the total whose updates windows are aligned to, an index; -1: none is, because it
 * is a power or updates too seldom to be waited for (energy_rules.align_s). */
int energy_aligned(const struct energy *energy);

/* The edges of a window, both by the thread that runs the work. One window at a time. An invalid
 * window has no total; it has no joules at all where its reason is not one channel's: too short,
 * a suspend, a guard that took too much.
 *
 * energy_begin returns just after an update of the aligned channel; it waits two periods at most.
 * energy_end waits, after the window, for the update that follows it, which tells how old the last
 * one was; unless energy_updated saw it come. */
void energy_begin(struct energy *energy);
void energy_end(struct energy *energy, struct energy_window *window);
/* Between two runs of the work, when the window is long enough: has the aligned channel advanced
 * since the last call? True also where that is not worth another run of run_ns: runs are no shorter
 * than a quarter of a period, nothing is aligned, or no update came for two periods. */
bool energy_updated(struct energy *energy, int64_t run_ns);

/* Power over time, as the guard saw it since energy_open: at most `max` of the last points, oldest
 * first; their number. None where the guard had no CPU of its own. */
struct energy_trace {
    int64_t time_ns; /* the middle */
    int channel;
    double power_w;
};
int energy_trace_read(struct energy *energy, struct energy_trace *trace, int max);

#endif
