/* SPDX-License-Identifier: MIT
 *
 * PAPI says yes to events that a machine does not have (PAPI_query_event, papi_avail): only one
 * that was started and read is counted. It neither keeps the time that an event ran nor counts what
 * happens in the kernel alone unless asked in time; both show as a plausible 0, so a 0 that never
 * was anything else has no value here. */
#include "harness/counters/counters.h"

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "config.h"
#include "harness/counters/events.h"
#include "harness/store.h"

enum { PAPI_CHANNELS_MAX = 16, PAPI_SETS_MAX = 4 };

struct papi {
    int channels;
    struct channel channel[PAPI_CHANNELS_MAX];
    char name[PAPI_CHANNELS_MAX][EVENTS_NAME_MAX + 5]; /* "papi:" and PAPI's own */
    struct why why[PAPI_CHANNELS_MAX];
    int set_of[PAPI_CHANNELS_MAX], place[PAPI_CHANNELS_MAX]; /* set -1: not counted */
    bool seen[PAPI_CHANNELS_MAX];                            /* it was not 0, once */
    int sets, set[PAPI_SETS_MAX], size[PAPI_SETS_MAX];       /* one of PAPI's components each */
    bool running[PAPI_SETS_MAX], inherits[PAPI_SETS_MAX];
};

/* Of "perf::", what the kernel counts itself, and 0 is 0. */
static const char silent[] = "silent: PAPI reads 0 ever since, and does not say whether it ran";
static const char stopped[] = "PAPI_start or PAPI_stop failed";
static const char one_thread[] = "the thread that measures only: PAPI_INHERIT is refused";

#if HAVE_PAPI
#include <papi.h>

/* Stays loaded: PAPI does not come back from PAPI_shutdown. */
static struct library {
    bool tried, ready;
    char tried_name[64], said[160];
    int (*init)(int), (*create)(int *), (*assign)(int, int), (*option)(int, PAPI_option_t *);
    int (*add)(int, const char *), (*start)(int), (*stop)(int, long long *), (*domain)(int);
    int (*cleanup)(int), (*destroy)(int *);
    char *(*words)(int);
} library;

static void *open_library(struct library *l)
{
    char exact[32];
    const char *names[] = { exact, "libpapi.so.7", "libpapi.so" };
    void *handle = NULL;

    snprintf(exact, sizeof exact, "libpapi.so.%d.%d", PAPI_VERSION_MAJOR(PAPI_VERSION),
             PAPI_VERSION_MINOR(PAPI_VERSION));
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !handle; i++) {
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (!handle && i == 0)
            snprintf(l->said, sizeof l->said, "%s", dlerror());
    }
    return handle;
}

static bool load(struct library *l)
{
    void *handle;
    int version;

    if (l->tried)
        return l->ready;
    l->tried = true;
    handle = open_library(l);
    if (!handle)
        return false;
    *(void **)&l->init = dlsym(handle, "PAPI_library_init");
    *(void **)&l->create = dlsym(handle, "PAPI_create_eventset");
    *(void **)&l->assign = dlsym(handle, "PAPI_assign_eventset_component");
    *(void **)&l->option = dlsym(handle, "PAPI_set_opt");
    *(void **)&l->add = dlsym(handle, "PAPI_add_named_event");
    *(void **)&l->start = dlsym(handle, "PAPI_start");
    *(void **)&l->stop = dlsym(handle, "PAPI_stop");
    *(void **)&l->domain = dlsym(handle, "PAPI_set_domain");
    *(void **)&l->cleanup = dlsym(handle, "PAPI_cleanup_eventset");
    *(void **)&l->destroy = dlsym(handle, "PAPI_destroy_eventset");
    *(void **)&l->words = dlsym(handle, "PAPI_strerror");
    if (!l->init || !l->create || !l->assign || !l->option || !l->add || !l->start || !l->stop ||
        !l->domain || !l->cleanup || !l->destroy || !l->words) {
        snprintf(l->said, sizeof l->said, "libpapi lacks a function");
        return false;
    }
    version = l->init(PAPI_VER_CURRENT);
    if (version == PAPI_VER_CURRENT)
        version = l->domain(PAPI_DOM_ALL); /* of the sets made from now on; the default is :u */
    else if (version >= 0)
        version = PAPI_EINVAL;
    l->ready = version == PAPI_OK;
    if (!l->ready)
        snprintf(l->said, sizeof l->said, "PAPI_library_init: %s", l->words(version));
    return l->ready;
}

static void destroy(int *set)
{
    library.cleanup(*set);
    library.destroy(set);
}

/* A set that counts threads which are started later is bound to the component of the core's PMU,
 * and PAPI refuses that without a PMU; a plain one takes any component's events. */
static int new_set(int *set, bool *inherits)
{
    PAPI_option_t option = { .inherit = { .inherit = PAPI_INHERIT_ALL } };
    int error;

    *set = PAPI_NULL;
    error = library.create(set);
    if (error != PAPI_OK || !*inherits)
        return error;
    error = library.assign(*set, 0);
    option.inherit.eventset = *set;
    if (error == PAPI_OK)
        error = library.option(PAPI_INHERIT, &option);
    if (error != PAPI_OK)
        destroy(set);
    return error;
}

/* Does it count, alone, in a set of this kind? PAPI_OK, or what PAPI says. */
static int probe(const char *event, bool inherits)
{
    long long value;
    int set, error = new_set(&set, &inherits);

    if (error != PAPI_OK)
        return error;
    error = library.add(set, event);
    if (error == PAPI_OK)
        error = library.start(set);
    if (error == PAPI_OK)
        error = library.stop(set, &value);
    destroy(&set);
    return error;
}

