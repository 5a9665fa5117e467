/* SPDX-License-Identifier: MIT
 *
 * The kernel's PMU `power`, as sysfs describes it: type, events, scale, unit, and one CPU for each
 * package or die. Counts are 64 bits and the kernel folds the counter's wraps; a count that
 * decreases is therefore wrong, whatever it shows. Not by libpfm4: its list of models is older than
 * any kernel's. */
#include "harness/energy/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/counters/perf.h"
#include "harness/counters/sysfs_pmu.h"
#include "harness/sysfs.h"

#define PMU SYSFS_PMU_DEVICES "/power"

static const char fix_absent[] = "modprobe rapl (needs CONFIG_PERF_EVENTS_INTEL_RAPL and a CPU "
                                 "that it knows); a virtual machine has none";

/* The events by their names; the codes behind them are sysfs's business. */
static const struct domain {
    const char *event, *name; /* name: below the package's, or alone */
    enum energy_role role;
    bool once; /* read on one CPU only: it is the whole machine's */
} domains[] = {
    { "energy-pkg", NULL, ENERGY_PACKAGE, false },
    { "energy-ram", "dram", ENERGY_DRAM, false },
    { "energy-cores", "core", ENERGY_PART, false },
    { "energy-gpu", "uncore", ENERGY_PART, false },
    { "energy-psys", "psys", ENERGY_PLATFORM, true },
};
enum { DOMAINS = sizeof domains / sizeof domains[0] };

struct power {
    int count;
    int fd[ENERGY_CHANNELS_MAX]; /* -1: not open */
};

/* "event=0x02" and nothing else: further terms would select something that this program knows
 * nothing of. In Joules, with a scale: a count of a whole joule is none that a CPU has. */
static int encode(const char *sysroot, const char *name, struct sysfs_pmu_event *event)
{
    char path[160], text[64], why[160];
    int error;

    snprintf(path, sizeof path, PMU "/events/%s", name);
    error = sysfs_text(sysroot, path, text, sizeof text);
    if (error)
        return error;
    if (strncmp(text, "event=", 6) != 0 || strchr(text, ','))
        return -EBADMSG;
    error = sysfs_pmu_encode(sysroot, "power", name, event, why, sizeof why);
    return error || strcmp(event->unit, "Joules") != 0 || event->scale >= 1 ? -EBADMSG : 0;
}

static int topology(const char *sysroot, int cpu, const char *what)
{
    char path[160];
    int64_t id;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, what);
    return sysfs_int64(sysroot, path, &id) || id < 0 || id > 1000 ? -1 : (int)id;
}

/* The names that powercap has: "package-0", and "package-0-die-1" where a package has more than one
 * CPU in the mask. */
static void name_package(const char *sysroot, const int *cpus, int count, int i, char *name,
                         size_t size)
{
    int package = topology(sysroot, cpus[i], "physical_package_id");
    int die = topology(sysroot, cpus[i], "die_id"), same = 0;

    for (int j = 0; j < count; j++)
        same += topology(sysroot, cpus[j], "physical_package_id") == package;
    if (package < 0)
        snprintf(name, size, "package-of-cpu-%d", cpus[i]);
    else if (same > 1)
        snprintf(name, size, "package-%d-die-%d", package, die < 0 ? i : die);
    else
        snprintf(name, size, "package-%d", package);
}

