/* SPDX-License-Identifier: MIT
 *
 * Counters against a kernel that does what the test says: groups and turns, what is scaled and what
 * is no value, and every reason. */
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
#include "harness/store.h"
#include "tests/fake_perf.h"

static int reset(void **state)
{
    (void)state;
    fake_perf_reset();
    return 0;
}

/* ---- groups ---- */

static void fill(struct perf_event *events, int count, int group)
{
    for (int i = 0; i < count; i++) {
        events[i] = (struct perf_event){ .unit = "count",
                                         .scale = 1,
                                         .type = PERF_TYPE_RAW,
                                         .config = (uint64_t)i + 1,
                                         .group = group };
        snprintf(events[i].name, sizeof events[i].name, "event%d", i);
    }
}

static void holds(struct reading reading, double value, const char *note)
{
    if (reading.reason)
        fail_msg("%s", reading.reason);
    assert_true(fabs(reading.value - value) <= 1e-9 * value);
    if (note)
        assert_string_equal(reading.note, note);
    else
        assert_null(reading.note);
}

static void lacks(struct reading reading, const char *part)
{
    assert_true(isnan(reading.value));
    assert_non_null(reading.reason);
    if (!strstr(reading.reason, part))
        fail_msg("%s", reading.reason);
}

static struct perf *open_fake(const struct perf_event *events, int count)
{
    struct perf *perf;

    assert_int_equal(perf_open(&perf, events, count, fake_devices, &fake_perf_system), 0);
    return perf;
}

static void sample(struct perf *perf, const char *region, struct reading *readings)
{
    perf_start(perf, region);
    perf_stop(perf, readings);
}

/* Six events are two groups; each region has its own turns, and one group is enabled at a time. */
static void check_turns(void **state)
{
    struct perf_event events[7];
    struct reading readings[7];
    struct perf *perf;

    (void)state;
    fill(events, 6, -1);
    events[6] = events[0];
    events[6].type = PERF_TYPE_SOFTWARE;
    perf = open_fake(events, 7);
    assert_int_equal(perf_counted(perf), 7);
    assert_int_equal(perf_groups(perf), 2);
    for (int round = 0; round < 4; round++) {
        for (int region = 0; region < 2; region++) {
            sample(perf, region ? "one" : "two", readings);
            for (int i = 0; i < 6; i++) {
                if ((i >= 4) == (round & 1))
                    holds(readings[i], 1001 + i, NULL);
                else
                    assert_ptr_equal(readings[i].reason, meter_not_its_turn);
            }
            holds(readings[6], 1001, NULL);
        }
    }
    assert_int_equal(fake_perf.enabled_largest, 1);
    perf_close(perf);
    assert_int_equal(fake_perf.opened, fake_perf.closed);
}

static void check_cover(void **state)
{
    struct perf_event events[2];
    struct reading readings[2];
    struct perf *perf;

    (void)state;
    fill(events, 2, 0);
    events[1].scale = 0.5;
    perf = open_fake(events, 2);
    sample(perf, "r", readings);
    holds(readings[0], 1001, NULL);
    holds(readings[1], 501, NULL);
    fake_perf.cover = 0.95;
    sample(perf, "r", readings);
    assert_true(fabs(readings[0].value - 1001) < 2);
    assert_string_equal(readings[0].note, "scaled: counted 95% of the time");
    fake_perf.cover = 0.9;
    sample(perf, "r", readings);
    assert_string_equal(readings[0].note, "scaled: counted 90% of the time");
    fake_perf.cover = 0.5;
    sample(perf, "r", readings);
    lacks(readings[0], "not counted: it ran only 50% of the time");
    fake_perf.cover = 0;
    sample(perf, "r", readings);
    lacks(readings[0], "it never ran");
    fake_perf.cover = 1;
    fake_perf.read_error = EIO;
    sample(perf, "r", readings);
    lacks(readings[0], "could not be read");
    fake_perf.read_error = 0;
    sample(perf, "r", readings);
    sample(perf, "r", readings);
    holds(readings[0], 1001, NULL);
    perf_close(perf);
}

static void check_silent(void **state)
{
    struct perf_event events[3];
    struct reading readings[3];
    struct perf *perf;

    (void)state;
    fill(events, 3, 0);
    events[2].type = PERF_TYPE_SOFTWARE;
    events[2].config = 2;
    fake_perf.silent = 2;
    perf = open_fake(events, 3);
    sample(perf, "r", readings);
    holds(readings[0], 1001, NULL);
    lacks(readings[1], "silent");
    holds(readings[2], 0, NULL); /* the kernel's own counts are 0 when they are */
    fake_perf.silent = UINT64_MAX;
    sample(perf, "r", readings);
    fake_perf.silent = 2; /* from now on 0 is known to be 0 */
    sample(perf, "r", readings);
    holds(readings[1], 0, NULL);
    perf_close(perf);
}

