/* SPDX-License-Identifier: MIT
 *
 * By hwloc and not by likwid's own cpustr_to_cpulist: that library in this process would add 14 MB
 * to the footprint that is measured, a list must mean the same whether likwid is installed or not,
 * and it lets pass what cannot be meant: of "0-9" on two CPUs it takes two, "N:9" wraps around,
 * "E:N:5" puts three threads on one CPU. All of that is refused here. Another difference: in a set
 * of CPUs that excludes some (taskset), plain numbers are still the OS's; likwid counts within it.
 * tests/unit_pin.c compares the two where likwid is installed. */
#include "kernels/pin.h"

#include <ctype.h>
#include <errno.h>
#include <hwloc.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNITS_MAX = 1024, DOMAINS_MAX = 256 };

/* Hardware threads of a domain that the caller may use. */
struct units {
    int count;
    int compact[UNITS_MAX];  /* (count): a core's threads together */
    int physical[UNITS_MAX]; /* (count): one a core first */
};

struct parser {
    const char *text, *at;
    hwloc_topology_t topology;
    hwloc_bitmap_t allowed;
    int *cpus; /* (max) */
    int count, max;
    char *why;
    size_t why_size;
    struct units units;
};

static int refuse(struct parser *p, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int refuse(struct parser *p, const char *at, const char *format, ...)
{
    int n =
        snprintf(p->why, p->why_size, "%.60s: character %d: ", p->text, (int)(at - p->text) + 1);
    va_list list;

    va_start(list, format);
    if (n >= 0 && (size_t)n < p->why_size)
        vsnprintf(p->why + n, p->why_size - (size_t)n, format, list);
    va_end(list);
    return -EINVAL;
}

static int add(struct parser *p, const char *at, int cpu)
{
    for (int i = 0; i < p->count; i++)
        if (p->cpus[i] == cpu)
            return refuse(p, at, "CPU %d a second time: a CPU runs one thread", cpu);
    if (p->count == p->max)
        return refuse(p, at, "more than %d CPUs", p->max);
    p->cpus[p->count++] = cpu;
    return 0;
}

static int number(struct parser *p, int *value)
{
    const char *start = p->at;
    long v = 0;

    for (; isdigit((unsigned char)*p->at); p->at++)
        v = v > 100000 ? v : v * 10 + (*p->at - '0');
    *value = (int)v;
    return p->at == start ? refuse(p, start, "expected a number") : 0;
}

static bool word(struct parser *p, const char *text)
{
    const size_t n = strlen(text);

    if (strncmp(p->at, text, n) != 0)
        return false;
    p->at += n;
    return true;
}

/* ---- domains ---- */

/* Objects of a kind of domain; where hwloc has none (dies of old CPUs, sockets and caches in some
 * containers), the one above it. */
static int objects_of(const struct parser *p, char kind, hwloc_obj_t *objects)
{
    static const hwloc_obj_type_t caches[] = { HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE,
                                               HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE,
                                               HWLOC_OBJ_L1CACHE };
    hwloc_obj_type_t type = kind == 'S'   ? HWLOC_OBJ_PACKAGE
                            : kind == 'D' ? HWLOC_OBJ_DIE
                            : kind == 'M' ? HWLOC_OBJ_NUMANODE
                                          : HWLOC_OBJ_MACHINE;
    int count;

    for (size_t i = 0; kind == 'C' && i < sizeof caches / sizeof *caches; i++)
        if (type == HWLOC_OBJ_MACHINE && hwloc_get_nbobjs_by_type(p->topology, caches[i]) > 0)
            type = caches[i];
    if (hwloc_get_nbobjs_by_type(p->topology, type) < 1 && type == HWLOC_OBJ_DIE)
        type = HWLOC_OBJ_PACKAGE;
    if (hwloc_get_nbobjs_by_type(p->topology, type) < 1)
        type = HWLOC_OBJ_MACHINE;
    count = hwloc_get_nbobjs_by_type(p->topology, type);
    count = count < DOMAINS_MAX ? count : DOMAINS_MAX;
    for (int i = 0; i < count; i++)
        objects[i] = hwloc_get_obj_by_type(p->topology, type, (unsigned)i);
    return count;
}

/* The thread's place among those of its core that may be used; a core's are neighbours. */
static int place_in_core(const struct parser *p, hwloc_obj_t unit)
{
    const hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(p->topology, HWLOC_OBJ_CORE, unit);
    int place = 0;

    for (hwloc_obj_t other = unit->prev_cousin;
         core && other && hwloc_bitmap_isset(core->cpuset, other->os_index);
         other = other->prev_cousin)
        place += hwloc_bitmap_isset(p->allowed, other->os_index);
    return place;
}

static void list_units(struct parser *p, hwloc_const_cpuset_t within)
{
    struct units *u = &p->units;
    int place[UNITS_MAX], last = 0, n = 0;

    u->count = 0;
    for (hwloc_obj_t unit = NULL;
         (unit = hwloc_get_next_obj_by_type(p->topology, HWLOC_OBJ_PU, unit)) != NULL;) {
        if (!hwloc_bitmap_isset(within, unit->os_index) ||
            !hwloc_bitmap_isset(p->allowed, unit->os_index) || u->count == UNITS_MAX)
            continue;
        place[u->count] = place_in_core(p, unit);
        last = place[u->count] > last ? place[u->count] : last;
        u->compact[u->count++] = (int)unit->os_index;
    }
    for (int round = 0; round <= last; round++)
        for (int i = 0; i < u->count; i++)
            if (place[i] == round)
                u->physical[n++] = u->compact[i];
}

/* N, S0, D0, C0, M0: into p->units. */
static int domain(struct parser *p)
{
    const char *start = p->at, kind = *p->at;
    hwloc_obj_t objects[DOMAINS_MAX];
    int index = 0, count, error;

    if (!kind || !strchr("NSDCM", kind))
        return refuse(p, start, "expected a domain: N, S0, D0, C0 or M0");
    p->at++;
    if (kind == 'N') {
        list_units(p, hwloc_topology_get_topology_cpuset(p->topology));
        return 0;
    }
    error = number(p, &index);
    if (error)
        return error;
    count = objects_of(p, kind, objects);
    if (index >= count)
        return refuse(p, start, "there is no domain %.*s: the last is %c%d", (int)(p->at - start),
                      start, kind, count - 1);
    list_units(p, objects[index]->cpuset);
    if (!p->units.count)
        return refuse(p, start, "this process may use no CPU of %.*s", (int)(p->at - start), start);
    return 0;
}

/* ---- the forms ---- */

/* 0,2-4: the OS's numbers where from is NULL, else places in it (count). */
static int list(struct parser *p, const int *from, int count)
{
    for (;; p->at++) {
        const char *start = p->at;
        int first, last, error = number(p, &first);
        last = first;
        if (!error && *p->at == '-') {
            p->at++;
            error = number(p, &last);
        }
        if (error)
            return error;
        const int step = last < first ? -1 : 1;
        for (int i = first;; i += step) {
            if (from && i >= count)
                return refuse(p, start, "there is no %d: the domain has %d hardware threads", i,
                              count);
            if (!from && !hwloc_bitmap_isset(p->allowed, (unsigned)i))
                return refuse(p, start, "this process may not use CPU %d", i);
            error = add(p, start, from ? from[i] : i);
            if (error || i == last)
                break;
        }
        if (error || *p->at != ',')
            return error;
    }
}

/* Behind "E:": domain[:count[:chunk:stride[:offset]]]. */
static int expression(struct parser *p)
{
    const char *start = p->at;
    int values[4] = { 0, 1, 1, 0 }, given = 0, error = domain(p);

    for (; !error && given < 4 && *p->at == ':'; given++) {
        p->at++;
        error = number(p, &values[given]);
    }
    if (error)
        return error;
    const struct units *u = &p->units;
    const int count = given ? values[0] : u->count;
    const int chunk = values[1], stride = values[2], offset = values[3];
    if (given == 2)
        return refuse(p, p->at, "expected :STRIDE behind the chunk");
    if (count < 1 || chunk < 1 || stride < 1)
        return refuse(p, start, "expected a count, a chunk and a stride of at least 1");
    for (int i = 0; i < count; i++) {
        const long place = (long)offset + (long)(i / chunk) * stride + i % chunk;
        if (place >= u->count)
            return refuse(p, start,
                          "%d threads need %ld hardware threads of the domain, and it has %d",
                          count, place + 1, u->count);
        error = add(p, start, u->compact[place]);
        if (error)
            return error;
    }
    return 0;
}

/* Behind "S:scatter": the kind's domains in turn, one a core first. */
static int scatter(struct parser *p, char kind)
{
    const char *start = p->at;
    hwloc_obj_t objects[DOMAINS_MAX];
    const int domains = objects_of(p, kind, objects);
    int wanted = UNITS_MAX, added = 0, error = 0;
    bool any = true;

    if (*p->at == ':') {
        p->at++;
        error = number(p, &wanted);
        if (!error && !wanted)
            error = refuse(p, start, "expected a count of at least 1");
    }
    for (int round = 0; any && !error && added < wanted; round++) {
        any = false;
        for (int d = 0; d < domains && !error && added < wanted; d++) {
            list_units(p, kind == 'N' ? hwloc_topology_get_topology_cpuset(p->topology)
                                      : objects[d]->cpuset);
            if (round >= p->units.count)
                continue;
            any = true;
            error = add(p, start, p->units.physical[round]);
            added++;
        }
    }
    if (!error && wanted < UNITS_MAX && added < wanted)
        return refuse(p, start, "there are %d hardware threads, not %d", added, wanted);
    return error;
}

static int part(struct parser *p)
{
    const char kind = *p->at;
    int error;

    if (isdigit((unsigned char)kind))
        return list(p, NULL, 0);
    if (word(p, "E:"))
        return expression(p);
    if (kind && strchr("NSDCM", kind) && strncmp(p->at + 1, ":scatter", 8) == 0) {
        p->at += 9;
        return scatter(p, kind);
    }
    word(p, "L:"); /* an older way to write N:0-3 */
    error = domain(p);
    if (!error && *p->at == ':') {
        p->at++;
        return list(p, p->units.physical, p->units.count);
    }
    for (int i = 0; i < p->units.count && !error; i++)
        error = add(p, p->at, p->units.compact[i]);
    return error;
}

/* What the caller may use. A topology that is not this system's (hwloc's $HWLOC_SYNTHETIC, for
 * tests) is used whole. */
static int allow(struct parser *p)
{
    if (!hwloc_topology_is_thissystem(p->topology))
        return hwloc_bitmap_copy(p->allowed, hwloc_topology_get_topology_cpuset(p->topology));
    return hwloc_get_cpubind(p->topology, p->allowed, HWLOC_CPUBIND_THREAD);
}

int pin_parse(const char *text, int *cpus, int max, char *why, size_t why_size)
{
    struct parser *p = calloc(1, sizeof *p);
    int error = -ENOMEM;

    if (!p)
        goto out;
    *p = (struct parser){ .text = text,
                          .at = text,
                          .cpus = cpus,
                          .max = max,
                          .why = why,
                          .why_size = why_size,
                          .allowed = hwloc_bitmap_alloc() };
    if (!p->allowed || hwloc_topology_init(&p->topology))
        goto out;
    if (hwloc_topology_load(p->topology) || allow(p)) {
        snprintf(why, why_size, "%.60s: hwloc cannot tell this machine's CPUs", text);
        error = -ENOTSUP;
        goto out;
    }
    do
        error = part(p);
    while (!error && *p->at == '@' && p->at++);
    if (!error && *p->at)
        error = refuse(p, p->at, "not expected here: '%.20s'", p->at);
    if (!error)
        error = p->count;
out:
    if (error == -ENOMEM)
        snprintf(why, why_size, "%.60s: no memory", text);
    if (p && p->topology)
        hwloc_topology_destroy(p->topology);
    if (p)
        hwloc_bitmap_free(p->allowed);
    free(p);
    return error;
}
