/* SPDX-License-Identifier: MIT
 *
 * `doctor`: what can be measured here, and if not, why not and what mends it. */
#include "bench/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/doctor.h"
#include "bench/run.h"
#include "bench/table.h"
#include "harness/counters/counters.h"
#include "harness/meter.h"
#include "harness/sysfs.h"
#include "kernels/cpu.h"
#include "kernels/kernel.h"
#include "kernels/pages.h"

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

void doctor_why(struct doctor *d, const char *kind, const char *name, const struct why *why,
                const char *tried)
{
    doctor_row(d, kind, name, why->status, why->tried[0] ? why->tried : tried,
               why->fix[0] ? why->fix : NULL, "%s", why->said);
}

/* ---- meters, instruction sets, memory, clock ---- */

/* A meter that opens and reads nothing is absent, for the reason of its first channel. */
static void meter_row(struct doctor *d, const struct meter *meter)
{
    const struct meter *const list[] = { meter, NULL };
    struct reading readings[SAMPLE_READINGS_MAX];
    struct meter_set *set;
    int read = 0;
    const int error = meter_set_open(&set, list, d->context);

    if (error) {
        doctor_row(d, "meter", meter->name, "broken", meter->what, NULL, "%s", strerror(-error));
        return;
    }
    const struct why *why = meter_set_why(set, 0);
    const int channels = meter_set_channels(set);
    meter_set_measure(set, clock_ns);
    meter_set_start(set, "doctor");
    meter_set_stop(set, readings);
    for (int i = 0; i < channels; i++)
        read += readings[i].reason == NULL;
    if (strcmp(why->status, "ok") != 0)
        doctor_why(d, "meter", meter->name, why, meter->what);
    else if (channels && !read)
        doctor_row(d, "meter", meter->name, "absent", meter->what, NULL, "%s", readings[0].reason);
    else
        doctor_row(d, "meter", meter->name, "ok", meter->what, NULL,
                   "%d of %d channels read; %.1f us around a sample", read, channels,
                   1e-3 * (double)meter_set_cost_ns(set, 0));
    meter_set_close(set);
}

/* Counters have rows of their own. */
static void doctor_meters(struct doctor *d)
{
    for (int i = 0; meters[i]; i++)
        if (meters[i] != &meter_counters && meters[i] != &meter_papi)
            meter_row(d, meters[i]);
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
    struct machine machine;
    machine_cpu(&machine);
    const struct meter_context context = { .sysroot = config->sysroot,
                                           .virtual_machine =
                                               !*config->sysroot && *machine.hypervisor,
                                           .cpu = &machine.cpu,
                                           .events = config->events,
                                           .command = config->meter_command };
    struct outputs *outputs;
    char why[WHY_MAX];
    if (config->events && counters_check(config->events, &context, why, sizeof why))
        return run_refuse("doctor", "--events %s", why);
    int error = outputs_open(&outputs, config, why, sizeof why);
    if (error)
        return run_refuse("doctor", "%s", why);
    struct doctor d = { json_array(), config->sysroot, &context };
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
        run_refuse("doctor", "%s", why);
    free(notes);
    json_decref(d.rows);
    return error || close_error ? 1 : 0;
}