/* A group of five that never runs is split until it does; a group that the kernel refuses to make
 * is never made. */
static void check_split(void **state)
{
    struct perf_event events[5];
    struct reading readings[5];
    struct perf *perf;
    int values;

    (void)state;
    for (int limit = 0; limit < 2; limit++) {
        fake_perf_reset();
        fill(events, 5, 0);
        *(limit ? &fake_perf.group_limit : &fake_perf.group_room) = 2;
        perf = open_fake(events, 5);
        assert_int_equal(perf_counted(perf), 5);
        assert_int_equal(perf_groups(perf), 3);
        values = 0;
        for (int turn = 0; turn < 3; turn++) {
            sample(perf, "r", readings);
            for (int i = 0; i < 5; i++)
                values += readings[i].reason == NULL;
        }
        assert_int_equal(values, 5);
        perf_close(perf);
        assert_int_equal(fake_perf.opened, fake_perf.closed);
    }
}

static void check_never_runs(void **state)
{
    struct perf_event events[2];
    struct reading readings[2];
    struct perf *perf;

    (void)state;
    fill(events, 2, 0);
    fake_perf.cover = 0;
    perf = open_fake(events, 2);
    assert_string_equal(perf_why(perf, 0)->status, "absent");
    assert_non_null(strstr(perf_why(perf, 1)->said, "did not run"));
    sample(perf, "r", readings);
    lacks(readings[0], "it never ran");
    lacks(readings[1], "did not run");
    perf_close(perf);
}

/* Boxes are added up, in the unit of sysfs; one that does not open leaves nothing. */
static void check_boxes(void **state)
{
    struct perf_event event;
    struct reading reading;
    struct why why;
    struct perf *perf;

    (void)state;
    assert_int_equal(events_parse("uncore_imc/cas_count_read/", fake_devices, sets_find("generic"),
                                  &event, &why),
                     0);
    assert_int_equal(event.boxes, 4);
    perf = open_fake(&event, 1);
    assert_int_equal(perf_groups(perf), 0);
    sample(perf, "r", &reading);
    holds(reading, 4 * (1000 + 0x304) * 6.103515625e-5, NULL);
    fake_perf.cover = 0.5;
    sample(perf, "r", &reading);
    lacks(reading, "only 50%");
    perf_close(perf);
    fake_perf_reset();
    fake_perf.bad_type = 31;
    fake_perf.bad_config = 0x304;
    fake_perf.bad_error = EACCES;
    perf = open_fake(&event, 1);
    assert_int_equal(perf_counted(perf), 0);
    assert_string_equal(perf_why(perf, 0)->status, "denied");
    assert_non_null(strstr(perf_why(perf, 0)->said, "perf_event_paranoid is 3"));
    sample(perf, "r", &reading);
    lacks(reading, "perf_event_paranoid");
    perf_close(perf);
    assert_int_equal(fake_perf.opened, fake_perf.closed);
}

/* ---- reasons ---- */

static void check_reasons(void **state)
{
    static const struct {
        int error;
        const char *below; /* "": where there is a PMU */
        const char *status, *said, *fix;
    } cases[] = {
        { EACCES, "", "denied", "perf_event_paranoid is 3", "sysctl" },
        { EACCES, "/empty", "absent", "no PMU", "host,pmu=on" },
        { ENOENT, "/empty", "absent", "no PMU", "host,pmu=on" },
        { ENOENT, "", "absent", "driver", "" },
        { EINVAL, "", "absent", "driver", "" },
        { EPERM, "", "masked", "seccomp", "--cap-add PERFMON" },
        { ENOSYS, "", "masked", "seccomp", "" },
        { EMFILE, "", "broken", "Too many open files", "ulimit" },
        { ENOSPC, "", "absent", "no counter of this kind", "fewer" },
        { EBUSY, "", "denied", "another program", "" },
        { EIO, "", "broken", "Input/output error", "" },
    };
    struct perf_event event;

    (void)state;
    fill(&event, 1, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char below[96];
        struct reading reading;
        struct perf *perf;
        const struct why *why;

        fake_perf.error = cases[i].error;
        snprintf(below, sizeof below, "%s%s", fake_devices, cases[i].below);
        assert_int_equal(perf_open(&perf, &event, 1, below, &fake_perf_system), 0);
        why = perf_why(perf, 0);
        assert_int_equal(perf_counted(perf), 0);
        assert_string_equal(why->status, cases[i].status);
        assert_non_null(strstr(why->said, "event0"));
        if (!strstr(why->said, cases[i].said) || !strstr(why->fix, cases[i].fix))
            fail_msg("%s; %s", why->said, why->fix);
        sample(perf, "r", &reading);
        lacks(reading, cases[i].said);
        perf_close(perf);
    }
}

