/* SPDX-License-Identifier: MIT */
#include "harness/counters/pfm.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "config.h"
#include "harness/nearest.h"

static const char soname[] = "libpfm.so.4";

#if HAVE_LIBPFM4
#include <perfmon/pfmlib.h>
#include <perfmon/pfmlib_perf_event.h>

/* Stays loaded: what it gave out points into it. */
static struct library {
    bool tried;
    void *handle;
    char said[160];
    pfm_err_t (*initialize)(void);
    const char *(*words)(int);
    pfm_err_t (*encode)(const char *, int, pfm_os_t, void *);
    pfm_err_t (*event_info)(int, pfm_os_t, pfm_event_info_t *);
    pfm_err_t (*pmu_info)(pfm_pmu_t, pfm_pmu_info_t *);
    int (*event_next)(int);
} library;

static bool load(struct library *l)
{
    int error;

    if (l->tried)
        return l->handle != NULL;
    l->tried = true;
    l->handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!l->handle) {
        snprintf(l->said, sizeof l->said, "%s", dlerror());
        return false;
    }
    *(void **)&l->initialize = dlsym(l->handle, "pfm_initialize");
    *(void **)&l->words = dlsym(l->handle, "pfm_strerror");
    *(void **)&l->encode = dlsym(l->handle, "pfm_get_os_event_encoding");
    *(void **)&l->event_info = dlsym(l->handle, "pfm_get_event_info");
    *(void **)&l->pmu_info = dlsym(l->handle, "pfm_get_pmu_info");
    *(void **)&l->event_next = dlsym(l->handle, "pfm_get_event_next");
    error = l->initialize && l->words && l->encode && l->event_info && l->pmu_info && l->event_next
                ? l->initialize()
                : PFM_ERR_NOTSUPP;
    if (error == PFM_SUCCESS)
        return true;
    snprintf(l->said, sizeof l->said, "%s: pfm_initialize: %s", soname,
             l->words ? l->words(error) : "a function is missing");
    dlclose(l->handle);
    l->handle = NULL;
    return false;
}

static bool pmu_read(pfm_pmu_t pmu, pfm_pmu_info_t *info)
{
    *info = (pfm_pmu_info_t){ .size = sizeof *info };
    return library.pmu_info(pmu, info) == PFM_SUCCESS && info->name;
}

/* Is `name` "<pmu>::<event>" with a PMU that libpfm4 knows, but that is not here? */
static bool elsewhere(const char *name)
{
    const char *colons = strstr(name, "::");
    pfm_pmu_info_t info;

    for (int pmu = PFM_PMU_NONE; colons && pmu < PFM_PMU_MAX; pmu++)
        if (pmu_read((pfm_pmu_t)pmu, &info) && strlen(info.name) == (size_t)(colons - name) &&
            strncasecmp(info.name, name, strlen(info.name)) == 0)
            return !info.is_present;
    return false;
}

/* Slots (event 0, unit mask 4) is the one event of the fixed counters among the TOPDOWN ones; the
 * others have a number, which libpfm4 4.13 loses: SPR's MEMORY_BOUND_SLOTS is 0x10a4, not 0x1000.
 */
static bool lost_its_number(const char *name, uint64_t config)
{
    return strcasestr(name, "TOPDOWN") && (config & 0xff) == 0 && config != 0x400;
}

static int refuse(const char *name, const char *tried, const struct perf_event_attr *attr,
                  const pfm_pmu_info_t *pmu, struct why *why)
{
    if (lost_its_number(name, attr->config)) {
        why_set(why, "broken", tried, "name it by its number: cpu/event=0xa4,umask=.../",
                "%s: libpfm4 encodes it as 0x%llx, which is another event", name,
                (unsigned long long)attr->config);
        return -ENOTSUP;
    }
    if (attr->type == PERF_TYPE_RAW && pmu->type != PFM_PMU_TYPE_CORE) {
        why_set(why, "broken", tried, "name it by its PMU: pmu/event/",
                "%s: libpfm4 encodes an event of %s as one of the core", name, pmu->name);
        return -ENOTSUP;
    }
    return 0;
}

int pfm_encode(const char *name, struct perf_event *event, struct why *why)
{
    struct perf_event_attr attr = { .size = sizeof attr };
    pfm_perf_encode_arg_t arg = { .attr = &attr, .size = sizeof arg };
    pfm_event_info_t info = { .size = sizeof info };
    pfm_pmu_info_t pmu = { .name = "an unknown PMU", .type = PFM_PMU_TYPE_UNKNOWN };
    char tried[160];
    int error;

    snprintf(tried, sizeof tried, "libpfm4: %s", name);
    if (strcasestr(name, "rapl")) {
        why_set(why, "broken", tried, "power/energy-pkg/, as the kernel names it",
                "%s: libpfm4 encodes energy as an event of the core where the kernel shows no PMU "
                "for it",
                name);
        return -ENOTSUP;
    }
    if (!load(&library)) {
        why_set(why, "missing", tried, "apt-get install libpfm4", "%s: %s", name, library.said);
        return -ENOENT;
    }
    error = library.encode(name, PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT, &arg);
    if (error != PFM_SUCCESS) {
        const bool other = elsewhere(name) || error == PFM_ERR_NOTSUPP;

        why_set(why, other ? "absent" : "broken", tried, NULL, "%s: libpfm4: %s%s", name,
                library.words(error), other ? " (the PMU is not in this machine)" : "");
        return other ? -ENODEV : -EINVAL;
    }
    if (library.event_info(arg.idx, PFM_OS_NONE, &info) == PFM_SUCCESS)
        pmu_read(info.pmu, &pmu);
    error = refuse(name, tried, &attr, &pmu, why);
    if (error)
        return error;
    event->type = attr.type;
    event->config = attr.config;
    event->config1 = attr.config1;
    event->config2 = attr.config2;
    event->exclude_kernel = attr.exclude_kernel;
    event->exclude_user = attr.exclude_user;
    return 0;
}

bool pfm_nearest(const char *word, char *name, size_t size)
{
    struct nearest nearest = nearest_begin(word);
    pfm_pmu_info_t pmu;

    if (!load(&library))
        return false;
    for (int p = PFM_PMU_NONE; p < PFM_PMU_MAX; p++) {
        if (!pmu_read((pfm_pmu_t)p, &pmu) || !pmu.is_present || pmu.type != PFM_PMU_TYPE_CORE)
            continue;
        for (int e = pmu.first_event; e != -1; e = library.event_next(e)) {
            pfm_event_info_t info = { .size = sizeof info };

            if (library.event_info(e, PFM_OS_NONE, &info) == PFM_SUCCESS)
                nearest_offer(&nearest, info.name);
        }
    }
    snprintf(name, size, "%s", nearest.name);
    return nearest.name[0] != '\0';
}
#else
int pfm_encode(const char *name, struct perf_event *event, struct why *why)
{
    (void)event;
    why_set(why, "off", soname, "apt-get install libpfm4-dev, then meson setup --reconfigure build",
            "%s: libpfm4 is not in this build", name);
    return -ENOENT;
}

bool pfm_nearest(const char *word, char *name, size_t size)
{
    (void)word;
    (void)name;
    (void)size;
    return false;
}
#endif
