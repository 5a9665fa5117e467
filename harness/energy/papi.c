/* SPDX-License-Identifier: MIT
 *
 * Energy by PAPI: its components rapl, perf_event_uncore (libpfm4, then the kernel's PMU `power`)
 * and powercap, whichever first can be read. Opened only when `--meter papi` asks for it: it maps
 * 9 MB. PAPI says yes to events that do not exist, so an event is there when it was added, started
 * and read. An event set is of one component; its values are those of the events that were added,
 * not of those that were wanted. Values count from PAPI_start on, and PAPI handles one wrap since
 * then: a value that goes back later is no value (energy_end's rule for counters without a wrap).
 * All reads go through one set: they come one at a time, because the guard has a lock. */
#include "harness/energy/energy.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "config.h"
#include "harness/energy/hush.h"
#include "harness/energy/routes.h"
#include "harness/packages.h"
#include "harness/sysfs.h"
#if HAVE_PAPI
#include <papi.h>
#endif

#if HAVE_PAPI

static const char tried[] = "PAPI_add_named_event, PAPI_start, PAPI_read";

struct papi {
    int (*library_init)(int version);
    int (*create)(int *set);
    int (*add)(int set, const char *event);
    int (*start)(int set);
    int (*read)(int set, long long *values);
    int (*stop)(int set, long long *values);
    int (*cleanup)(int set);
    int (*destroy)(int *set);
    char *(*words)(int error);
};

struct counting {
    struct papi papi;
    int set, count;                        /* of the set's events */
    long long values[ENERGY_CHANNELS_MAX]; /* (count) */
};

/* %p: the package; %c: its first CPU. */
static const struct event {
    const char *component, *event, *name;
    enum energy_role role;
    double lsb; /* J */
} events[] = {
    { "rapl", "rapl:::PACKAGE_ENERGY:PACKAGE%p", "package-%p", ENERGY_PACKAGE, 1e-9 },
    { "rapl", "rapl:::DRAM_ENERGY:PACKAGE%p", "package-%p/dram", ENERGY_DRAM, 1e-9 },
    { "rapl", "rapl:::PP0_ENERGY:PACKAGE%p", "package-%p/core", ENERGY_PART, 1e-9 },
    { "rapl", "rapl:::PP1_ENERGY:PACKAGE%p", "package-%p/uncore", ENERGY_PART, 1e-9 },
    { "perf_event_uncore", "rapl::RAPL_ENERGY_PKG:cpu=%c", "package-%p", ENERGY_PACKAGE, 0x1p-32 },
    { "perf_event_uncore", "amd64_rapl::RAPL_ENERGY_PKG:cpu=%c", "package-%p", ENERGY_PACKAGE,
      0x1p-32 },
    { "perf_event_uncore", "rapl::RAPL_ENERGY_DRAM:cpu=%c", "package-%p/dram", ENERGY_DRAM,
      0x1p-32 },
    { "perf_event_uncore", "rapl::RAPL_ENERGY_CORES:cpu=%c", "package-%p/core", ENERGY_PART,
      0x1p-32 },
    { "powercap", "powercap:::ENERGY_UJ:ZONE%p", "package-%p", ENERGY_PACKAGE, 1e-6 },
};
enum { EVENTS = sizeof events / sizeof *events };

static const char *const components[] = { "rapl", "perf_event_uncore", "powercap" };
enum { COMPONENTS = sizeof components / sizeof *components };

static void fill(char *to, size_t size, const char *format, int package, int cpu)
{
    const char *at = strchr(format, '%');

    snprintf(to, size, "%.*s%d%s", (int)(at - format), format, at[1] == 'c' ? cpu : package,
             at + 2);
}

