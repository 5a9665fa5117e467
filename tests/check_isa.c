/* SPDX-License-Identifier: MIT */
#include "tests/check_isa.h"
#include <stdlib.h>
#include "kernels/act/act.h"
#include "kernels/cpu.h"
#include "kernels/kernel.h"
#include "kernels/roof/roof.h"

static struct {
    unsigned cpu; /* 0: nothing is emulated */
    const char *by;
} emulator;

void check_emulates(unsigned cpu, const char *by)
{
    emulator.cpu = cpu;
    emulator.by = by;
}

const char *check_emulator(void)
{
    return getenv("CHECK_EMULATOR");
}

const char *check_why_not(unsigned needs)
{
    const bool native = !(needs & ~cpu_detect());

    if (!emulator.cpu)
        return native ? NULL : "this CPU cannot run it";
    if (needs & ~emulator.cpu)
        return "it is not emulated";
    return native ? "this CPU runs it: see check" : NULL;
}

/* Whether any kernel of this build needs the bit. */
static bool is_used(unsigned bit)
{
    for (const struct family *const *f = families; *f; f++)
        for (const struct kernel *k = (*f)->kernels; k->needs; k++)
            if (k->needs & bit)
                return true;
    for (const struct act_kernels *k = act_kernels; k->needs; k++)
        if (k->needs & bit)
            return true;
    for (const struct roof_kernels *k = roof_kernels; k->needs; k++)
        if (k->needs & bit)
            return true;
    return false;
}

static void nothing_more(const void *arg)
{
    (void)arg;
}

void check_isas(void)
{
    const char *by = emulator.by ? emulator.by : check_emulator();

    for (const struct cpu_feature *f = cpu_features; f->bit; f++) {
        const char *why_not = check_why_not(f->bit);
        if (!is_used(f->bit))
            check_skip("this build has no kernel for it", "isa %s", f->name);
        else if (why_not)
            check_skip(why_not, "isa %s", f->name);
        else if (by)
            check_run(CHECK_PASSES, nothing_more, NULL, "isa %s: emulated by %s", f->name, by);
        else
            check_run(CHECK_PASSES, nothing_more, NULL, "isa %s: native", f->name);
    }
}
