/* SPDX-License-Identifier: MIT
 *
 * The kernel's PMU `power`, as sysfs describes it: type, events, scale, unit, and one CPU for each
 * package or die. Counts are 64 bits and the kernel folds the counter's wraps; a count that
 * decreases is therefore wrong, whatever it shows. Not by libpfm4: its list of models is older than
 * any kernel's. */
#include "harness/energy/routes.h"

#include <ctype.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "harness/sysfs.h"

#define PMU      "/sys/bus/event_source/devices/power"
#define PARANOID "/proc/sys/kernel/perf_event_paranoid"

static const char fix_denied[] =
    "sysctl kernel.perf_event_paranoid=0, or setcap cap_perfmon+ep on this program, or run as root";
static const char fix_masked[] =
    "a container's seccomp filter forbids perf_event_open: run outside, "
    "or with --cap-add PERFMON --security-opt seccomp=unconfined";
static const char fix_absent[] = "modprobe rapl (needs CONFIG_PERF_EVENTS_INTEL_RAPL and a CPU "
                                 "that it knows); a virtual machine has none";

enum { CPUS_MAX = 32 };

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

struct perf {
    int count;
    int fd[ENERGY_CHANNELS_MAX]; /* -1: not open */
};

/* What sysfs says of an event. */
struct event {
    uint64_t config;
    double scale; /* J a count */
};

/* "event=0x02" and nothing else: further terms would select something this program knows nothing
 * of. */
static int parse_event(const char *sysroot, const char *name, struct event *event)
{
    char path[160], text[64], *end;
    int error;

    snprintf(path, sizeof path, PMU "/events/%s", name);
    error = sysfs_text(sysroot, path, text, sizeof text);
    if (error)
        return error;
    if (strncmp(text, "event=", 6) != 0 || !isdigit((unsigned char)text[6]))
        return -EBADMSG;
    event->config = strtoull(text + 6, &end, 0);
    if (*end)
        return -EBADMSG;
    snprintf(path, sizeof path, PMU "/events/%s.unit", name);
    if (sysfs_text(sysroot, path, text, sizeof text) || strcmp(text, "Joules") != 0)
        return -EBADMSG;
    snprintf(path, sizeof path, PMU "/events/%s.scale", name);
    if (sysfs_text(sysroot, path, text, sizeof text) || !isdigit((unsigned char)text[0]))
        return -EBADMSG;
    event->scale = strtod(text, &end);
    return *end || !(event->scale > 0) ? -EBADMSG : 0;
}

/* "0,18-19": the number of CPUs, or -errno. */
static int parse_cpus(const char *sysroot, int *cpus)
{
    char text[256], *at = text;
    int count = 0, error = sysfs_text(sysroot, PMU "/cpumask", text, sizeof text);

    if (error)
        return error;
    while (*at) {
        long first, last;

        if (!isdigit((unsigned char)*at))
            return -EBADMSG;
        first = last = strtol(at, &at, 10);
        if (*at == '-')
            last = strtol(at + 1, &at, 10);
        if (last < first || last > 100000 || (*at && *at != ','))
            return -EBADMSG;
        at += *at == ',';
        for (long cpu = first; cpu <= last; cpu++) {
            if (count == CPUS_MAX)
                return -E2BIG;
            cpus[count++] = (int)cpu;
        }
    }
    return count > 0 ? count : -EBADMSG;
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

static int open_event(int64_t type, const struct event *event, int cpu)
{
    struct perf_event_attr attr = { .size = sizeof attr,
                                    .type = (uint32_t)type,
                                    .config = event->config };
    long fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

    return fd < 0 ? -errno : (int)fd;
}

static void explain(struct energy_channel *channel, int error)
{
    char paranoid[16] = "unknown";
    const char *status = error == -ENOSYS ? "masked" : why_status(error), *fix = NULL;

    sysfs_text("", PARANOID, paranoid, sizeof paranoid);
    /* The kernel's own refusal is EACCES; who may do everything meets EPERM only in a filter. */
    if (error == -EPERM && (geteuid() == 0 || atoi(paranoid) <= 0))
        status = "masked";
    if (strcmp(status, "denied") == 0)
        fix = fix_denied;
    if (strcmp(status, "masked") == 0)
        fix = fix_masked;
    why_set(&channel->why, status, channel->source, fix,
            "%s: perf_event_open: %s (perf_event_paranoid is %s)", channel->source,
            strerror(-error), paranoid);
}

/* What the walk over events and CPUs carries. */
struct walk {
    const struct meter_context *context;
    bool parse_only;
    int64_t type;
    int cpus[CPUS_MAX], cpu_count;
    struct perf *perf;
    struct energy_channel *channels;
    int max;
};

static int package_of(const struct walk *walk, const char *package)
{
    for (int c = 0; c < walk->perf->count; c++)
        if (walk->channels[c].role == ENERGY_PACKAGE && !strcmp(walk->channels[c].name, package))
            return c;
    return -1;
}

static void add_channel(struct walk *walk, const struct domain *domain, const struct event *event,
                        int cpu, int error)
{
    struct perf *perf = walk->perf;
    int *fd = &perf->fd[perf->count];
    struct energy_channel *channel = &walk->channels[perf->count];
    char package[48];

    name_package(walk->context->sysroot, walk->cpus, walk->cpu_count, cpu, package, sizeof package);
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
             walk->cpus[cpu]);
    *fd = -1;
    if (error)
        why_set(&channel->why, "broken", PMU "/events", NULL,
                PMU "/events/%s: not an event in Joules", domain->event);
    else if (walk->parse_only)
        why_set(&channel->why, "skipped", channel->source, NULL, "%s: not opened below a sysroot",
                channel->source);
    else if ((*fd = open_event(walk->type, event, walk->cpus[cpu])) < 0)
        explain(channel, *fd);
    perf->count++;
}

