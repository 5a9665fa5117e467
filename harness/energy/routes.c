/* SPDX-License-Identifier: MIT */
#include "harness/energy/routes.h"

#include <stddef.h>
#include "harness/counter.h"
#include "harness/meter.h"
#include "harness/store.h"

const struct energy_route *const energy_routes[] = {
    &energy_pipe, &energy_powercap, &energy_perf, &energy_likwid, &energy_papi, &energy_hwmon, NULL
};

const char *routes_provenance(const struct meter_context *context)
{
    return context->virtual_machine ? PROVENANCE_VIRTUAL : PROVENANCE_HW_ESTIMATE;
}

void routes_platform(struct energy_channel *channels, int count)
{
    int platform = -1;

    for (int c = 0; c < count; c++)
        if (channels[c].role == ENERGY_PLATFORM)
            platform = c;
    for (int c = 0; c < count; c++)
        if (channels[c].role == ENERGY_PACKAGE || channels[c].role == ENERGY_DRAM)
            channels[c].parent = platform;
}

void routes_read_file(int fd, struct energy_sample *sample)
{
    int64_t before = clock_ns(), after;

    sample->error = counter_read(fd, &sample->raw);
    after = clock_ns();
    sample->time_ns = before + (after - before) / 2;
    sample->spread_ns = after - before;
}
