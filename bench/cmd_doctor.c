/* SPDX-License-Identifier: MIT
 *
 * `doctor`: what can be measured here, and if not, why not and what mends it. */
#include "bench/command.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "bench/doctor.h"
#include "bench/machine.h"
#include "bench/table.h"
#include "harness/host.h"
#include "harness/meter.h"
#include "harness/sysfs.h"
#include "kernels/cpu.h"
#include "kernels/kernel.h"
#include "kernels/pages.h"
#include "kernels/threads.h"

enum { WHY_MAX = 300, SAID_MAX = 300 };

void doctor_row(struct doctor *d, const char *kind, const char *name, const char *status,
                const char *tried, const char *fix, const char *said, ...)
{
    char text[SAID_MAX];
    va_list list;
    va_start(list, said);
    vsnprintf(text, sizeof text, said, list);
    va_end(list);
    json_t *row = json_object();
    json_object_set_new(row, "kind", json_string(kind));
    json_object_set_new(row, "name", json_string(name));
    json_object_set_new(row, "status", json_string(status));
    json_object_set_new(row, "tried", json_string(tried));
    json_object_set_new(row, "said", json_string(text));
    json_object_set_new(row, "fix", fix ? json_string(fix) : json_null());
    json_array_append_new(d->rows, row);
}

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int doctor_entries(const struct doctor *d, const char *path, const char *prefix,
                   char (*names)[DOCTOR_NAME_MAX], int max)
{
    char whole[512];
    struct dirent **entries;
    int count = 0;
    snprintf(whole, sizeof whole, "%s%s", d->sysroot, path);
    int n = scandir(whole, &entries, is_name, versionsort);
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        if (strncmp(entries[i]->d_name, prefix, strlen(prefix)) == 0 && count < max)
            snprintf(names[count++], DOCTOR_NAME_MAX, "%.*s", DOCTOR_NAME_MAX - 1,
                     entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return count;
}

/* ---- meters, instruction sets, memory, clock, host ---- */

static void doctor_meters(struct doctor *d)
{
    const struct meter_context context = { .sysroot = d->sysroot,
                                           .virtual_machine = d->virtual_machine };
    for (int i = 0; meters[i]; i++) {
        struct why why = { .status = NULL };
        void *state;
        const bool opens = meters[i]->open(&state, &context, &why) == 0;
        const char *status = why.status ? why.status : opens ? "ok" : "absent";
        if (opens)
            meters[i]->close(state);
        doctor_row(d, "meter", meters[i]->name, status, meters[i]->what,
                   why.fix[0] ? why.fix : NULL, "%s", why.said[0] ? why.said : "opens");
    }
}

static void doctor_isas(struct doctor *d)
{
    unsigned cpu = cpu_detect();
    for (const struct cpu_feature *f = cpu_features; f->bit; f++)
        doctor_row(d, "isa", f->name, cpu & f->bit ? "ok" : "absent", f->what, NULL, "%s",
                   cpu & f->bit ? "in this CPU" : "not in this CPU");
    for (int i = 0; families[i]; i++) {
        for (const struct kernel *k = families[i]->kernels;; k++) {
            char name[64], lacking[80];
            snprintf(name, sizeof name, "%s/%s", families[i]->name, k->isa);
            machine_features(k->needs & ~cpu, lacking, sizeof lacking);
            if (*lacking)
                doctor_row(d, "isa", name, "absent", "kernel", NULL, "not in this CPU: %s",
                           lacking);
            else
                doctor_row(d, "isa", name, "ok", "kernel", NULL, "%s",
                           k == kernel_pick(families[i], cpu) ? "runs, and is the default"
                                                              : "runs");
            if (k->needs == 0)
                break;
        }
    }
}

static void reading(struct doctor *d, const char *name, const char *tried, struct reading r,
                    const char *fix)
{
    if (r.reason)
        doctor_row(d, "memory", name, "absent", tried, fix, "%s", r.reason);
    else
        doctor_row(d, "memory", name, "ok", tried, NULL, "%.1f MiB", r.value / (1 << 20));
}

/* Huge pages: asked for, written to, and then counted. */
static void huge_pages(struct doctor *d)
{
    static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
    static const char fix[] = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled";
    enum { BYTES = 16 << 20 };
    char mode[80];
    int error = sysfs_text(d->sysroot, path, mode, sizeof mode);
    if (error || strstr(mode, "[never]")) {
        doctor_row(d, "memory", "huge pages", error ? why_status(error) : "warn", path, fix, "%s",
                   error ? strerror(-error) : mode);
        return;
    }
    void *memory = *d->sysroot ? NULL : pages_alloc(BYTES);
    if (!memory) {
        doctor_row(d, "memory", "huge pages", "ok", path, NULL, "%s", mode);
        return;
    }
    double before = memory_read(d->sysroot).huge_bytes.value;
    memset(memory, 1, BYTES);
    struct reading after = memory_read(d->sysroot).huge_bytes;
    pages_free(memory, BYTES);
    if (after.reason)
        doctor_row(d, "memory", "huge pages", "ok", path, NULL, "%s; obtained: %s", mode,
                   after.reason);
    else
        doctor_row(d, "memory", "huge pages", after.value > before ? "ok" : "warn", path,
                   after.value > before ? NULL
                                        : "free or compact memory: echo 1 > "
                                          "/proc/sys/vm/compact_memory",
                   "%s; obtained %.0f of %d MiB", mode, (after.value - before) / (1 << 20),
                   BYTES >> 20);
}

static void doctor_memory(struct doctor *d)
{
    static const char clear_refs[] = "/proc/self/clear_refs";
    struct memory_state state = memory_read(d->sysroot);
    int error = *d->sysroot ? 0 : memory_reset_peak(d->sysroot);
    reading(d, "RssAnon", "/proc/self/status", state.rss_anon_bytes, NULL);
    reading(d, "VmHWM", "/proc/self/status", state.rss_peak_bytes, NULL);
    if (*d->sysroot)
        doctor_row(d, "memory", "VmHWM reset", "skipped", clear_refs, NULL,
                   "not tried below --sysroot");
    else if (error)
        doctor_row(d, "memory", "VmHWM reset", why_status(error), clear_refs,
                   "a kernel with CONFIG_PROC_PAGE_MONITOR; without it the peak is the process's",
                   "%s", strerror(-error));
    else
        doctor_row(d, "memory", "VmHWM reset", "ok", clear_refs, NULL,
                   "each cell has its own peak");
    reading(d, "available", "/proc/meminfo and the cgroup's limit", memory_available(d->sysroot),
            NULL);
    huge_pages(d);
}

static void doctor_clock(struct doctor *d)
{
    static const char path[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    char source[64];
    long long ns = (long long)clock_resolution_ns();
    doctor_row(d, "clock", "resolution", ns <= 1000 ? "ok" : "warn",
               "clock_gettime(CLOCK_MONOTONIC)", ns <= 1000 ? NULL : "see the row clocksource",
               "%lld ns between two different readings", ns);
    int error = sysfs_text(d->sysroot, path, source, sizeof source);
    if (error) {
        doctor_row(d, "clock", "clocksource", why_status(error), path, NULL, "%s",
                   strerror(-error));
        return;
    }
    bool slow = strcmp(source, "hpet") == 0 || strcmp(source, "acpi_pm") == 0 ||
                strcmp(source, "jiffies") == 0;
    doctor_row(d, "clock", "clocksource", slow ? "warn" : "ok", path,
               slow ? "the kernel distrusts the TSC: see dmesg, then boot with tsc=reliable" : NULL,
               "%s", source);
}

/* Conditions of the host that a file tells: what is quiet, and how to get there. */
static void doctor_conditions(struct doctor *d)
{
    static const struct {
        const char *name, *path, *quiet, *fix;
    } conditions[] = {
        { "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance",
          "cpupower frequency-set -g performance" },
        { "smt", "/sys/devices/system/cpu/smt/active", "0",
          "--threads phys keeps to one thread a core; or echo off > "
          "/sys/devices/system/cpu/smt/control" },
        { "nmi watchdog", "/proc/sys/kernel/nmi_watchdog", "0", "sysctl kernel.nmi_watchdog=0" },
        { "numa balancing", "/proc/sys/kernel/numa_balancing", "0",
          "sysctl kernel.numa_balancing=0" },
    };
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        char text[80];
        int error = sysfs_text(d->sysroot, conditions[i].path, text, sizeof text);
        bool quiet = !error && strcmp(text, conditions[i].quiet) == 0;
        doctor_row(d, "host", conditions[i].name,
                   error   ? why_status(error)
                   : quiet ? "ok"
                           : "warn",
                   conditions[i].path, error || quiet ? NULL : conditions[i].fix, "%s",
                   error ? strerror(-error) : text);
    }
}

/* Time that a hypervisor gave to others, of all time since boot. */
static void doctor_steal(struct doctor *d)
{
    static const char path[] = "/proc/stat";
    char line[256];
    unsigned long long ticks[8] = { 0 }, total = 0;
    int error = sysfs_field_text(d->sysroot, path, "cpu", line, sizeof line);
    int n = error ? 0
                  : sscanf(line, "%llu %llu %llu %llu %llu %llu %llu %llu", &ticks[0], &ticks[1],
                           &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]);
    for (int i = 0; i < n; i++)
        total += ticks[i];
    if (n < 8 || total == 0) {
        doctor_row(d, "host", "steal", error ? why_status(error) : "broken", path, NULL, "%s",
                   error ? strerror(-error) : "no line 'cpu' with eight numbers");
        return;
    }
    double share = (double)ticks[7] / (double)total;
    doctor_row(d, "host", "steal", share > 0.001 ? "warn" : "ok", path,
               share > 0.001 ? "other guests take time: a dedicated host, or more repetitions"
                             : NULL,
               "%.3f%% of all time since boot", 100 * share);
}

