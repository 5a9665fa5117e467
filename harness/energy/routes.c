/* SPDX-License-Identifier: MIT */
#include "harness/energy/routes.h"

#include <stddef.h>
#include "harness/store.h"

const struct energy_route *const energy_routes[] = { &energy_powercap, NULL };

const char *routes_provenance(const struct meter_context *context)
{
    return context->virtual_machine ? PROVENANCE_VIRTUAL : PROVENANCE_HW_ESTIMATE;
}
