/* SPDX-License-Identifier: MIT
 *
 * Names of events: PMUs below a root, --events, and the built-in sets. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "harness/counters/counters.h"
#include "harness/counters/events.h"
#include "harness/counters/sets.h"
#include "harness/counters/sysfs_pmu.h"
#include "tests/fake_perf.h"

/* ---- sysfs ---- */

static void check_fields(void **state)
{
    struct sysfs_pmu_event event;
    char why[200];

    (void)state;
    assert_int_equal(sysfs_pmu_encode(fake_devices, "cpu", "event=0x1a0,umask=0x1e,inv", &event,
                                      why, sizeof why),
                     0);
    assert_int_equal(event.config, 0x100001ea0 | 1 << 23);
    assert_int_equal(sysfs_pmu_encode(fake_devices, "cpu",
                                      "event=0xb7,umask=1,offcore_rsp=0x73c000477", &event, why,
                                      sizeof why),
                     0);
    assert_int_equal(event.config, 0x1b7);
    assert_int_equal(event.config1, 0x73c000477);
    assert_int_equal(
        sysfs_pmu_encode(fake_devices, "cpu", "cpu-cycles,umask=2", &event, why, sizeof why), 0);
    assert_int_equal(event.config, 0x276);
    assert_string_equal(event.unit, "count");
    assert_true(event.scale == 1);
    assert_int_equal(
        sysfs_pmu_encode(fake_devices, "cpu", "config=0x10,config2=3", &event, why, sizeof why), 0);
    assert_int_equal(event.config, 0x10);
    assert_int_equal(event.config2, 3);
    assert_int_equal(sysfs_pmu_encode(fake_devices, "power", "energy-pkg", &event, why, sizeof why),
                     0);
    assert_int_equal(event.config, 2);
    assert_true(event.scale == 0x1p-32);
    assert_string_equal(event.unit, "Joules");
}

static void check_fields_refused(void **state)
{
    static const struct {
        const char *pmu, *terms, *says;
        int error;
    } cases[] = {
        { "none", "a", "no PMU 'none'", -ENOENT },
        { "../cpu", "a", "no PMU", -ENOENT },
        { "cpu", "umask=0x100", "0x100 does not fit the field umask", -ERANGE },
        { "cpu", "nothing", "no event and no field 'nothing'", -ENOENT },
        { "cpu", "nothing=1", "no event and no field 'nothing'", -ENOENT },
        { "cpu", "../type", "no event and no field", -ENOENT },
        { "cpu", "event=x", "'x' of event is no number", -EBADMSG },
        { "cpu", "event=", "is no number", -EBADMSG },
        { "cpu", "", "no event is named", -EBADMSG },
        { "cpu", "event=1,,umask=1", "no event and no field ''", -ENOENT },
        { "badformat", "event=1", "Bad message", -EBADMSG },
        { "badformat", "scaleless", "scaleless.scale", -EBADMSG },
        { "badformat", "loop", "no event and no field 'loop'", -EBADMSG },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sysfs_pmu_event event;
        char why[200];

        assert_int_equal(
            sysfs_pmu_encode(fake_devices, cases[i].pmu, cases[i].terms, &event, why, sizeof why),
            cases[i].error);
        if (!strstr(why, cases[i].says))
            fail_msg("%s/%s/: %s", cases[i].pmu, cases[i].terms, why);
    }
}

