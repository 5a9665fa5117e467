/* SPDX-License-Identifier: MIT
 *
 * What the CPU is seen to be: a kernel that the CPU seems unable to run is skipped, so a CPU that
 * is known has its features, all of them and no others, in the environment's CHECK_FEATURES. */
#include "tests/check_cpu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/cpu.h"

/* The names of `bits`, with commas between them. */
static const char *names_of(char *text, size_t size, unsigned bits)
{
    size_t at = 0;

    text[0] = '\0';
    for (const struct cpu_feature *f = cpu_features; f->bit; f++)
        if ((bits & f->bit) && at < size)
            at += (size_t)snprintf(text + at, size - at, "%s%s", at ? "," : "", f->name);
    return text;
}

static void check_cpu_body(const void *want)
{
    char found[128], name[64] = "";

    names_of(found, sizeof found, cpu_detect());
    if (want && strcmp(found, want))
        check_fail("found '%s' where the CPU has '%s'", found, (const char *)want);
    cpu_name(name, sizeof name);
    check_that(name[0] && !strchr(name, '\n'));
}

void check_cpu(void)
{
    char found[128], name[64];

    cpu_name(name, sizeof name);
    check_note("CPU: %s, %s", name, names_of(found, sizeof found, cpu_detect()));
    check_run(CHECK_PASSES, check_cpu_body, getenv("CHECK_FEATURES"), "cpu");
}