/* The CPU time that the cgroup of this process grants, v2 or v1. */
static void doctor_cpu_limit(struct doctor *d)
{
    char group[256], path[300], text[80];
    int64_t quota = -1, period = 0;
    int error = sysfs_field_text(d->sysroot, "/proc/self/cgroup", "0:", group, sizeof group);
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max",
             error ? "" : group + strspn(group, ":"));
    error = sysfs_text(d->sysroot, path, text, sizeof text);
    if (error) { /* v1, or v2 beside it without controllers */
        snprintf(path, sizeof path, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
        error = sysfs_int64(d->sysroot, path, &quota);
        if (!error)
            error = sysfs_int64(d->sysroot, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period);
    } else if (sscanf(text, "%" SCNd64 " %" SCNd64, &quota, &period) != 2) {
        quota = -1; /* "max 100000" */
    }
    if (error)
        doctor_row(d, "host", "cpu limit", "absent", path, NULL, "no limit found: %s",
                   strerror(-error));
    else if (quota < 0)
        doctor_row(d, "host", "cpu limit", "ok", path, NULL, "no limit");
    else
        doctor_row(d, "host", "cpu limit", "warn", path,
                   "raise the container's CPU limit: a throttled thread measures the throttle",
                   "%.2f CPUs", (double)quota / (double)(period > 0 ? period : 1));
}

