/* SPDX-License-Identifier: MIT */
#include "harness/host.h"

#include <errno.h>
#include <hwloc.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/sysfs.h"

#define CPUINFO "/proc/cpuinfo"
#define CPU0    "/sys/devices/system/cpu/cpu0"

static struct fact *add(struct host *host, const char *name)
{
    struct fact *fact = &host->facts[host->count];

    /* host_read knows how many there are; one more would be lost, not written out of bounds. */
    if (host->count < HOST_FACTS_MAX - 1)
        host->count++;
    fact->name = name;
    fact->value[0] = fact->reason[0] = '\0';
    return fact;
}

static void add_absent(struct host *host, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_absent(struct host *host, const char *name, const char *format, ...)
{
    struct fact *fact = add(host, name);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(fact->reason, sizeof fact->reason, format, arguments);
    va_end(arguments);
}

static void add_text(struct host *host, const char *name, const char *value)
{
    struct fact *fact = add(host, name);

    snprintf(fact->value, sizeof fact->value, "%s", value);
}

static void add_number(struct host *host, const char *name, int64_t value)
{
    struct fact *fact = add(host, name);

    snprintf(fact->value, sizeof fact->value, "%" PRId64, value);
}

/* ---- facts of files ---- */

/* error: of sysfs_*; 0 with an empty text is absent too. */
static void add_read(struct host *host, const char *name, const char *path, const char *text,
                     int error)
{
    if (!error && text[0])
        add_text(host, name, text);
    else
        add_absent(host, name, "%s: %s", path, error ? strerror(-error) : "empty");
}

static void add_file(struct host *host, const char *name, const char *sysroot, const char *path)
{
    char text[sizeof host->facts[0].value];
    int error = sysfs_text(sysroot, path, text, sizeof text);

    add_read(host, name, path, text, error);
}

/* What CPUID said, else what /proc/cpuinfo calls key: no CPUID on Arm, nor of a captured tree. */
static void add_cpu_text(struct host *host, const char *name, const char *cpuid,
                         const char *sysroot, const char *key)
{
    char text[sizeof host->facts[0].value];
    int error;

    if (cpuid && cpuid[0]) {
        add_text(host, name, cpuid);
        return;
    }
    error = sysfs_field_text(sysroot, CPUINFO, key, text, sizeof text);
    if (error == -ENOENT)
        add_absent(host, name, CPUINFO " has no \"%s\"", key);
    else
        add_read(host, name, CPUINFO, text, error);
}

static void add_cpu(struct host *host, const struct host_cpu *cpu, const char *sysroot)
{
    static const struct host_cpu unknown = { .name = NULL };
    char family[16] = "", model[16] = "", stepping[16] = "", type[64];

    if (!cpu)
        cpu = &unknown;
    if (cpu->vendor && cpu->vendor[0]) { /* 0 is a stepping, too, where there is CPUID */
        snprintf(family, sizeof family, "%d", cpu->family);
        snprintf(model, sizeof model, "%d", cpu->model);
        snprintf(stepping, sizeof stepping, "%d", cpu->stepping);
    }
    add_cpu_text(host, "cpu", cpu->name, sysroot, "model name");
    add_cpu_text(host, "vendor", cpu->vendor, sysroot, "vendor_id");
    add_cpu_text(host, "family", family, sysroot, "cpu family");
    add_cpu_text(host, "model", model, sysroot, "model");
    add_cpu_text(host, "stepping", stepping, sysroot, "stepping");
    if (cpu->hypervisor && cpu->hypervisor[0])
        add_text(host, "hypervisor", cpu->hypervisor);
    else if (sysfs_text(sysroot, "/sys/hypervisor/type", type, sizeof type) == 0 && type[0])
        add_text(host, "hypervisor", type);
    else
        add_absent(host, "hypervisor", "no signature in CPUID, no /sys/hypervisor/type");
    if (cpu->features && cpu->features[0])
        add_text(host, "isa", cpu->features);
    else
        add_absent(host, "isa", "no instruction set extension that a kernel here uses");
}

static void add_os(struct host *host, const char *sysroot)
{
    static const char *const releases[] = { "/etc/os-release", "/usr/lib/os-release" };
    char text[sizeof host->facts[0].value];
    int error = -ENOENT;

    add_file(host, "kernel", sysroot, "/proc/sys/kernel/osrelease");
    for (int i = 0; i < 2 && error; i++)
        error = sysfs_field_text(sysroot, releases[i], "PRETTY_NAME", text, sizeof text);
    add_read(host, "os", releases[0], text, error);
}

/* "always [madvise] never": the word in brackets is in force. */
static void add_thp(struct host *host, const char *sysroot)
{
    static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
    char text[128], *open, *close;
    int error = sysfs_text(sysroot, path, text, sizeof text);

    open = error ? NULL : strchr(text, '[');
    close = open ? strchr(open, ']') : NULL;
    if (close) {
        *close = '\0';
        add_text(host, "thp", open + 1);
    } else {
        add_absent(host, "thp", "%s: %s", path, error ? strerror(-error) : "no word in brackets");
    }
}

static void add_smt(struct host *host, const char *sysroot)
{
    static const char path[] = "/sys/devices/system/cpu/smt/active";
    int64_t active;
    int error = sysfs_int64(sysroot, path, &active);

    if (error)
        add_absent(host, "smt", "%s: %s", path, strerror(-error));
    else
        add_text(host, "smt", active ? "on" : "off");
}

static void add_microcode(struct host *host, const char *sysroot)
{
    char text[sizeof host->facts[0].value];

    if (sysfs_text(sysroot, CPU0 "/microcode/version", text, sizeof text) == 0 && text[0])
        add_text(host, "microcode", text);
    else
        add_cpu_text(host, "microcode", NULL, sysroot, "microcode");
}

static void add_memory(struct host *host, const char *sysroot)
{
    int64_t kib;
    int error = sysfs_field(sysroot, "/proc/meminfo", "MemTotal", &kib);

    if (error) {
        add_absent(host, "memory_bytes", "/proc/meminfo: MemTotal: %s", strerror(-error));
        return;
    }
    host->memory_bytes = kib * 1024;
    add_number(host, "memory_bytes", host->memory_bytes);
}

/* ---- facts of hwloc ---- */

static int load(hwloc_topology_t *topology)
{
    if (hwloc_topology_init(topology))
        return -errno;
    /* The whole machine, not the part that this process may use: it identifies the machine. */
    if (hwloc_topology_set_flags(*topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) == 0 &&
        hwloc_topology_load(*topology) == 0)
        return 0;
    hwloc_topology_destroy(*topology);
    return errno ? -errno : -EIO;
}

/* hwloc takes another root only from the environment; what the caller had there comes back. */
static int load_below(hwloc_topology_t *topology, const char *sysroot)
{
    static const char *const names[] = { "HWLOC_FSROOT", "HWLOC_COMPONENTS", "HWLOC_HIDE_ERRORS" };
    /* Not this machine's CPUID; errors become reasons, not lines on stderr. */
    const char *const values[] = { sysroot, "linux,stop", "2" };
    enum { NAMES = sizeof names / sizeof names[0] };
    char *kept[NAMES];
    int error;

    for (int i = 0; i < NAMES; i++) {
        const char *before = getenv(names[i]);

        kept[i] = before ? strdup(before) : NULL;
        setenv(names[i], values[i], 1);
    }
    error = load(topology);
    for (int i = 0; i < NAMES; i++) {
        if (kept[i])
            setenv(names[i], kept[i], 1);
        else
            unsetenv(names[i]);
        free(kept[i]);
    }
    return error;
}

static void add_count(struct host *host, const char *name, hwloc_topology_t topology,
                      hwloc_obj_type_t type)
{
    int count = hwloc_get_nbobjs_by_type(topology, type);

    if (count > 0)
        add_number(host, name, count);
    else
        add_absent(host, name, "hwloc found no %s", hwloc_obj_type_string(type));
}

/* The first one's size; host->llc_bytes becomes that of the last level which is known. */
static void add_cache(struct host *host, const char *name, hwloc_topology_t topology,
                      hwloc_obj_type_t type)
{
    hwloc_obj_t cache = hwloc_get_obj_by_type(topology, type, 0);

    if (cache && cache->attr->cache.size > 0) {
        add_number(host, name, (int64_t)cache->attr->cache.size);
        host->llc_bytes = (int64_t)cache->attr->cache.size;
    } else {
        add_absent(host, name, "hwloc found no %s", hwloc_obj_type_string(type));
    }
}

static const struct {
    const char *name;
    hwloc_obj_type_t type;
    bool cache;
} counted[] = {
    { "cores", HWLOC_OBJ_CORE, false },       { "threads", HWLOC_OBJ_PU, false },
    { "packages", HWLOC_OBJ_PACKAGE, false }, { "numa_nodes", HWLOC_OBJ_NUMANODE, false },
    { "l1d_bytes", HWLOC_OBJ_L1CACHE, true }, { "l2_bytes", HWLOC_OBJ_L2CACHE, true },
    { "l3_bytes", HWLOC_OBJ_L3CACHE, true },  { "l4_bytes", HWLOC_OBJ_L4CACHE, true },
};
enum { COUNTED = sizeof counted / sizeof counted[0] };

static void add_topology(struct host *host, const char *sysroot)
{
    hwloc_topology_t topology;
    int error = sysroot[0] ? load_below(&topology, sysroot) : load(&topology);

    for (int i = 0; i < COUNTED; i++) {
        if (error)
            add_absent(host, counted[i].name, "hwloc: %s", strerror(-error));
        else if (counted[i].cache)
            add_cache(host, counted[i].name, topology, counted[i].type);
        else
            add_count(host, counted[i].name, topology, counted[i].type);
    }
    if (!error)
        hwloc_topology_destroy(topology);
}

/* ---- the key ---- */

static uint64_t fnv1a(uint64_t hash, const char *text)
{
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    return (hash ^ '\n') * 0x100000001b3u; /* "a", "bc" is not "ab", "c" */
}

/* MemTotal is what the kernel leaves, which changes with the kernel: rounded up to an eighth of its
 * power of two it is what is installed. */
static int64_t installed_memory(int64_t bytes)
{
    int64_t step = 1;

    while (step <= bytes / 16)
        step *= 2;
    return (bytes + step - 1) / step * step;
}

static void set_key(struct host *host)
{
    static const char *const identity[] = { "cpu",      "vendor",     "family",    "model",
                                            "stepping", "hypervisor", "cores",     "threads",
                                            "packages", "numa_nodes", "l1d_bytes", "l2_bytes",
                                            "l3_bytes" };
    uint64_t hash = 0xcbf29ce484222325u;
    char memory[24];

    for (size_t i = 0; i < sizeof identity / sizeof identity[0]; i++)
        hash = fnv1a(hash, host_fact(host, identity[i]));
    snprintf(memory, sizeof memory, "%" PRId64, installed_memory(host->memory_bytes));
    hash = fnv1a(hash, memory);
    snprintf(host->key, sizeof host->key, "%016" PRIx64, hash);
}

void host_read(struct host *host, const struct host_cpu *cpu, const char *sysroot)
{
    memset(host, 0, sizeof *host);
    add_cpu(host, cpu, sysroot);
    add_topology(host, sysroot);
    add_memory(host, sysroot);
    add_os(host, sysroot);
    add_thp(host, sysroot);
    add_file(host, "governor", sysroot, CPU0 "/cpufreq/scaling_governor");
    add_smt(host, sysroot);
    add_microcode(host, sysroot);
    set_key(host);
}

const char *host_fact(const struct host *host, const char *name)
{
    for (int i = 0; i < host->count; i++)
        if (strcmp(host->facts[i].name, name) == 0)
            return host->facts[i].value;
    return "";
}
