/* SPDX-License-Identifier: MIT
 *
 * likwid's power API: energy counters of model-specific registers, 32 bits wide. Opened only when
 * `--meter likwid` asks for it: it maps 14 MB, takes 100 ms and, for others than root, starts
 * likwid-accessD; a footprint measured beside it is not the program's own. power_init returns 0
 * whether it works or not, prints why not, and lets every later call fail or, in some virtual
 * machines, succeed with 0: so a domain is there when power_start reads it, and what it reads has
 * to advance (energy_open). */
#include "harness/energy/energy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/energy/hush.h"
#include "harness/energy/routes.h"
#include "harness/liblikwid.h"
#include "harness/packages.h"

static const char tried[] = "likwid's power_init, power_start";
static const char fix[] = "modprobe msr, then as root, or with a setuid likwid-accessD";

/* likwid's PowerData: a domain and two counts, of 32 bits up to likwid 5.3, of 64 later (and then
 * still the register's 32). */
union power_data {
    struct {
        int domain;
        uint32_t before, after;
    } narrow;
    struct {
        int domain;
        uint64_t before, after;
    } wide;
};

struct source {
    int cpu, domain;
};

struct power {
    struct liblikwid likwid;
    bool wide;
    int count;
    struct source sources[ENERGY_CHANNELS_MAX]; /* (count) */
};

/* A register's value; 0 or -errno. */
static int read_domain(const struct power *power, const struct source *source, uint64_t *raw)
{
    union power_data data = { .wide = { .domain = source->domain } };
    const int error = power->likwid.power_start(&data, source->cpu, source->domain);

    *raw = power->wide ? data.wide.before & UINT32_MAX : data.narrow.before;
    return error > 0 ? -EIO : error;
}

/* Which PowerData this likwid has: a wide one's upper half is written, with zeros. */
static bool is_wide(const struct power *power, const struct source *source)
{
    union power_data data;

    memset(&data, 0xff, sizeof data);
    return !power->likwid.power_start(&data, source->cpu, source->domain) &&
           data.wide.before >> 32 == 0;
}

/* likwid names the domains as its registers have them on this CPU. CORE, on AMD, is the core of
 * the one CPU that is read. */
static const struct {
    const char *likwid, *name;
    enum energy_role role;
} domains[] = {
    { "PKG", "package-%d", ENERGY_PACKAGE },       { "DRAM", "package-%d/dram", ENERGY_DRAM },
    { "PP0", "package-%d/core", ENERGY_PART },     { "PP1", "package-%d/uncore", ENERGY_PART },
    { "CORE", "package-%d/core[0]", ENERGY_PART }, { "PLATFORM", "psys", ENERGY_PLATFORM },
};
enum { DOMAINS = sizeof domains / sizeof *domains };

static void add_channel(struct power *power, struct energy_channel *channel, int package,
                        const struct source *source, int d, const struct meter_context *context)
{
    char name[sizeof channel->name];

    *channel = (struct energy_channel){ .role = domains[d].role,
                                        .parent = -1,
                                        .lsb = power->likwid.power_unit(source->domain),
                                        .wrap = UINT64_C(1) << 32,
                                        .provenance = routes_provenance(context) };
    snprintf(name, sizeof name, "package-%d", package);
    if (domains[d].role == ENERGY_PLATFORM)
        snprintf(channel->name, sizeof channel->name, "%s", domains[d].name);
    else
        snprintf(channel->name, sizeof channel->name, "%s%s", name,
                 domains[d].name + strlen("package-%d"));
    snprintf(channel->source, sizeof channel->source, "likwid: %s on CPU %d", domains[d].likwid,
             source->cpu);
    if (channel->lsb > 0)
        why_set(&channel->why, "ok", tried, NULL,
                "read; with likwid loaded this process has 14 MB that are not its own");
    else
        why_set(&channel->why, "broken", tried, NULL, "likwid gives no unit for %s",
                domains[d].likwid);
    power->sources[power->count++] = *source;
}

