/* SPDX-License-Identifier: MIT */
#include "bench/machine.h"

#include <stdio.h>
#include <string.h>
#include "kernels/cpu.h"

void machine_features(unsigned bits, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (const struct cpu_feature *f = cpu_features; f->bit && used < size; f++) {
        if (bits & f->bit)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", f->name);
    }
}

void machine_cpu(struct machine *machine)
{
    const struct cpu_identity identity = cpu_identify();

    cpu_name(machine->name, sizeof machine->name);
    machine_features(cpu_detect(), machine->features, sizeof machine->features);
    memcpy(machine->vendor, identity.vendor, sizeof machine->vendor);
    memcpy(machine->hypervisor, identity.hypervisor, sizeof machine->hypervisor);
    machine->cpu =
        (struct host_cpu){ machine->name,   machine->vendor, machine->hypervisor, machine->features,
                           identity.family, identity.model,  identity.stepping };
}