static void check_pmus(void **state)
{
    struct sysfs_pmu pmu, boxes[4];
    char name[64];

    (void)state;
    assert_int_equal(sysfs_pmu_read(fake_devices, "power", &pmu), 0);
    assert_int_equal(pmu.type, 22);
    assert_int_equal(pmu.cpu_count, 2);
    assert_int_equal(pmu.cpus[1], 18);
    assert_int_equal(sysfs_pmu_read(fake_devices, "cpu", &pmu), 0);
    assert_int_equal(pmu.cpu_count, 0);
    assert_int_equal(sysfs_pmu_read(fake_devices, "bad", &pmu), -EBADMSG);
    assert_int_equal(sysfs_pmu_read(fake_devices, "badmask", &pmu), -EBADMSG);
    assert_int_equal(sysfs_pmu_read(fake_devices, "none", &pmu), -ENOENT);
    assert_int_equal(sysfs_pmu_boxes(fake_devices, "uncore_imc", boxes, 4), 2);
    assert_int_equal(boxes[0].type + boxes[1].type, 61);
    assert_int_equal(sysfs_pmu_boxes(fake_devices, "uncore_imc", boxes, 1), -E2BIG);
    assert_int_equal(sysfs_pmu_boxes(fake_devices, "uncore_imc_1", boxes, 4), 1);
    assert_int_equal(sysfs_pmu_boxes(fake_devices, "uncore", boxes, 4), -ENOENT);
    assert_true(sysfs_pmu_core(fake_devices, name, sizeof name));
    assert_string_equal(name, "cpu");
    assert_false(sysfs_pmu_core(fake_devices_empty, name, sizeof name));
    assert_true(
        sysfs_pmu_nearest(fake_devices, "uncore_imc_0", "cas_count_reads", name, sizeof name));
    assert_string_equal(name, "cas_count_read");
}

/* ---- names ---- */

static void check_names(void **state)
{
    static const struct {
        const char *name;
        uint32_t type;
        uint64_t config, config1;
        const char *unit;
    } cases[] = {
        { "cycles", PERF_TYPE_HARDWARE, 0, 0, "count" },
        { "cache-misses:u", PERF_TYPE_HARDWARE, 3, 0, "count" },
        { "LLC-load-misses", PERF_TYPE_HW_CACHE, 0x10002, 0, "count" },
        { "task-clock", PERF_TYPE_SOFTWARE, 1, 0, "ns" },
        { "page-faults", PERF_TYPE_SOFTWARE, 2, 0, "count" },
        { "raw:0x2c2", PERF_TYPE_RAW, 0x2c2, 0, "count" },
        { "raw:0x1b7:0x10", PERF_TYPE_RAW, 0x1b7, 0x10, "count" },
        { "stalls_mem", PERF_TYPE_RAW, 0x140014a3, 0, "count" },
        { "cpu/event=0x3c,umask=1/", 4, 0x13c, 0, "count" },
    };
    const struct sets_set *set = sets_find("skylake");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct perf_event event;
        struct why why;

        assert_int_equal(events_parse(cases[i].name, fake_devices, set, &event, &why), 0);
        assert_string_equal(event.name, cases[i].name);
        assert_int_equal(event.type, cases[i].type);
        assert_int_equal(event.config, cases[i].config);
        assert_int_equal(event.config1, cases[i].config1);
        assert_string_equal(event.unit, cases[i].unit);
        assert_int_equal(event.exclude_kernel, strstr(cases[i].name, ":u") != NULL);
        assert_int_equal(event.group, -1);
    }
}

static void check_list(void **state)
{
    const char *list = "cycles,cpu/event=1,umask=2/,papi:PAPI_TOT_INS,PAPI_L1_DCM";
    char name[EVENTS_NAME_MAX];

    (void)state;
    assert_int_equal(events_next(&list, name), 1);
    assert_string_equal(name, "cycles");
    assert_null(events_papi(name));
    assert_int_equal(events_next(&list, name), 1);
    assert_string_equal(name, "cpu/event=1,umask=2/");
    assert_int_equal(events_next(&list, name), 1);
    assert_string_equal(events_papi(name), "PAPI_TOT_INS");
    assert_int_equal(events_next(&list, name), 1);
    assert_string_equal(events_papi(name), "PAPI_L1_DCM");
    assert_int_equal(events_next(&list, name), 0);
}