/* What contains what: psys all packages, a package its parts. */
static void set_parents(struct energy_channel *channels, int count)
{
    int platform = -1, package = -1;

    for (int i = 0; i < count; i++)
        platform = channels[i].role == ENERGY_PLATFORM ? i : platform;
    for (int i = 0; i < count; i++) {
        package = channels[i].role == ENERGY_PACKAGE ? i : package;
        if (channels[i].role == ENERGY_PART)
            channels[i].parent = package;
        else if (channels[i].role != ENERGY_PLATFORM)
            channels[i].parent = platform;
    }
}

/* The domains that can be read on a package's CPU, the package itself first. */
static void find_domains(struct power *power, int package, int cpu, struct energy_channel *channels,
                         int max, const struct meter_context *context)
{
    for (int d = 0; d < DOMAINS; d++)
        for (int i = 0; i < LIKWID_POWER_DOMAINS && power->count < max; i++) {
            const struct source source = { cpu, i };
            uint64_t raw;
            if (!power->likwid.power_names[i] ||
                strcmp(power->likwid.power_names[i], domains[d].likwid) != 0 ||
                (domains[d].role == ENERGY_PLATFORM && package > 0) ||
                read_domain(power, &source, &raw))
                continue;
            power->wide = is_wide(power, &source);
            add_channel(power, &channels[power->count], package, &source, d, context);
        }
}

static int likwid_open(void **state, const struct meter_context *context,
                       struct energy_channel *channels, int max, struct why *why)
{
    int cpus[PACKAGES_MAX], error, refused = 0;
    char said[160] = "";
    struct hush hush;

    if (!meter_asked(context, "likwid") || context->sysroot[0]) {
        why_set(why, "skipped", tried, context->sysroot[0] ? NULL : "--meter likwid", "%s",
                context->sysroot[0] ? "not tried below a sysroot" : "not asked for");
        return -ENODEV;
    }
    struct power *power = calloc(1, sizeof *power);
    if (!power)
        return -ENOMEM;
    error = liblikwid_load(&power->likwid, why);
    if (error) {
        free(power);
        return error;
    }
    const int packages = packages_read(context->sysroot, cpus);
    max = max < ENERGY_CHANNELS_MAX ? max : ENERGY_CHANNELS_MAX;
    hush_begin(&hush);
    if (geteuid() == 0) /* root reads the registers without a daemon's help */
        power->likwid.access_mode(LIKWID_MODE_DIRECT);
    error = power->likwid.topology_init();
    if (!error)
        error = power->likwid.power_init(cpus[0]);
    for (int p = 0; error >= 0 && p < packages; p++) {
        const int access = power->likwid.access_cpu(cpus[p]);
        refused = access ? access : refused;
        if (!access)
            find_domains(power, p, cpus[p], channels, max, context);
    }
    hush_end(&hush, said, sizeof said);
    set_parents(channels, power->count);
    *state = power;
    if (power->count)
        return power->count;
    if (!said[0])
        snprintf(said, sizeof said, "no domain can be read (power_init %d, HPMaddThread %d)", error,
                 refused);
    why_set(why, geteuid() == 0 ? "absent" : "denied", tried, fix, "likwid: %s", said);
    free(power);
    return -ENODEV;
}

static void likwid_read(void *state, int channel, struct energy_sample *sample)
{
    const struct power *power = state;
    const int64_t start = clock_ns();

    sample->error = read_domain(power, &power->sources[channel], &sample->raw);
    sample->spread_ns = clock_ns() - start;
    sample->time_ns = start + sample->spread_ns / 2;
}

const struct energy_route energy_likwid = {
    .name = "likwid",
    .what = "likwid's power API (model-specific registers); opened only for --meter likwid",
    .open = likwid_open,
    .read = likwid_read,
    .close = free, /* likwid stays initialised: markers may be using it */
};
