/* SPDX-License-Identifier: MIT */
#include "harness/counters/events.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/counters/pfm.h"
#include "harness/counters/sysfs_pmu.h"
#include "harness/nearest.h"

#define CACHE(cache, operation, result)                                                            \
    (PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_##operation << 8 |                       \
     PERF_COUNT_HW_CACHE_RESULT_##result << 16)

static const struct {
    const char *name;
    uint32_t type;
    uint64_t config;
} generic[] = {
    { "cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
    { "instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
    { "cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES },
    { "cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
    { "branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS },
    { "branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES },
    { "bus-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES },
    { "stalled-cycles-frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND },
    { "stalled-cycles-backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND },
    { "ref-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES },
    { "L1-dcache-loads", PERF_TYPE_HW_CACHE, CACHE(L1D, READ, ACCESS) },
    { "L1-dcache-load-misses", PERF_TYPE_HW_CACHE, CACHE(L1D, READ, MISS) },
    { "LLC-loads", PERF_TYPE_HW_CACHE, CACHE(LL, READ, ACCESS) },
    { "LLC-load-misses", PERF_TYPE_HW_CACHE, CACHE(LL, READ, MISS) },
    { "dTLB-loads", PERF_TYPE_HW_CACHE, CACHE(DTLB, READ, ACCESS) },
    { "dTLB-load-misses", PERF_TYPE_HW_CACHE, CACHE(DTLB, READ, MISS) },
    { "cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK },
    { "task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK },
    { "page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS },
    { "minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN },
    { "major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ },
    { "context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES },
    { "cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS },
    { "alignment-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS },
};
enum { LINE_BYTES = 64, GENERIC = sizeof generic / sizeof generic[0] };

int events_next(const char **list, char *name)
{
    const char *at = *list;
    bool inside = false;
    size_t length;

    if (!*at)
        return 0;
    while (*at && (inside || *at != ','))
        inside ^= *at++ == '/';
    length = (size_t)(at - *list);
    if (!length || length >= EVENTS_NAME_MAX || (*at == ',' && !at[1])) {
        snprintf(name, EVENTS_NAME_MAX, "%.*s", (int)length, *list);
        return -EINVAL;
    }
    memcpy(name, *list, length);
    name[length] = '\0';
    *list = at + (*at == ',');
    return 1;
}

const char *events_papi(const char *name)
{
    if (strncmp(name, "papi:", 5) == 0)
        return name + 5;
    return strncmp(name, "PAPI_", 5) == 0 ? name : NULL;
}

static const char *unit_of(uint32_t type, uint64_t config)
{
    return type == PERF_TYPE_SOFTWARE &&
                   (config == PERF_COUNT_SW_CPU_CLOCK || config == PERF_COUNT_SW_TASK_CLOCK)
               ? "ns"
               : "count";
}

static struct perf_event named(const char *name, uint32_t type, uint64_t config, uint64_t config1)
{
    struct perf_event event = {
        .scale = 1, .group = -1, .type = type, .config = config, .config1 = config1
    };

    snprintf(event.name, sizeof event.name, "%s", name);
    snprintf(event.unit, sizeof event.unit, "%s", unit_of(type, config));
    return event;
}

/* A row of a set, under the name that was asked for. */
static struct perf_event of_row(const char *name, const struct sets_event *row)
{
    struct perf_event event = named(name, row->type, row->config, row->config1);

    if (strcmp(row->channel, "dram_bytes") == 0) {
        event.scale = LINE_BYTES;
        snprintf(event.unit, sizeof event.unit, "B");
    }
    return event;
}

void events_of_set(const struct sets_set *set, int i, struct perf_event *event)
{
    *event = of_row(set->events[i].channel, &set->events[i]);
    event->group = set->events[i].group;
}

/* ---- one syntax after the other: 0, -ENOENT when the name is none of it, or as events_parse ----
 */

/* "raw:CONFIG" or "raw:CONFIG:CONFIG1" */
static int parse_raw(const char *name, struct perf_event *event, struct why *why)
{
    char *end;
    uint64_t config, config1 = 0;

    if (strncmp(name, "raw:", 4) != 0)
        return -ENOENT;
    errno = 0;
    config = strtoull(name + 4, &end, 0);
    if (*end == ':' && end != name + 4 && isdigit((unsigned char)end[1]))
        config1 = strtoull(end + 1, &end, 0);
    if (!isdigit((unsigned char)name[4]) || *end || errno) {
        why_set(why, "broken", name, NULL, "%s: not raw:NUMBER or raw:NUMBER:NUMBER", name);
        return -EINVAL;
    }
    *event = named(name, PERF_TYPE_RAW, config, config1);
    return 0;
}

static void suggest(const char *sysroot, const char *pmu, const char *terms, char *said,
                    size_t size)
{
    char near[64];
    const size_t used = strlen(said);

    if (sysfs_pmu_nearest(sysroot, pmu, terms, near, sizeof near) && used < size)
        snprintf(said + used, size - used, "; did you mean %s/%s/?", pmu, near);
}

/* Every box of the PMU on every CPU of its mask. */
static int add_boxes(const struct sysfs_pmu *pmu, int count, struct perf_event *event)
{
    for (int i = 0; i < count; i++)
        for (int c = 0; c < pmu[i].cpu_count; c++) {
            if (event->boxes == PERF_BOXES_MAX)
                return -E2BIG;
            event->box[event->boxes++] = (struct perf_box){ pmu[i].type, pmu[i].cpus[c] };
        }
    return 0;
}

/* "pmu/terms/", with :u or :k behind it, or both letters before the last slash left out. */
static int parse_sysfs(const char *name, const char *sysroot, struct perf_event *event,
                       struct why *why)
{
    static struct sysfs_pmu boxes[SYSFS_PMU_BOXES_MAX];
    struct sysfs_pmu_event encoded;
    char pmu[EVENTS_NAME_MAX], terms[EVENTS_NAME_MAX], said[200];
    const char *slash = strchr(name, '/'), *last = strrchr(name, '/');
    int error, count;

    if (!slash)
        return -ENOENT;
    if (slash == name || slash == last || last[1]) {
        why_set(why, "broken", name, NULL, "%s: not PMU/EVENT/", name);
        return -EINVAL;
    }
    snprintf(pmu, sizeof pmu, "%.*s", (int)(slash - name), name);
    snprintf(terms, sizeof terms, "%.*s", (int)(last - slash - 1), slash + 1);
    count = sysfs_pmu_boxes(sysroot, pmu, boxes, SYSFS_PMU_BOXES_MAX);
    if (count < 0) {
        why_set(why, why_status(count), name, NULL, "%s: no PMU '%s' in %s (%s)", name, pmu,
                SYSFS_PMU_DEVICES, strerror(-count));
        return count == -EINVAL ? -EIO : count;
    }
    error = sysfs_pmu_encode(sysroot, boxes[0].name, terms, &encoded, said, sizeof said);
    if (error) {
        if (error == -ENOENT)
            suggest(sysroot, boxes[0].name, terms, said, sizeof said);
        why_set(why, "broken", name, NULL, "%s: %s", name, said);
        return -EINVAL;
    }
    *event = named(name, boxes[0].type, encoded.config, encoded.config1);
    event->config2 = encoded.config2;
    event->scale = encoded.scale;
    snprintf(event->unit, sizeof event->unit, "%s", encoded.unit);
    error = add_boxes(boxes, count, event);
    if (error)
        why_set(why, "broken", name, "name one box: pmu_0/event/",
                "%s: more than %d PMUs and CPUs to count on", name, PERF_BOXES_MAX);
    return error;
}

/* The kernel's generic names and the set's channels, with :u or :k. */
static int parse_plain(const char *name, const struct sets_set *set, struct perf_event *event)
{
    char plain[EVENTS_NAME_MAX];
    const size_t length = strcspn(name, ":");
    const char *mode = name + length;
    bool found = false;

    if (*mode && strcmp(mode, ":u") != 0 && strcmp(mode, ":k") != 0)
        return -ENOENT;
    snprintf(plain, sizeof plain, "%.*s", (int)length, name);
    for (int i = 0; i < GENERIC && !found; i++) {
        found = strcmp(plain, generic[i].name) == 0;
        if (found)
            *event = named(name, generic[i].type, generic[i].config, 0);
    }
    for (int i = 0; i < set->count && !found; i++) {
        found = strcmp(plain, set->events[i].channel) == 0;
        if (found)
            *event = of_row(name, &set->events[i]);
    }
    event->exclude_kernel = found && strcmp(mode, ":u") == 0;
    event->exclude_user = found && strcmp(mode, ":k") == 0;
    return found ? 0 : -ENOENT;
}

static void unknown(const char *name, const struct sets_set *set, struct why *why)
{
    struct nearest nearest = nearest_begin(name);
    char near[EVENTS_NAME_MAX];
    const size_t used = strlen(why->said);

    for (int i = 0; i < GENERIC; i++)
        nearest_offer(&nearest, generic[i].name);
    for (int i = 0; i < set->count; i++)
        nearest_offer(&nearest, set->events[i].channel);
    snprintf(near, sizeof near, "%s", nearest.name);
    if (near[0] || pfm_nearest(name, near, sizeof near))
        snprintf(why->said + used, sizeof why->said - used, "; did you mean %s?", near);
}

int events_parse(const char *name, const char *sysroot, const struct sets_set *set,
                 struct perf_event *event, struct why *why)
{
    int error;

    *event = named(name, 0, 0, 0); /* what cannot be had has its name at least */
    error = parse_raw(name, event, why);
    if (error == -ENOENT)
        error = parse_plain(name, set, event);
    if (error == -ENOENT && strchr(name, '/'))
        return parse_sysfs(name, sysroot, event, why);
    if (error != -ENOENT)
        return error;
    error = pfm_encode(name, event, why);
    if (error == -EINVAL)
        unknown(name, set, why);
    return error;
}
