/* SPDX-License-Identifier: MIT */
#include "harness/liblikwid.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include "config.h"
#if HAVE_LIKWID
#include <likwid.h>
/* The pointer's type is the function's in likwid.h; nothing is referred to, so nothing is linked.
 */
#define SAME_TYPE(pointer, function) ((void)sizeof((pointer) == (function)))
#endif

static const char soname[] = "liblikwid.so.5";

#if HAVE_LIKWID
static void same_types(const struct liblikwid *l)
{
    SAME_TYPE(l->marker_init, likwid_markerInit);
    SAME_TYPE(l->marker_thread_init, likwid_markerThreadInit);
    SAME_TYPE(l->marker_close, likwid_markerClose);
    SAME_TYPE(l->marker_register, likwid_markerRegisterRegion);
    SAME_TYPE(l->marker_start, likwid_markerStartRegion);
    SAME_TYPE(l->marker_stop, likwid_markerStopRegion);
    SAME_TYPE(l->topology_init, topology_init);
    SAME_TYPE(l->access_mode, HPMmode);
    SAME_TYPE(l->access_cpu, HPMaddThread);
    SAME_TYPE(l->power_init, power_init);
    SAME_TYPE(l->power_unit, power_getEnergyUnit);
    _Static_assert(LIKWID_MODE_DIRECT == (int)ACCESSMODE_DIRECT, "access modes");
    _Static_assert(LIKWID_POWER_DOMAINS <= NUM_POWER_DOMAINS, "domains");
}
#endif

int liblikwid_load(struct liblikwid *l, struct why *why)
{
    struct {
        void *member;
        const char *name;
    } symbols[] = {
        { &l->marker_init, "likwid_markerInit" },
        { &l->marker_thread_init, "likwid_markerThreadInit" },
        { &l->marker_close, "likwid_markerClose" },
        { &l->marker_register, "likwid_markerRegisterRegion" },
        { &l->marker_start, "likwid_markerStartRegion" },
        { &l->marker_stop, "likwid_markerStopRegion" },
        { &l->topology_init, "topology_init" },
        { &l->access_mode, "HPMmode" },
        { &l->access_cpu, "HPMaddThread" },
        { &l->power_init, "power_init" },
        { &l->power_start, "power_start" },
        { &l->power_unit, "power_getEnergyUnit" },
        { &l->power_names, "power_names" },
    };

#if HAVE_LIKWID
    same_types(l);
#else
    why_set(why, "off", "its header, when this program was built",
            "apt-get install likwid, then meson setup --reconfigure build",
            "likwid is off in this build");
    return -ENOSYS;
#endif
    l->library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!l->library) {
        why_set(why, "missing", soname, "apt-get install likwid", "%s", dlerror());
        return -ENOENT;
    }
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *symbol = dlsym(l->library, symbols[i].name);
        if (!symbol) {
            why_set(why, "broken", soname, NULL, "%s lacks %s", soname, symbols[i].name);
            dlclose(l->library);
            return -ENOEXEC;
        }
        *(void **)symbols[i].member = symbol;
    }
    return 0;
}