/* Where the kernel must not be counted, user mode is, and says so: but not of what happens in the
 * kernel alone, and would be 0. */
static void check_user_only(void **state)
{
    struct perf_event events[2];
    struct reading readings[2];
    struct perf *perf;

    (void)state;
    fill(events, 2, 0);
    events[1].type = PERF_TYPE_SOFTWARE;
    events[1].config = PERF_COUNT_SW_CONTEXT_SWITCHES;
    fake_perf.kernel_error = EACCES;
    perf = open_fake(events, 2);
    sample(perf, "r", readings);
    holds(readings[0], 1001, ":u, user mode only");
    lacks(readings[1], "Permission denied");
    fake_perf.cover = 0.95;
    sample(perf, "r", readings);
    assert_string_equal(readings[0].note, "scaled: counted 95% of the time; :u, user mode only");
    perf_close(perf);
}

/* ---- the meter ---- */

static int channel_of(struct meter_set *set, const char *name)
{
    for (int i = 0; i < meter_set_channels(set); i++)
        if (strcmp(meter_set_channel(set, i)->name, name) == 0)
            return i;
    fail_msg("no channel %s", name);
    return -1;
}

static void check_meter(void **state)
{
    static const struct meter *const list[] = { &meter_counters, NULL };
    const struct host_cpu cpu = { .vendor = "AuthenticAMD", .family = 0x19, .model = 1 };
    const struct meter_context context = { .sysroot = fake_devices, .cpu = &cpu };
    struct reading readings[SAMPLE_READINGS_MAX];
    struct meter_set *set;
    int uops = 0;

    (void)state;
    assert_int_equal(meter_set_open(&set, list, &context),
                     0); /* Linux is not asked below a fake_devices */
    assert_int_equal(meter_set_channels(set), 0);
    assert_string_equal(meter_set_why(set, 0)->status, "skipped");
    meter_set_close(set);

    counters_use(&fake_perf_system);
    assert_int_equal(meter_set_open(&set, list, &context), 0);
    assert_string_equal(meter_set_why(set, 0)->status, "ok");
    assert_string_equal(meter_set_channel(set, 0)->provenance, PROVENANCE_FIXTURE);
    for (int i = 0; i < 4; i++) {
        meter_set_start(set, "r");
        meter_set_stop(set, readings);
        holds(readings[channel_of(set, "cycles")], 1000 + 0x76, NULL); /* in each group */
        holds(readings[channel_of(set, "instructions")], 1000 + 0xc0, NULL);
        holds(readings[channel_of(set, "page_faults")], 1002, NULL);
        uops += readings[channel_of(set, "uops")].reason == NULL;
    }
    assert_int_equal(uops, 1);
    meter_set_close(set);
    assert_int_equal(fake_perf.opened, fake_perf.closed);
    counters_use(NULL);
}

/* Lines are told in bytes. */
static void check_dram_bytes(void **state)
{
    static const struct meter *const list[] = { &meter_counters, NULL };
    const struct host_cpu cpu = { .vendor = "GenuineIntel", .family = 6, .model = 0x6a };
    const struct meter_context context = { .sysroot = fake_devices,
                                           .cpu = &cpu,
                                           .events = "dram_bytes" };
    struct reading reading;
    struct meter_set *set;

    (void)state;
    counters_use(&fake_perf_system);
    assert_int_equal(meter_set_open(&set, list, &context), 0);
    assert_string_equal(meter_set_channel(set, 0)->unit, "B");
    meter_set_start(set, "r");
    meter_set_stop(set, &reading);
    holds(reading, 64 * (1000 + 0x1b7), NULL);
    meter_set_close(set);
    counters_use(NULL);
}

/* ---- memory controllers ---- */

/* Reads and writes in bytes, or the reason, below a root of fake_devices. */
static void controllers_are(const char *below, double read, double write, const char *lacking)
{
    static const struct meter *const list[] = { &meter_dram, NULL };
    char root[96];
    const struct meter_context context = { .sysroot = root };
    struct reading readings[2];
    struct meter_set *set;

    snprintf(root, sizeof root, "%s%s", fake_devices, below);
    assert_int_equal(meter_set_open(&set, list, &context), 0);
    assert_int_equal(meter_set_channels(set), 2);
    assert_string_equal(meter_set_channel(set, 0)->unit, "B");
    meter_set_start(set, "r");
    meter_set_stop(set, readings);
    if (lacking) {
        lacks(readings[0], lacking);
        lacks(readings[1], lacking);
    } else {
        holds(readings[0], read, "of the whole machine: all its processes and devices");
        holds(readings[1], write, "of the whole machine: all its processes and devices");
    }
    meter_set_close(set);
    assert_int_equal(fake_perf.opened, fake_perf.closed);
}