static int add_domain(struct walk *walk, const struct domain *domain)
{
    struct event event = { 0 };
    int error = parse_event(walk->context->sysroot, domain->event, &event);
    int cpus = domain->once ? 1 : walk->cpu_count;

    if (error == -ENOENT)
        return 0; /* this CPU has no such domain */
    if (walk->perf->count + cpus > walk->max)
        return -E2BIG;
    for (int i = 0; i < cpus; i++)
        add_channel(walk, domain, &event, i, error);
    return 0;
}

static void set_platform(struct energy_channel *channels, int count)
{
    for (int p = 0; p < count; p++)
        for (int c = 0; c < count && channels[p].role == ENERGY_PLATFORM; c++)
            if (channels[c].role == ENERGY_PACKAGE || channels[c].role == ENERGY_DRAM)
                channels[c].parent = p;
}

static void perf_close(void *state)
{
    struct perf *perf = state;

    for (int c = 0; c < perf->count; c++)
        if (perf->fd[c] >= 0)
            close(perf->fd[c]);
    free(perf);
}

static int open_power(void **state, const struct meter_context *context, bool parse_only,
                      struct energy_channel *channels, int max, struct why *why)
{
    struct walk walk = {
        .context = context, .parse_only = parse_only, .channels = channels, .max = max
    };
    const char *tried = PMU "/type";
    int error = sysfs_int64(context->sysroot, PMU "/type", &walk.type);

    if (!error) {
        tried = PMU "/cpumask";
        walk.cpu_count = parse_cpus(context->sysroot, walk.cpus);
        error = walk.cpu_count < 0 ? walk.cpu_count : 0;
    }
    walk.perf = error ? NULL : calloc(1, sizeof *walk.perf);
    if (!error && !walk.perf)
        return -ENOMEM;
    for (int d = 0; d < DOMAINS && !error; d++) {
        tried = PMU "/events";
        error = add_domain(&walk, &domains[d]);
    }
    if (!error && walk.perf->count == 0)
        error = -ENODEV;
    if (error) {
        why_set(why, why_status(error), tried, error == -ENOENT ? fix_absent : NULL, "%s: %s",
                tried, strerror(-error));
        if (walk.perf)
            perf_close(walk.perf);
        return error;
    }
    set_platform(channels, walk.perf->count);
    *state = walk.perf;
    return walk.perf->count;
}

static int perf_open(void **state, const struct meter_context *context,
                     struct energy_channel *channels, int max, struct why *why)
{
    return open_power(state, context, context->sysroot[0] != '\0', channels, max, why);
}

static int perf_open_any(void **state, const struct meter_context *context,
                         struct energy_channel *channels, int max, struct why *why)
{
    return open_power(state, context, false, channels, max, why);
}

static void perf_read(void *state, int channel, struct energy_sample *sample)
{
    const struct perf *perf = state;
    int64_t before = clock_ns(), after;
    ssize_t got = read(perf->fd[channel], &sample->raw, sizeof sample->raw);

    sample->error = got == (ssize_t)sizeof sample->raw ? 0 : got < 0 ? -errno : -EIO;
    after = clock_ns();
    sample->time_ns = before + (after - before) / 2;
    sample->spread_ns = after - before;
}

const struct energy_route energy_perf = {
    .name = "perf",
    .what = "the kernel's PMU `power` (perf_event_open)",
    .open = perf_open,
    .read = perf_read,
    .close = perf_close,
};

const struct energy_route energy_perf_any = {
    .name = "perf",
    .what = "the kernel's PMU `power`, below a root, too",
    .open = perf_open_any,
    .read = perf_read,
    .close = perf_close,
};
