/* SPDX-License-Identifier: MIT */
#include "bench/ceilings.h"
#include <string.h>

void ceilings_begin(struct ceilings *c, const struct roof *roof)
{
    c->count = 1;
    c->roofs[0] = *roof;
    c->metrics[0] = ROOF_READ;
}

void ceilings_add(struct ceilings *c, const struct family *family, const char *isa)
{
    const struct roof_kernels *loops = roof_loops(isa, c->roofs[0].run->cpu);
    const enum roof_metric metric = roof_metric_of(family);
    int at = 1; /* the table of loops is best first */

    for (; at < c->count && c->roofs[at].kernels <= loops; at++)
        if (c->roofs[at].kernels == loops && c->metrics[at] == metric)
            return;
    const size_t behind = (size_t)(c->count++ - at);
    memmove(&c->roofs[at + 1], &c->roofs[at], behind * sizeof *c->roofs);
    memmove(&c->metrics[at + 1], &c->metrics[at], behind * sizeof *c->metrics);
    c->roofs[at] = c->roofs[0];
    c->roofs[at].kernels = loops;
    c->metrics[at] = metric;
}
