/* SPDX-License-Identifier: MIT */
#include "bench/machine.h"

#include <stdio.h>
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

void machine_read(struct host *host, const char *sysroot)
{
    struct cpu_identity identity = cpu_identify();
    char name[80], features[120];
    cpu_name(name, sizeof name);
    machine_features(cpu_detect(), features, sizeof features);
    struct host_cpu cpu = {
        name,           identity.vendor,  identity.hypervisor, features, identity.family,
        identity.model, identity.stepping
    };
    host_read(host, &cpu, sysroot);
}
