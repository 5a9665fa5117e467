/* SPDX-License-Identifier: MIT */
#include "harness/packages.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "harness/sysfs.h"

int packages_read(const char *sysroot, int *cpus)
{
    int64_t ids[PACKAGES_MAX];
    int count = 0;

    for (int cpu = 0; cpu < (int)sysconf(_SC_NPROCESSORS_CONF); cpu++) {
        char path[96];
        int64_t id;
        int at = 0;

        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/physical_package_id",
                 cpu);
        if (sysfs_int64(sysroot, path, &id)) /* offline, or not said */
            continue;
        while (at < count && ids[at] < id)
            at++;
        if ((at < count && ids[at] == id) || count == PACKAGES_MAX)
            continue;
        memmove(ids + at + 1, ids + at, (size_t)(count - at) * sizeof *ids);
        memmove(cpus + at + 1, cpus + at, (size_t)(count - at) * sizeof *cpus);
        ids[at] = id;
        cpus[at] = cpu;
        count++;
    }
    if (!count)
        cpus[count++] = 0;
    return count;
}
