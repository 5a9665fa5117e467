/* SPDX-License-Identifier: MIT */
#include "harness/counters/sysfs_pmu.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/nearest.h"
#include "harness/sysfs.h"

enum { TERMS_MAX = 256, PATH_BYTES = 320 };

static int complain(char *why, size_t size, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int complain(char *why, size_t size, int error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(why, size, format, list);
    va_end(list);
    return error;
}

/* A name that is one file's, and none outside its directory. */
static bool one_file(const char *name)
{
    return name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) < 64;
}

static bool exists(const char *sysroot, const char *pmu, const char *file)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s" SYSFS_PMU_DEVICES "/%s/%s", sysroot, pmu, file);

    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

static DIR *open_dir(const char *sysroot, const char *below)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s" SYSFS_PMU_DEVICES "/%s", sysroot, below);

    return n > 0 && (size_t)n < sizeof path ? opendir(path) : NULL;
}

/* What counts the instructions of a core has a list of its cores, or the old name. */
bool sysfs_pmu_core(const char *sysroot, char *name, size_t size)
{
    DIR *dir = open_dir(sysroot, "");
    struct dirent *entry;
    bool found = false;

    while (dir && !found && (entry = readdir(dir)) != NULL) {
        if (!one_file(entry->d_name))
            continue;
        found = strcmp(entry->d_name, "cpu") == 0 || strncmp(entry->d_name, "armv", 4) == 0 ||
                exists(sysroot, entry->d_name, "cpus");
        if (found && name)
            snprintf(name, size, "%s", entry->d_name);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* "0,18" or "0-3,8": 0, or -EBADMSG. */
static int parse_cpus(const char *text, struct sysfs_pmu *pmu)
{
    pmu->cpu_count = 0;
    while (*text) {
        char *end;
        long first = strtol(text, &end, 10), last = first;

        if (!isdigit((unsigned char)*text))
            return -EBADMSG;
        if (*end == '-' && isdigit((unsigned char)end[1]))
            last = strtol(end + 1, &end, 10);
        if ((*end && *end != ',') || last < first || last > 1 << 20)
            return -EBADMSG;
        for (long cpu = first; cpu <= last; cpu++) {
            if (pmu->cpu_count == SYSFS_PMU_CPUS_MAX)
                return -E2BIG;
            pmu->cpus[pmu->cpu_count++] = (int)cpu;
        }
        text = end + (*end == ',');
    }
    return 0;
}

int sysfs_pmu_read(const char *sysroot, const char *name, struct sysfs_pmu *pmu)
{
    char path[PATH_BYTES], text[1024];
    int64_t type;
    int error;

    *pmu = (struct sysfs_pmu){ .type = 0 };
    if (!one_file(name))
        return -ENOENT;
    snprintf(pmu->name, sizeof pmu->name, "%s", name);
    snprintf(path, sizeof path, SYSFS_PMU_DEVICES "/%s/type", name);
    error = sysfs_int64(sysroot, path, &type);
    if (error)
        return error;
    if (type < 0 || type > UINT32_MAX)
        return -EBADMSG;
    pmu->type = (uint32_t)type;
    snprintf(path, sizeof path, SYSFS_PMU_DEVICES "/%s/cpumask", name);
    error = sysfs_text(sysroot, path, text, sizeof text);
    if (error == -ENOENT)
        return 0;
    return error ? error : parse_cpus(text, pmu);
}

/* "<name>_" and a number? */
static bool is_box(const char *entry, const char *name)
{
    const size_t length = strlen(name);
    const char *digits = entry + length + 1;

    return strncmp(entry, name, length) == 0 && entry[length] == '_' && *digits &&
           !digits[strspn(digits, "0123456789")];
}

static int by_length_then_name(const void *a, const void *b)
{
    const struct sysfs_pmu *one = a, *other = b;
    const size_t m = strlen(one->name), n = strlen(other->name);

    return m != n ? (m > n) - (m < n) : strcmp(one->name, other->name);
}

int sysfs_pmu_boxes(const char *sysroot, const char *name, struct sysfs_pmu *boxes, int max)
{
    int count = 0, error = sysfs_pmu_read(sysroot, name, &boxes[0]);
    struct dirent *entry;
    DIR *dir;

    if (error != -ENOENT)
        return error ? error : 1;
    dir = open_dir(sysroot, "");
    if (!dir)
        return -errno;
    error = 0;
    while (!error && (entry = readdir(dir)) != NULL) {
        if (!is_box(entry->d_name, name))
            continue;
        error = count == max ? -E2BIG : sysfs_pmu_read(sysroot, entry->d_name, &boxes[count]);
        count++;
    }
    closedir(dir);
    if (error)
        return error;
    qsort(boxes, (size_t)count, sizeof *boxes, by_length_then_name);
    return count ? count : -ENOENT;
}

/* ---- terms ---- */

/* Spreads value over the bits of format, "config1:0-7,32-35", the lowest first. */
static int put(const char *format, uint64_t value, struct sysfs_pmu_event *event)
{
    uint64_t *word = NULL;
    const char *at = strchr(format, ':');
    size_t length = at ? (size_t)(at - format) : 0;

    if (length == 6 && memcmp(format, "config", 6) == 0)
        word = &event->config;
    else if (length == 7 && memcmp(format, "config1", 7) == 0)
        word = &event->config1;
    else if (length == 7 && memcmp(format, "config2", 7) == 0)
        word = &event->config2;
    else
        return -EBADMSG;
    while (*at) {
        char *end;
        unsigned long first, last;

        if (!isdigit((unsigned char)at[1]))
            return -EBADMSG;
        first = last = strtoul(at + 1, &end, 10);
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if ((*end && *end != ',') || last < first || last > 63)
            return -EBADMSG;
        for (; first <= last; first++, value >>= 1)
            *word = (*word & ~(UINT64_C(1) << first)) | (value & 1) << first;
        at = end;
    }
    return value ? -ERANGE : 0;
}

static int number(const char *text, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 0);
    return isdigit((unsigned char)*text) && !*end && !errno ? 0 : -EBADMSG;
}

/* A field of format/, or one of the three words as a whole. */
static int put_field(const char *sysroot, const char *pmu, const char *name, uint64_t value,
                     struct sysfs_pmu_event *event)
{
    char path[PATH_BYTES], format[128], whole[24];
    int error;

    if (!one_file(name))
        return -ENOENT;
    snprintf(path, sizeof path, SYSFS_PMU_DEVICES "/%s/format/%s", pmu, name);
    error = sysfs_text(sysroot, path, format, sizeof format);
    if (error != -ENOENT)
        return error ? error : put(format, value, event);
    if (strcmp(name, "config") != 0 && strcmp(name, "config1") != 0 && strcmp(name, "config2") != 0)
        return -ENOENT;
    snprintf(whole, sizeof whole, "%s:0-63", name);
    return put(whole, value, event);
}

static int read_scale(const char *sysroot, const char *pmu, const char *name,
                      struct sysfs_pmu_event *event)
{
    char path[PATH_BYTES], text[64], *end;
    int error;

    snprintf(path, sizeof path, SYSFS_PMU_DEVICES "/%s/events/%s.unit", pmu, name);
    error = sysfs_text(sysroot, path, event->unit, sizeof event->unit);
    if (error == -ENOENT)
        snprintf(event->unit, sizeof event->unit, "count");
    else if (error)
        return error;
    snprintf(path, sizeof path, SYSFS_PMU_DEVICES "/%s/events/%s.scale", pmu, name);
    error = sysfs_text(sysroot, path, text, sizeof text);
    if (error)
        return error == -ENOENT ? 0 : error;
    event->scale = strtod(text, &end);
    return isdigit((unsigned char)text[0]) && !*end && event->scale > 0 ? 0 : -EBADMSG;
}

static int encode(const char *sysroot, const char *pmu, char *terms, bool aliases,
                  struct sysfs_pmu_event *event, char *why, size_t size);

/* An event of events/: its own terms, and what a count of it is. -ENOENT: there is none. */
static int put_event(const char *sysroot, const char *pmu, const char *name,
                     struct sysfs_pmu_event *event, char *why, size_t size)
{
    char path[PATH_BYTES], terms[TERMS_MAX];
    int error;

    if (!one_file(name))
        return -ENOENT;
    snprintf(path, sizeof path, SYSFS_PMU_DEVICES "/%s/events/%s", pmu, name);
    error = sysfs_text(sysroot, path, terms, sizeof terms);
    if (error)
        return error;
    error = encode(sysroot, pmu, terms, false, event, why, size);
    if (error)
        return error == -ENOENT ? -EBADMSG : error;
    error = read_scale(sysroot, pmu, name, event);
    return error ? complain(why, size, error, "%s.scale or .unit: %s", path, strerror(-error)) : 0;
}

static int put_term(const char *sysroot, const char *pmu, char *term, bool aliases,
                    struct sysfs_pmu_event *event, char *why, size_t size)
{
    char *equals = strchr(term, '=');
    uint64_t value = 1;
    int error = -ENOENT;

    why[0] = '\0';
    if (equals) {
        *equals = '\0';
        if (number(equals + 1, &value))
            return complain(why, size, -EBADMSG, "%s: '%s' of %s is no number", pmu, equals + 1,
                            term);
    } else if (aliases) {
        error = put_event(sysroot, pmu, term, event, why, size);
    }
    if (error == -ENOENT)
        error = put_field(sysroot, pmu, term, value, event);
    if (!error || why[0])
        return error;
    if (error == -ENOENT)
        return complain(why, size, error, "%s has no event and no field '%s'", pmu, term);
    if (error == -ERANGE)
        return complain(why, size, error, "%s: 0x%llx does not fit the field %s", pmu,
                        (unsigned long long)value, term);
    return complain(why, size, error, SYSFS_PMU_DEVICES "/%s: '%s': %s", pmu, term,
                    strerror(-error));
}

static int encode(const char *sysroot, const char *pmu, char *terms, bool aliases,
                  struct sysfs_pmu_event *event, char *why, size_t size)
{
    char *rest = terms, *term;
    int error = *terms ? 0 : complain(why, size, -EBADMSG, "%s: no event is named", pmu);

    while (!error && (term = strsep(&rest, ",")) != NULL)
        error = put_term(sysroot, pmu, term, aliases, event, why, size);
    return error;
}

int sysfs_pmu_encode(const char *sysroot, const char *pmu, const char *terms,
                     struct sysfs_pmu_event *event, char *why, size_t size)
{
    char copy[TERMS_MAX];

    *event = (struct sysfs_pmu_event){ .scale = 1, .unit = "count" };
    if (!one_file(pmu) || !exists(sysroot, pmu, "type"))
        return complain(why, size, -ENOENT, "no PMU '%s' in " SYSFS_PMU_DEVICES, pmu);
    if (strlen(terms) >= sizeof copy)
        return complain(why, size, -EBADMSG, "%s: too long", pmu);
    strcpy(copy, terms);
    return encode(sysroot, pmu, copy, true, event, why, size);
}

bool sysfs_pmu_nearest(const char *sysroot, const char *pmu, const char *word, char *name,
                       size_t size)
{
    struct nearest nearest = nearest_begin(word);
    char below[80];
    struct dirent *entry;
    DIR *dir;

    snprintf(below, sizeof below, "%.63s/events", pmu);
    dir = open_dir(sysroot, below);
    while (dir && (entry = readdir(dir)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');

        if (entry->d_name[0] != '.' &&
            (!dot || (strcmp(dot, ".scale") != 0 && strcmp(dot, ".unit") != 0)))
            nearest_offer(&nearest, entry->d_name);
    }
    if (dir)
        closedir(dir);
    snprintf(name, size, "%s", nearest.name);
    return nearest.name[0] != '\0';
}