/* All boxes on every CPU of their masks, by whatever names the kernel gives them. */
static void check_memory_controllers(void **state)
{
    (void)state;
    counters_use(&fake_perf_system);
    controllers_are("", 4 * 64 * (1000 + 0x304), 4 * 64 * (1000 + 0xc04), NULL);
    assert_int_equal(fake_perf.opened, 8);
    assert_int_equal(fake_perf.leaders, 4); /* both events of a box on a CPU are a group */
    controllers_are("/granite", 64 * 2003, 64 * 2007, NULL);
    controllers_are("/client", 64 * 1005, 64 * 1006, NULL);
    controllers_are("/old", 64 * 1007, 64 * 1008, NULL);
    controllers_are("/amd", 64 * 1009, 64 * 1010, NULL);
    controllers_are("/empty", NAN, NAN, "no PMU of a memory controller");
    controllers_are("/half", NAN, NAN, "no PMU of a memory controller"); /* it names no writes */
    controllers_are("/unit", NAN, NAN, "its unit 'pages' is not known");
    counters_use(NULL);
}

/* A box that cannot be opened, or did not run, leaves none of the sum. */
static void check_memory_controllers_denied(void **state)
{
    (void)state;
    counters_use(&fake_perf_system);
    fake_perf.bad_type = 31;
    fake_perf.bad_config = 0xc04;
    fake_perf.bad_error = EACCES;
    controllers_are("", NAN, NAN, "perf_event_paranoid is 3");
    fake_perf_reset();
    fake_perf.cover = 0.5;
    controllers_are("", NAN, NAN, "only 50%");
    fake_perf_reset();
    fake_perf.group_room = 1; /* groups of two never run: they are split */
    controllers_are("", 4 * 64 * (1000 + 0x304), 4 * 64 * (1000 + 0xc04), NULL);
    assert_int_equal(fake_perf.tasks, 0);
    counters_use(NULL);
    controllers_are("", NAN, NAN, "not tried below a sysroot");
}

/* Events that this machine lacks keep their channel, and its reason is theirs. */
static void check_meter_events(void **state)
{
    static const struct meter *const list[] = { &meter_counters, NULL };
    const struct meter_context context = { .sysroot = fake_devices,
                                           .events = "uncore_cha/event=1/,cycles,PAPI_TOT_INS" };
    struct reading readings[SAMPLE_READINGS_MAX];
    struct meter_set *set;

    (void)state;
    counters_use(&fake_perf_system);
    assert_int_equal(meter_set_open(&set, list, &context), 0);
    assert_int_equal(meter_set_channels(set), 2);
    assert_string_equal(meter_set_why(set, 0)->status, "absent");
    meter_set_start(set, "r");
    meter_set_stop(set, readings);
    holds(readings[channel_of(set, "cycles")], 1000, NULL);
    lacks(readings[channel_of(set, "uncore_cha/event=1/")], "no PMU 'uncore_cha'");
    meter_set_close(set);
    fake_perf.error = EPERM;
    assert_int_equal(meter_set_open(&set, list, &context), 0);
    meter_set_start(set, "r");
    meter_set_stop(set, readings);
    lacks(readings[channel_of(set, "cycles")], "seccomp");
    meter_set_close(set);
    counters_use(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(check_turns, reset),
        cmocka_unit_test_setup(check_cover, reset),
        cmocka_unit_test_setup(check_silent, reset),
        cmocka_unit_test_setup(check_split, reset),
        cmocka_unit_test_setup(check_never_runs, reset),
        cmocka_unit_test_setup(check_boxes, reset),
        cmocka_unit_test_setup(check_reasons, reset),
        cmocka_unit_test_setup(check_user_only, reset),
        cmocka_unit_test_setup(check_meter, reset),
        cmocka_unit_test_setup(check_dram_bytes, reset),
        cmocka_unit_test_setup(check_memory_controllers, reset),
        cmocka_unit_test_setup(check_memory_controllers_denied, reset),
        cmocka_unit_test_setup(check_meter_events, reset),
    };

    return cmocka_run_group_tests_name("counters", tests, fake_devices_make, fake_devices_remove);
}