static int load(struct papi *p, struct why *why)
{
    const struct {
        void *member;
        const char *name;
    } symbols[] = {
        { &p->library_init, "PAPI_library_init" },
        { &p->create, "PAPI_create_eventset" },
        { &p->add, "PAPI_add_named_event" },
        { &p->start, "PAPI_start" },
        { &p->read, "PAPI_read" },
        { &p->stop, "PAPI_stop" },
        { &p->cleanup, "PAPI_cleanup_eventset" },
        { &p->destroy, "PAPI_destroy_eventset" },
        { &p->words, "PAPI_strerror" },
    };
    char soname[32]; /* with both numbers: libpapi.so.7.0 */

    snprintf(soname, sizeof soname, "libpapi.so.%d.%d", PAPI_VERSION_MAJOR(PAPI_VERSION),
             PAPI_VERSION_MINOR(PAPI_VERSION));
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        why_set(why, "missing", soname, "apt-get install libpapi-dev", "%s", dlerror());
        return -ENOENT;
    }
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *symbol = dlsym(library, symbols[i].name);
        if (!symbol) {
            why_set(why, "broken", soname, NULL, "%s lacks %s", soname, symbols[i].name);
            return -ENOEXEC;
        }
        *(void **)symbols[i].member = symbol;
    }
    const int version = p->library_init(PAPI_VER_CURRENT);
    if (version != PAPI_VER_CURRENT) {
        why_set(why, "broken", "PAPI_library_init", NULL, "%s", p->words(version));
        return -EINVAL;
    }
    return 0;
}

/* The component powercap counts zones and not packages: psys may be one of them. */
static bool zone_is_package(const char *sysroot, int zone)
{
    char path[64], name[64];

    snprintf(path, sizeof path, "/sys/class/powercap/intel-rapl:%d/name", zone);
    return !sysfs_text(sysroot, path, name, sizeof name) && !strncmp(name, "package-", 8);
}

/* Adds what there is of a component to the set. The first refusal goes to said. */
static void add_events(struct counting *c, const char *component,
                       const struct meter_context *context, struct energy_channel *channels,
                       int max, char *said, size_t size)
{
    int cpus[PACKAGES_MAX], package = -1;
    const int packages = packages_read(context->sysroot, cpus);

    for (int p = 0; p < packages; p++)
        for (int e = 0; e < EVENTS && c->count < max; e++) {
            struct energy_channel *channel = &channels[c->count];
            char event[80];
            if (strcmp(events[e].component, component) != 0 ||
                (!strcmp(component, "powercap") && !zone_is_package(context->sysroot, p)))
                continue;
            fill(event, sizeof event, events[e].event, p, cpus[p]);
            const int error = c->papi.add(c->set, event);
            if (error && !said[0])
                snprintf(said, size, "%.40s: %.28s", event, c->papi.words(error));
            if (error)
                continue;
            package = events[e].role == ENERGY_PACKAGE ? c->count : package;
            *channel = (struct energy_channel){
                .role = events[e].role,
                .parent = events[e].role == ENERGY_PART ? package : -1,
                .lsb = events[e].lsb,
                .resolution = 0x1p-14, /* of the registers of most processors behind all of these */
                .provenance = routes_provenance(context)
            };
            fill(channel->name, sizeof channel->name, events[e].name, p, cpus[p]);
            snprintf(channel->source, sizeof channel->source, "PAPI: %s", event);
            why_set(&channel->why, "ok", tried, NULL,
                    "read; with PAPI loaded this process has 9 MB that are not its own");
            c->count++;
        }
}

/* The component powercap gives the counter itself, and not what it counted since PAPI_start, until
 * the counter moves: wait for that, 100 ms at most. */
static void settle(struct counting *c, struct energy_channel *channels)
{
    const struct timespec pause = { .tv_nsec = 2000000 };
    long long first[ENERGY_CHANNELS_MAX];
    bool moved[ENERGY_CHANNELS_MAX] = { false };

    memcpy(first, c->values, sizeof first);
    for (int i = 0; i < 50; i++) {
        nanosleep(&pause, NULL);
        c->papi.read(c->set, c->values);
        for (int k = 0; k < c->count; k++)
            moved[k] |= c->values[k] != first[k];
    }
    for (int k = 0; k < c->count; k++)
        if (!moved[k])
            why_set(&channels[k].why, "broken", tried, NULL, "stood still for 100 ms");
}