/* Into the first set of this kind that takes it. */
static int add(struct papi *p, int i, const char *event, bool inherits)
{
    int error = PAPI_ECNFLCT;

    for (int s = 0; s < PAPI_SETS_MAX && error != PAPI_OK; s++) {
        if (s == p->sets) {
            int made = new_set(&p->set[s], &inherits);

            if (made != PAPI_OK)
                return made;
            p->inherits[s] = inherits;
            p->sets++;
        }
        if (p->inherits[s] != inherits)
            continue;
        error = library.add(p->set[s], event);
        if (error == PAPI_OK) {
            p->set_of[i] = s;
            p->place[i] = p->size[s]++;
        }
    }
    return error;
}

/* Where the kernel may not be counted PAPI says nothing and reads 0. */
static bool kernel_only(const char *event)
{
    return strcasestr(event, "context-switches") || strcasestr(event, "context_switches") ||
           strcasestr(event, "migrations");
}

static void open_event(struct papi *p, int i)
{
    const char *event = events_papi(p->name[i]);
    int error = PAPI_ENOEVNT;

    p->set_of[i] = -1;
    if (kernel_only(event)) {
        why_set(&p->why[i], "absent", p->name[i], "the meter sched has it, by getrusage",
                "%s: PAPI reads 0 where it may not count the kernel, and does not say so",
                p->name[i]);
        return;
    }
    if (!load(&library)) {
        why_set(&p->why[i], "missing", "libpapi.so", "apt-get install libpapi7.0", "%s: %s",
                p->name[i], library.said);
        return;
    }
    for (int inherits = 1; inherits >= 0 && error != PAPI_OK; inherits--) {
        error = probe(event, inherits);
        if (error == PAPI_OK)
            error = add(p, i, event, inherits);
    }
    if (error == PAPI_OK)
        why_set(&p->why[i], "ok", p->name[i], NULL, "counted");
    else
        why_set(&p->why[i], error == PAPI_EPERM ? "denied" : "absent", p->name[i],
                "papi_component_avail says what PAPI finds on this machine", "%s: PAPI: %s (%d)",
                p->name[i], library.words(error), error);
}

static void papi_close(void *state)
{
    struct papi *p = state;

    for (int s = 0; s < p->sets; s++)
        destroy(&p->set[s]);
    free(p);
}

static void papi_start(void *state, const char *region)
{
    struct papi *p = state;

    (void)region;
    for (int s = 0; s < p->sets; s++)
        p->running[s] = p->size[s] > 0 && library.start(p->set[s]) == PAPI_OK;
}

static void read_sets(struct papi *p, long long values[PAPI_SETS_MAX][PAPI_CHANNELS_MAX])
{
    for (int s = p->sets - 1; s >= 0; s--)
        p->running[s] = p->running[s] && library.stop(p->set[s], values[s]) == PAPI_OK;
}
#else
static void open_event(struct papi *p, int i)
{
    p->set_of[i] = -1;
    why_set(&p->why[i], "off", p->name[i],
            "apt-get install libpapi-dev, then meson setup --reconfigure build",
            "%s: PAPI is not in this build", p->name[i]);
}

static void papi_close(void *state)
{
    free(state);
}

static void papi_start(void *state, const char *region)
{
    (void)state;
    (void)region;
}

static void read_sets(struct papi *p, long long values[PAPI_SETS_MAX][PAPI_CHANNELS_MAX])
{
    (void)p;
    (void)values;
}
#endif

static int papi_open(void **state, const struct meter_context *context, struct why *why)
{
    const char *list = context->events ? context->events : "";
    char name[EVENTS_NAME_MAX];
    struct papi *p = calloc(1, sizeof *p);

    if (!p)
        return -ENOMEM;
    while (!context->sysroot[0] && p->channels < PAPI_CHANNELS_MAX && events_next(&list, name) > 0)
        if (events_papi(name))
            snprintf(p->name[p->channels++], sizeof p->name[0], "papi:%s", events_papi(name));
    if (!p->channels) {
        free(p);
        why_set(why, "skipped", "--events", NULL,
                context->sysroot[0] ? "not tried below a sysroot"
                                    : "no event of PAPI is asked for");
        return -ENODEV;
    }
    *why = (struct why){ .status = "ok" };
    for (int i = 0; i < p->channels; i++) {
        open_event(p, i);
        p->channel[i] = (struct channel){ p->name[i], "count", PROVENANCE_COUNTED };
        if (strcmp(why->status, "ok") == 0)
            *why = p->why[i];
    }
    *state = p;
    return 0;
}

static const struct channel *papi_list(const void *state, int *count)
{
    const struct papi *p = state;

    *count = p->channels;
    return p->channel;
}

static void papi_stop(void *state, struct reading *readings)
{
    long long values[PAPI_SETS_MAX][PAPI_CHANNELS_MAX] = { { 0 } };
    struct papi *p = state;

    read_sets(p, values);
    for (int i = 0; i < p->channels; i++) {
        const int s = p->set_of[i];
        const long long value = s < 0 ? 0 : values[s][p->place[i]];
        const char *reason = NULL;

        p->seen[i] |= value != 0;
        if (s < 0)
            reason = p->why[i].said;
        else if (!p->running[s])
            reason = stopped;
        else if (!p->seen[i] && !strstr(p->name[i], "perf::"))
            reason = silent;
        readings[i] = (struct reading){ .value = reason ? NAN : (double)value,
                                        .reason = reason,
                                        .note = reason || p->inherits[s] ? NULL : one_thread };
    }
}

const struct meter meter_papi = {
    .name = "papi",
    .what = "events of --events that are PAPI's, loaded when one is asked for",
    .open = papi_open,
    .list = papi_list,
    .start = papi_start,
    .stop = papi_stop,
    .close = papi_close,
};
