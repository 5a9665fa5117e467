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

static void put_below(const char *root, const char *pmu, const char *file, const char *suffix,
                      const char *text)
{
    char path[300];

    snprintf(path, sizeof path, "/%s" SYSFS_PMU_DEVICES "/%s/%s%s", root, pmu, file, suffix);
    put(path, text);
}

/* A memory controller of one box, on CPU 0, with an event. unit NULL: none, and no scale. */
static void put_controller(const char *root, const char *pmu, const char *event, const char *terms,
                           const char *unit)
{
    char file[64];

    snprintf(file, sizeof file, "events/%s", event);
    put_below(root, pmu, "type", "", "60");
    put_below(root, pmu, "cpumask", "", "0");
    put_below(root, pmu, file, "", terms);
    if (unit) {
        put_below(root, pmu, file, ".unit", unit);
        put_below(root, pmu, file, ".scale", "6.103515625e-5");
    }
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
    PMU("uncore_imc_0/events/cas_count_write", "event=0x04,umask=0x0c\n");
    PMU("uncore_imc_0/events/cas_count_write.scale", "6.103515625e-5\n");
    PMU("uncore_imc_0/events/cas_count_write.unit", "MiB\n");
    PMU("uncore_imc_1/type", "31\n"); /* its events are those of the first */
    PMU("uncore_imc_1/cpumask", "0-1\n");
    PMU("uncore_imc_free_running_0/type", "40\n");
    /* Other memory controllers, a root each. */
    put_controller("granite", "uncore_imc_2", "cas_count_read_sch0", "config=1", "MiB");
    put_controller("granite", "uncore_imc_2", "cas_count_read_sch1", "config=2", "MiB");
    put_controller("granite", "uncore_imc_2", "cas_count_write_sch0", "config=3", "MiB");
    put_controller("granite", "uncore_imc_2", "cas_count_write_sch1", "config=4", "MiB");
    put_controller("client", "uncore_imc_free_running_0", "data_read", "config=5", "MiB");
    put_controller("client", "uncore_imc_free_running_0", "data_write", "config=6", "MiB");
    put_controller("old", "uncore_imc", "data_reads", "config=7", "MiB");
    put_controller("old", "uncore_imc", "data_writes", "config=8", "MiB");
    put_controller("amd", "amd_umc_0", "umc_cas_cmd.rd", "config=9", NULL);
    put_controller("amd", "amd_umc_0", "umc_cas_cmd.wr", "config=10", NULL);
    put_controller("half", "uncore_imc_0", "cas_count_read", "config=11", "MiB");
    put_controller("unit", "amd_umc_0", "umc_cas_cmd.rd", "config=9", "pages");
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