/* Is there a row of this kind and name already? */
static bool has_row(const struct doctor *d, const char *kind, const char *name)
{
    size_t i;
    json_t *row;
    json_array_foreach(d->rows, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "kind")), kind) == 0 &&
            strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
            return true;
    }
    return false;
}

static void doctor_host(struct doctor *d)
{
    static struct host host; /* 20 KiB */
    struct machine machine;

    machine_cpu(&machine);
    host_read(&host, &machine.cpu, d->sysroot);
    doctor_conditions(d);
    doctor_steal(d);
    doctor_cpu_limit(d);
    doctor_row(d, "host", "threads", "ok", "hwloc, this process's CPU set", NULL,
               "may use %d hardware threads on %d cores", threads_units(), threads_cores());
    for (int i = 0; i < host.count; i++) {
        const struct fact *f = &host.facts[i];
        if (has_row(d, "host", f->name))
            continue; /* looked at above, with a remedy */
        doctor_row(d, "host", f->name, *f->value ? "ok" : "absent", "recorded with each run", NULL,
                   "%s", *f->value ? f->value : f->reason);
    }
}

/* What mends it, a line each, below the table: too wide for a column. The caller's to free. */
static char *fixes(const json_t *rows)
{
    char *text = NULL;
    size_t size, i;
    json_t *row;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fputs("What mends it:\n", stream);
    json_array_foreach(rows, i, row)
    {
        const char *fix = json_string_value(json_object_get(row, "fix"));
        if (fix)
            fprintf(stream, "\n- %s %s: %s", json_string_value(json_object_get(row, "kind")),
                    json_string_value(json_object_get(row, "name")), fix);
    }
    fclose(stream);
    return text;
}

int cmd_doctor(const struct config *config)
{
    static const struct column columns[] = {
        { "kind", "Kind", "%s" },   { "name", "Name", "%s" }, { "status", "Status", "%s" },
        { "tried", "Tried", "%s" }, { "said", "Said", "%s" }, { NULL, NULL, NULL },
    };
    struct doctor d = { json_array(), config->sysroot, false };
    struct outputs *outputs;
    char why[WHY_MAX];
    int error = outputs_open(&outputs, config, why, sizeof why);
    if (error) {
        fprintf(stderr, "tritbench doctor: %s\n", why);
        json_decref(d.rows);
        return 2;
    }
    d.virtual_machine = !*d.sysroot && *cpu_identify().hypervisor;
    doctor_energy(&d);
    doctor_counters(&d);
    doctor_library(&d);
    doctor_meters(&d);
    doctor_isas(&d);
    doctor_memory(&d);
    doctor_clock(&d);
    doctor_host(&d);

    char *notes = fixes(d.rows);
    error = outputs_rows(outputs, d.rows, columns, NULL, notes);
    int close_error = outputs_close(outputs, why, sizeof why);
    if (close_error)
        fprintf(stderr, "tritbench doctor: %s\n", why);
    free(notes);
    json_decref(d.rows);
    return error || close_error ? 1 : 0;
}