/* A descriptor; or -errno, and why says what mends it. */
static int open_event(const struct sysfs_pmu *pmu, const struct sysfs_pmu_event *event, int cpu,
                      const char *sysroot, struct energy_channel *channel)
{
    struct perf_event_attr attr = { .size = sizeof attr,
                                    .type = pmu->type,
                                    .config = event->config };
    struct perf_event tried = { .type = pmu->type, .boxes = 1 };
    const int fd = perf_linux.open(&attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

    if (fd >= 0)
        return fd;
    const int error = -errno;
    snprintf(tried.name, sizeof tried.name, "%.127s", channel->source);
    perf_explain(&channel->why, &tried, error, sysroot);
    return error;
}

/* What the walk over events and CPUs carries. */
struct walk {
    const struct meter_context *context;
    bool parse_only;
    struct sysfs_pmu pmu;
    struct power *power;
    struct energy_channel *channels;
    int max;
};

static int package_of(const struct walk *walk, const char *package)
{
    for (int c = 0; c < walk->power->count; c++)
        if (walk->channels[c].role == ENERGY_PACKAGE && !strcmp(walk->channels[c].name, package))
            return c;
    return -1;
}

static void add_channel(struct walk *walk, const struct domain *domain,
                        const struct sysfs_pmu_event *event, int cpu, int error)
{
    struct power *power = walk->power;
    int *fd = &power->fd[power->count];
    struct energy_channel *channel = &walk->channels[power->count];
    char package[48];

    name_package(walk->context->sysroot, walk->pmu.cpus, walk->pmu.cpu_count, cpu, package,
                 sizeof package);
    *channel = (struct energy_channel){ .role = domain->role,
                                        .parent = -1,
                                        .lsb = event->scale,
                                        .provenance = routes_provenance(walk->context),
                                        .why = { .status = "ok" } };
    if (domain->role == ENERGY_PART)
        channel->parent = package_of(walk, package);
    snprintf(channel->name, sizeof channel->name, "%s%s%s", domain->once ? "" : package,
             domain->name && !domain->once ? "/" : "", domain->name ? domain->name : "");
    snprintf(channel->source, sizeof channel->source, "power/%s/ on cpu %d", domain->event,
             walk->pmu.cpus[cpu]);
    *fd = -1;
    if (error)
        why_set(&channel->why, "broken", PMU "/events", NULL,
                PMU "/events/%s: not an event in Joules", domain->event);
    else if (walk->parse_only)
        why_set(&channel->why, "skipped", channel->source, NULL, "%s: not opened below a sysroot",
                channel->source);
    else
        *fd = open_event(&walk->pmu, event, walk->pmu.cpus[cpu], walk->context->sysroot, channel);
    power->count++;
}

static int add_domain(struct walk *walk, const struct domain *domain)
{
    struct sysfs_pmu_event event = { 0 };
    int error = encode(walk->context->sysroot, domain->event, &event);
    int cpus = domain->once ? 1 : walk->pmu.cpu_count;

    if (error == -ENOENT)
        return 0; /* this CPU has no such domain */
    if (walk->power->count + cpus > walk->max)
        return -E2BIG;
    for (int i = 0; i < cpus; i++)
        add_channel(walk, domain, &event, i, error);
    return 0;
}

static void power_pmu_close(void *state)
{
    struct power *power = state;

    for (int c = 0; c < power->count; c++)
        if (power->fd[c] >= 0)
            close(power->fd[c]);
    free(power);
}

static int open_power(void **state, const struct meter_context *context, bool parse_only,
                      struct energy_channel *channels, int max, struct why *why)
{
    struct walk walk = {
        .context = context, .parse_only = parse_only, .channels = channels, .max = max
    };
    const char *tried = PMU "/type";
    int error = sysfs_pmu_read(context->sysroot, "power", &walk.pmu);

    if (!error && !walk.pmu.cpu_count) {
        tried = PMU "/cpumask";
        error = -EBADMSG;
    }
    walk.power = error ? NULL : calloc(1, sizeof *walk.power);
    if (!error && !walk.power)
        return -ENOMEM;
    for (int d = 0; d < DOMAINS && !error; d++) {
        tried = PMU "/events";
        error = add_domain(&walk, &domains[d]);
    }
    if (!error && walk.power->count == 0)
        error = -ENODEV;
    if (error) {
        why_set(why, why_status(error), tried, error == -ENOENT ? fix_absent : NULL, "%s: %s",
                tried, strerror(-error));
        if (walk.power)
            power_pmu_close(walk.power);
        return error;
    }
    routes_platform(channels, walk.power->count);
    *state = walk.power;
    return walk.power->count;
}

static int power_pmu_open(void **state, const struct meter_context *context,
                          struct energy_channel *channels, int max, struct why *why)
{
    return open_power(state, context, context->sysroot[0] != '\0', channels, max, why);
}

static int power_pmu_open_any(void **state, const struct meter_context *context,
                              struct energy_channel *channels, int max, struct why *why)
{
    return open_power(state, context, false, channels, max, why);
}

static void power_pmu_read(void *state, int channel, struct energy_sample *sample)
{
    const struct power *power = state;
    int64_t before = clock_ns(), after;
    ssize_t got = read(power->fd[channel], &sample->raw, sizeof sample->raw);

    sample->error = got == (ssize_t)sizeof sample->raw ? 0 : got < 0 ? -errno : -EIO;
    after = clock_ns();
    sample->time_ns = before + (after - before) / 2;
    sample->spread_ns = after - before;
}

const struct energy_route energy_perf = {
    .name = "perf",
    .what = "the kernel's PMU `power` (perf_event_open)",
    .open = power_pmu_open,
    .read = power_pmu_read,
    .close = power_pmu_close,
};

const struct energy_route energy_perf_any = {
    .name = "perf",
    .what = "the kernel's PMU `power`, below a root, too",
    .open = power_pmu_open_any,
    .read = power_pmu_read,
    .close = power_pmu_close,
};