static void check_check(void **state)
{
    static const struct {
        const char *events, *says;
    } wrong[] = {
        { "", "no event" },
        { "cycles,", "cycles" },
        { "cycles,,instructions", "empty" },
        { "raw:", "raw:: not raw:NUMBER" },
        { "raw:12z", "raw:12z" },
        { "cycle", "did you mean cycles?" },
        { "cycles:x", "cycles:x" },
        { "page_fault", "did you mean page-faults?" },
        { "cpu/cpu-cycle/", "did you mean cpu/cpu-cycles/?" },
        { "cpu/umask=0x100/", "does not fit" },
        { "cpu/umask=1", "not PMU/EVENT/" },
        { "//", "not PMU/EVENT/" },
    };
    static const char *const right[] = {
        "cycles,instructions,page-faults",
        "uncore_imc/cas_count_read/",
        "uncore_cha/event=1/", /* not in this machine: its reading says so */
        "papi:PAPI_TOT_INS,cycles",
        "raw:0x11",
    };
    const struct meter_context context = { .sysroot = fake_devices };
    char why[300], many[400] = "cycles";

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(counters_check(wrong[i].events, &context, why, sizeof why), -EINVAL);
        if (!strstr(why, wrong[i].says) &&
            !(strstr(why, "libpfm") && strstr(wrong[i].says, "did you")))
            fail_msg("%s: %s", wrong[i].events, why);
    }
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        if (counters_check(right[i], &context, why, sizeof why))
            fail_msg("%s", why);
    for (int i = 0; i < PERF_EVENTS_MAX; i++)
        strcat(many, ",cycles");
    assert_int_equal(counters_check(many, &context, why, sizeof why), -EINVAL);
}

/* ---- sets ---- */

static void check_sets(void **state)
{
    static const struct {
        const char *vendor;
        int family, model;
        const char *set;
    } cases[] = {
        { "GenuineIntel", 6, 0x55, "skylake" },
        { "GenuineIntel", 6, 0x7e, "icelake" },
        { "GenuineIntel", 6, 0x6a, "icelake_server" },
        { "GenuineIntel", 6, 0x8f, "sapphire_rapids" },
        { "GenuineIntel", 6, 0x97, "generic" },
        { "AuthenticAMD", 0x17, 0x31, "zen2" },
        { "AuthenticAMD", 0x17, 0x01, "generic" },
        { "AuthenticAMD", 0x19, 0x01, "zen3" },
        { "AuthenticAMD", 0x19, 0x11, "zen4" },
        { "AuthenticAMD", 0x19, 0x61, "zen4" },
        { "AuthenticAMD", 0x1a, 0x02, "generic" },
        { "", 0, 0, "generic" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct host_cpu cpu = { .vendor = cases[i].vendor,
                                      .family = cases[i].family,
                                      .model = cases[i].model };

        assert_string_equal(sets_choose(&cpu)->name, cases[i].set);
    }
    assert_string_equal(sets_choose(NULL)->name, "generic");
}

/* Every group has cycles and instructions, and a channel is in no group twice. */
static void check_groups_of_sets(void **state)
{
    (void)state;
    for (int s = 0; sets[s]; s++) {
        const struct sets_set *set = sets[s];

        assert_true(set->count + sets_software.count <= PERF_EVENTS_MAX);
        for (int i = 0; i < set->count; i++) {
            int size = 0, cycles = 0, instructions = 0;

            for (int j = 0; j < set->count; j++) {
                const struct sets_event *event = &set->events[j];
                const bool together = event->group == set->events[i].group;

                size += together;
                cycles += together && strcmp(event->channel, "cycles") == 0;
                instructions += together && strcmp(event->channel, "instructions") == 0;
                if (i != j && together)
                    assert_string_not_equal(event->channel, set->events[i].channel);
            }
            assert_true(size <= 6);
            assert_int_equal(cycles, 1);
            assert_int_equal(instructions, 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_fields), cmocka_unit_test(check_fields_refused),
        cmocka_unit_test(check_pmus),   cmocka_unit_test(check_names),
        cmocka_unit_test(check_list),   cmocka_unit_test(check_check),
        cmocka_unit_test(check_sets),   cmocka_unit_test(check_groups_of_sets),
    };

    return cmocka_run_group_tests_name("events", tests, fake_devices_make, fake_devices_remove);
}
