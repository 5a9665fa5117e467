/* SPDX-License-Identifier: MIT */
#include "bench/ceilings.h"

static void add(struct ceilings *c, const struct roof *roof, const struct roof_kernels *loops,
                enum roof_metric metric)
{
    for (int i = 0; i < c->count; i++)
        if (c->metrics[i] == metric && c->roofs[i].kernels == loops)
            return;
    c->roofs[c->count] = *roof;
    c->roofs[c->count].kernels = loops;
    c->metrics[c->count++] = metric;
}

void ceilings_of(struct ceilings *c, const struct roof *roof, const struct pass_block *b)
{
    c->count = 0;
    if (!roof)
        return;
    add(c, roof, roof->kernels, ROOF_READ);
    for (int best = 1; best >= 0; best--)
        for (int s = 0; s < b->spec_count; s++) {
            const struct pass_spec *spec = &b->specs[s];
            const unsigned cpu = roof->run->cpu;
            const struct roof_kernels *loops = roof_loops(pass_isa(spec, cpu), cpu);
            if ((loops == roof->kernels) == best)
                add(c, roof, loops, roof_metric_of(spec->family));
        }
}

bool ceilings_meet(const struct ceilings *c, const struct pass_test *t, int i)
{
    return c->metrics[i] == ROOF_READ || t->n_prompt || t->parallel > 1;
}