static void drop_set(struct counting *c)
{
    if (c->set == PAPI_NULL)
        return;
    c->papi.cleanup(c->set);
    c->papi.destroy(&c->set);
    c->set = PAPI_NULL;
}

/* A component's events, counting: their number, 0 with why not in said. */
static int begin(struct counting *c, const char *component, const struct meter_context *context,
                 struct energy_channel *channels, int max, char *said, size_t size)
{
    int error;

    c->set = PAPI_NULL;
    c->count = 0;
    error = c->papi.create(&c->set);
    if (!error)
        add_events(c, component, context, channels, max, said, size);
    if (!error && c->count) {
        error = c->papi.start(c->set);
        if (!error)
            error = c->papi.read(c->set, c->values);
    }
    if (!error && c->count) {
        if (!strcmp(component, "powercap"))
            settle(c, channels);
        return c->count;
    }
    if (error)
        snprintf(said, size, "%.20s: %.48s", component, c->papi.words(error));
    drop_set(c);
    return c->count = 0;
}

static int papi_open(void **state, const struct meter_context *context,
                     struct energy_channel *channels, int max, struct why *why)
{
    char said[COMPONENTS][72] = { "" }, printed[8];
    struct hush hush;
    int error;

    if (!meter_asked(context, "papi") || context->sysroot[0]) {
        why_set(why, "skipped", tried, context->sysroot[0] ? NULL : "--meter papi", "%s",
                context->sysroot[0] ? "not tried below a sysroot" : "not asked for");
        return -ENODEV;
    }
    struct counting *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    hush_begin(&hush);
    error = load(&c->papi, why);
    max = max < ENERGY_CHANNELS_MAX ? max : ENERGY_CHANNELS_MAX;
    for (int i = 0; !error && i < COMPONENTS && !c->count; i++) {
        /* libpfm4 then encodes RAPL's events where the kernel has no PMU for them, as some event of
         * the cores. */
        if (!strcmp(components[i], "perf_event_uncore") && getenv("LIBPFM_ENCODE_INACTIVE"))
            snprintf(said[i], sizeof said[i], "LIBPFM_ENCODE_INACTIVE is set: not trusted");
        else
            begin(c, components[i], context, channels, max, said[i], sizeof said[i]);
    }
    hush_end(&hush, printed, sizeof printed);
    if (!error && !c->count) {
        why_set(why, "absent", tried,
                "Debian's PAPI has RAPL only through perf's PMU 'power': see that route",
                "%s; %s; %s", said[0], said[1], said[2][0] ? said[2] : "powercap: no package");
        error = -ENODEV;
    }
    if (error) {
        free(c);
        return error;
    }
    *state = c;
    return c->count;
}

static void papi_read(void *state, int channel, struct energy_sample *sample)
{
    struct counting *c = state;
    const int64_t start = clock_ns();
    const int error = c->papi.read(c->set, c->values);

    sample->spread_ns = clock_ns() - start;
    sample->time_ns = start + sample->spread_ns / 2;
    sample->error = error || c->values[channel] < 0 ? -EIO : 0;
    sample->raw = (uint64_t)c->values[channel];
}

static void papi_close(void *state)
{
    struct counting *c = state;

    c->papi.stop(c->set, c->values);
    drop_set(c);
    free(c); /* PAPI stays initialised: counters may be using it */
}

#else

static int papi_open(void **state, const struct meter_context *context,
                     struct energy_channel *channels, int max, struct why *why)
{
    (void)state;
    (void)context;
    (void)channels;
    (void)max;
    why_set(why, "off", "its header, when this program was built",
            "apt-get install libpapi-dev, then meson setup --reconfigure build",
            "PAPI is off in this build");
    return -ENOSYS;
}

#define papi_read  NULL
#define papi_close NULL

#endif

const struct energy_route energy_papi = {
    .name = "papi",
    .what = "PAPI (rapl, perf_event_uncore, powercap); opened only for --meter papi",
    .open = papi_open,
    .read = papi_read,
    .close = papi_close,
};
