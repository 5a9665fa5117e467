/* SPDX-License-Identifier: MIT */
#include "tests/fake_perf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "harness/counters/sysfs_pmu.h"

char fake_devices[] = "/tmp/tritbench-devices-XXXXXX";
char fake_devices_empty[sizeof fake_devices + 8];

static void put(const char *path, const char *text)
{
    char full[4096];
    FILE *file;

    snprintf(full, sizeof full, "%s%s", fake_devices, path);
    for (char *at = strchr(full + sizeof fake_devices, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(full, 0755);
        *at = '/';
    }
    file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

#define PMU(file, text) put(SYSFS_PMU_DEVICES "/" file, text)

int fake_devices_make(void **state)
{
    (void)state;
    if (!mkdtemp(fake_devices))
        return -1;
    snprintf(fake_devices_empty, sizeof fake_devices_empty, "%s/empty", fake_devices);
    put("/empty" SYSFS_PMU_DEVICES "/software/type", "1\n");
    put("/empty/proc/sys/kernel/perf_event_paranoid", "4\n");
    put("/proc/sys/kernel/perf_event_paranoid", "3\n");
    PMU("cpu/type", "4\n");
    PMU("cpu/format/event", "config:0-7,32-35\n");
    PMU("cpu/format/umask", "config:8-15\n");
    PMU("cpu/format/inv", "config:23\n");
    PMU("cpu/format/offcore_rsp", "config1:0-63\n");
    PMU("cpu/events/cpu-cycles", "event=0x76\n");
    PMU("power/type", "22\n");
    PMU("power/cpumask", "0,18\n");
    PMU("power/format/event", "config:0-7\n");
    PMU("power/events/energy-pkg", "event=0x02\n");
    PMU("power/events/energy-pkg.scale", "2.3283064365386962890625e-10\n");
    PMU("power/events/energy-pkg.unit", "Joules\n");
    PMU("uncore_imc_0/type", "30\n");
    PMU("uncore_imc_0/cpumask", "0-1\n");
    PMU("uncore_imc_0/format/event", "config:0-7\n");
    PMU("uncore_imc_0/format/umask", "config:8-15\n");
    PMU("uncore_imc_0/events/cas_count_read", "event=0x04,umask=0x03\n");
    PMU("uncore_imc_0/events/cas_count_read.scale", "6.103515625e-5\n");
    PMU("uncore_imc_0/events/cas_count_read.unit", "MiB\n");
    PMU("uncore_imc_1/type", "31\n"); /* its events are those of the first */
    PMU("uncore_imc_1/cpumask", "0-1\n");
    PMU("uncore_imc_free_running_0/type", "40\n");
    PMU("bad/type", "x\n");
    PMU("badmask/type", "50\n");
    PMU("badmask/cpumask", "0-\n");
    PMU("badformat/type", "51\n");
    PMU("badformat/format/event", "config9:0-7\n");
    PMU("badformat/events/scaleless", "config=1\n");
    PMU("badformat/events/scaleless.scale", "1e-5x\n");
    PMU("badformat/events/loop", "loop\n");
    return 0;
}

int fake_devices_remove(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", fake_devices);
    return system(command);
}
