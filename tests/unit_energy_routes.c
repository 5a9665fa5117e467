/* SPDX-License-Identifier: MIT
 *
 * What powercap, perf and hwmon make of trees: channels, roles and names, or the reason. Nothing
 * advances here; a route's open and one read do not need that. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "harness/energy/routes.h"
#include "harness/store.h"
#include "harness/sysfs.h"
#include "tests/energy_fixture.h"

static char root[128];

/* cmocka's assert_float_equal compares floats. */
static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g is not %.12g", value, expected);
}

struct expected {
    const char *name, *status;
    enum energy_role role;
    int parent;
    uint64_t wrap, raw;
};

static struct energy_channel channels[ENERGY_CHANNELS_MAX];
static struct why why;
static void *route_state;

static int open_kind(const struct energy_route *route, const char *kind)
{
    const struct meter_context context = { .sysroot = root };

    assert_int_equal(energy_fixture_root(root, sizeof root), 0);
    assert_int_equal(energy_fixture_make(root, kind), 0);
    why = (struct why){ 0 };
    return route->open(&route_state, &context, channels, ENERGY_CHANNELS_MAX, &why);
}

static void expect(const struct energy_route *route, const char *kind,
                   const struct expected *expected, int count)
{
    assert_int_equal(open_kind(route, kind), count);
    for (int c = 0; c < count; c++) {
        struct energy_sample sample = { 0 };

        assert_string_equal(channels[c].name, expected[c].name);
        assert_string_equal(channels[c].why.status, expected[c].status);
        assert_int_equal(channels[c].role, expected[c].role);
        assert_int_equal(channels[c].parent, expected[c].parent);
        assert_true(channels[c].wrap == expected[c].wrap);
        if (strcmp(expected[c].status, "ok") != 0)
            continue;
        route->read(route_state, c, &sample);
        assert_int_equal(sample.error, 0);
        assert_true(sample.raw == expected[c].raw);
        assert_true(sample.time_ns > 0 && sample.spread_ns >= 0);
    }
    route->close(route_state);
    assert_int_equal(energy_fixture_remove(root), 0);
}

#define EXPECT(route, kind, table) expect(route, kind, table, sizeof(table) / sizeof((table)[0]))

/* A modulus is the range and one unit of 2^32: 61 uJ, 15 uJ, 1 J. */
#define INTEL 262143328911
#define DRAM  65712999628
#define AMD   65532611002

static void test_powercap(void **state)
{
    static const struct expected client[] = {
        { "package-0", "ok", ENERGY_PACKAGE, 3, INTEL, 262143000000 },
        { "package-0/core", "ok", ENERGY_PART, 0, INTEL, 91234567890 },
        { "package-0/uncore", "ok", ENERGY_PART, 0, INTEL, 123456789 },
        { "psys", "ok", ENERGY_PLATFORM, -1, INTEL, 200000000000 },
        { "mmio:package-0", "ok", ENERGY_COPY, 0, INTEL, 262143000000 },
    };
    static const struct expected server[] = {
        { "package-0", "ok", ENERGY_PACKAGE, -1, INTEL, 100000000000 },
        { "package-0/dram", "ok", ENERGY_DRAM, -1, DRAM, 65712000000 },
        { "package-1", "ok", ENERGY_PACKAGE, -1, INTEL, 100000000007 },
        { "package-1/dram", "ok", ENERGY_DRAM, -1, DRAM, 65712000001 },
    };
    static const struct expected multi_die[] = {
        { "package-0-die-0", "ok", ENERGY_PACKAGE, -1, INTEL, 1 },
        { "package-0-die-0/dram", "ok", ENERGY_DRAM, -1, DRAM, 3 },
        { "package-0-die-1", "ok", ENERGY_PACKAGE, -1, INTEL, 2 },
        { "package-0-die-1/dram", "ok", ENERGY_DRAM, -1, DRAM, 4 },
    };
    static const struct expected zen[] = {
        { "package-0", "ok", ENERGY_PACKAGE, -1, AMD, 65532000000 },
        { "package-0/core-of-first-cpu", "ok", ENERGY_PART, 0, AMD, 4321 },
    };

    (void)state;
    EXPECT(&energy_powercap, "client", client);
    EXPECT(&energy_powercap, "server", server);
    EXPECT(&energy_powercap, "multi-die", multi_die);
    EXPECT(&energy_powercap, "zen", zen);
    assert_true(channels[0].resolution > 15.2e-6 && channels[0].resolution < 15.3e-6);
}

static void test_psys_at_zone_0(void **state)
{
    struct expected first[] = {
        { "psys", "ok", ENERGY_PLATFORM, -1, INTEL, 3000000 },
        { "package-0", "ok", ENERGY_PACKAGE, 0, INTEL, 1000000 },
        { "package-0/dram", "ok", ENERGY_DRAM, 0, DRAM, 2000000 },
        { "package-1", "ok", ENERGY_PACKAGE, 0, INTEL, 4000000 },
        { "package-1/dram", "ok", ENERGY_DRAM, 0, DRAM, 5000000 },
    };

    (void)state;
    EXPECT(&energy_powercap, "server-psys-first", first);
    first[0].wrap = 4294967296000000;
    EXPECT(&energy_powercap, "spr", first);
    assert_near(channels[0].resolution, 1, 1e-12);
}

static void test_broken_zones(void **state)
{
    static const struct {
        const char *kind, *status, *said;
    } cases[] = {
        { "missing-range", "broken", "max_energy_range_uj" },
        { "empty", "broken", "energy_uj: the file is empty" },
        { "garbage", "broken", "energy_uj: the file's text is not a number" },
        { "above-range", "broken", "262143328912 is above the range" },
        { "directory", "broken", "Is a directory" },
    };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        assert_int_equal(open_kind(&energy_powercap, cases[c].kind), 1);
        assert_string_equal(channels[0].name, "package-0");
        assert_string_equal(channels[0].why.status, cases[c].status);
        assert_non_null(strstr(channels[0].why.said, cases[c].said));
        energy_powercap.close(route_state);
        assert_int_equal(energy_fixture_remove(root), 0);
    }
}

/* Root may read a file of mode 0400: another user has to try. */
static void test_denied(void **state)
{
    const struct meter_context context = { .sysroot = root };
    int status;
    pid_t child;

    (void)state;
    assert_int_equal(energy_fixture_root(root, sizeof root), 0);
    assert_int_equal(energy_fixture_make(root, "denied"), 0);
    if (geteuid() != 0) {
        energy_fixture_remove(root);
        skip(); /* the tree's owner may read it, and only root can be another */
    }
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int bad = setresuid(65534, 65534, 65534) ? 8 : 0;

        bad |= energy_powercap.open(&route_state, &context, channels, 8, &why) == 1 ? 0 : 1;
        bad |= strcmp(channels[0].why.status, "denied") ? 2 : 0;
        bad |= strstr(channels[0].why.fix, "udev") ? 0 : 4;
        _exit(bad);
    }
    assert_true(waitpid(child, &status, 0) == child && WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(energy_fixture_remove(root), 0);
}

static void test_masked_and_absent(void **state)
{
    (void)state;
    assert_true(open_kind(&energy_powercap, "masked") < 0);
    assert_string_equal(why.status, "masked");
    assert_true(why.fix[0] != '\0');
    energy_fixture_remove(root);
    assert_true(open_kind(&energy_powercap, "none") < 0);
    assert_string_equal(why.status, "absent");
    assert_non_null(strstr(why.fix, "modprobe"));
    energy_fixture_remove(root);
    assert_true(open_kind(&energy_perf, "none") < 0);
    assert_string_equal(why.status, "absent");
    energy_fixture_remove(root);
    assert_true(open_kind(&energy_hwmon, "none") < 0);
    assert_string_equal(why.status, "absent");
    energy_fixture_remove(root);
}

static void test_scmi(void **state)
{
    static const struct expected scmi[] = {
        { "soc", "ok", ENERGY_BOARD, -1, 0, 21000000 },
        { "soc/cluster0", "ok", ENERGY_PART, 0, 0, 9000000 },
    };

    (void)state;
    EXPECT(&energy_powercap, "scmi", scmi);
    assert_true(channels[0].power && channels[1].power);
}

/* Virtual machines say so; a sysroot's "fixture" is energy_open's. */
static void test_provenance(void **state)
{
    struct meter_context context = { .sysroot = root, .virtual_machine = true };

    (void)state;
    assert_int_equal(open_kind(&energy_powercap, "zen"), 2);
    assert_string_equal(channels[0].provenance, PROVENANCE_HW_ESTIMATE);
    energy_powercap.close(route_state);
    assert_int_equal(energy_powercap.open(&route_state, &context, channels, 8, &why), 2);
    assert_string_equal(channels[0].provenance, PROVENANCE_VIRTUAL);
    energy_powercap.close(route_state);
    assert_int_equal(energy_powercap.open(&route_state, &context, channels, 1, &why), -E2BIG);
    energy_fixture_remove(root);
}

static void test_perf_parses(void **state)
{
    static const struct expected client[] = {
        { "package-0", "skipped", ENERGY_PACKAGE, 2, 0, 0 },
        { "package-0/core", "skipped", ENERGY_PART, 0, 0, 0 },
        { "psys", "skipped", ENERGY_PLATFORM, -1, 0, 0 },
    };
    static const struct expected multi_die[] = {
        { "package-0-die-0", "skipped", ENERGY_PACKAGE, -1, 0, 0 },
        { "package-0-die-1", "skipped", ENERGY_PACKAGE, -1, 0, 0 },
        { "package-0-die-0/dram", "skipped", ENERGY_DRAM, -1, 0, 0 },
        { "package-0-die-1/dram", "skipped", ENERGY_DRAM, -1, 0, 0 },
    };

    (void)state;
    EXPECT(&energy_perf, "client", client);
    assert_true(channels[0].lsb == 0x1p-32);
    EXPECT(&energy_perf, "multi-die", multi_die);
    assert_string_equal(channels[1].source, "power/energy-pkg/ on cpu 1");
}

static void test_perf_refuses(void **state)
{
    static const struct {
        const char *file, *text;
        bool whole; /* the route, not one event */
    } cases[] = {
        { "events/energy-pkg", "event=0x02,umask=0x1\n", false },
        { "events/energy-pkg", "event=0x02,event=0x03\n", false },
        { "events/energy-pkg", "config=2\n", false },
        { "events/energy-pkg.scale", "0\n", false },
        { "events/energy-pkg.scale", "1\n", false },
        { "events/energy-pkg.scale", "x\n", false },
        { "events/energy-pkg.unit", "MiB\n", false },
        { "cpumask", "\n", true },
        { "cpumask", "3-1\n", true },
        { "type", "power\n", true },
    };
    const struct meter_context context = { .sysroot = root };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        char path[128];
        int count = open_kind(&energy_perf, "client");

        assert_int_equal(count, 3);
        energy_perf.close(route_state);
        snprintf(path, sizeof path, "/sys/bus/event_source/devices/power/%s", cases[c].file);
        assert_int_equal(energy_fixture_write(root, path, cases[c].text), 0);
        count = energy_perf_any.open(&route_state, &context, channels, 8, &why);
        assert_int_equal(count, cases[c].whole ? -EBADMSG : 3);
        assert_string_equal(cases[c].whole ? why.status : channels[0].why.status, "broken");
        if (count > 0)
            energy_perf.close(route_state);
        energy_fixture_remove(root);
    }
}

/* The whole way through the kernel: a tree that calls the software PMU's cpu-clock, in ns, a
 * counter of 1 W. */
static void test_perf_counts(void **state)
{
    const struct meter_context context = { .sysroot = root };
    struct energy_sample first = { 0 }, last = { 0 };
    double joules, seconds;

    (void)state;
    assert_int_equal(open_kind(&energy_perf, "server"), 4);
    energy_perf.close(route_state);
    energy_fixture_write(root, "/sys/bus/event_source/devices/power/type", "1\n");
    energy_fixture_write(root, "/sys/bus/event_source/devices/power/cpumask", "0\n");
    energy_fixture_write(root, "/sys/bus/event_source/devices/power/events/energy-pkg",
                         "event=0x00\n");
    energy_fixture_write(root, "/sys/bus/event_source/devices/power/events/energy-pkg.scale",
                         "1e-9\n");
    assert_int_equal(energy_perf_any.open(&route_state, &context, channels, 8, &why), 2);
    energy_fixture_remove(root);
    if (strcmp(channels[0].why.status, "ok") != 0) {
        print_message("# %s\n", channels[0].why.said);
        assert_true(channels[0].why.fix[0] != '\0');
        energy_perf.close(route_state);
        skip();
    }
    energy_perf_any.read(route_state, 0, &first);
    usleep(50000);
    energy_perf_any.read(route_state, 0, &last);
    assert_true(first.error == 0 && last.error == 0);
    joules = channels[0].lsb * (double)(last.raw - first.raw);
    seconds = 1e-9 * (double)(last.time_ns - first.time_ns);
    if (!(joules > 0.9 * seconds && joules < 1.1 * seconds))
        fail_msg("%g J in %g s at 1 W", joules, seconds);
    energy_perf_any.close(route_state);
}

static void test_listing(void **state)
{
    char names[3][SYSFS_NAME_MAX], path[120];

    (void)state;
    assert_true(open_kind(&energy_powercap, "none") < 0);
    for (int n = 11; n >= 9; n -= 2) {
        snprintf(path, sizeof path, "/list/zone:%d", n);
        assert_int_equal(energy_fixture_write(root, path, ""), 0);
    }
    assert_int_equal(energy_fixture_write(root, "/list/.hidden", ""), 0);
    assert_int_equal(sysfs_list(root, "/list", names, 3), 2);
    assert_string_equal(names[0], "zone:9");
    assert_string_equal(names[1], "zone:11");
    assert_int_equal(sysfs_list(root, "/list", names, 1), -E2BIG);
    assert_int_equal(sysfs_list(root, "/nowhere", names, 3), -ENOENT);
    snprintf(path, sizeof path, "/list/%064d", 1);
    assert_int_equal(energy_fixture_write(root, path, ""), 0);
    assert_int_equal(sysfs_list(root, "/list", names, 3), -E2BIG);
    energy_fixture_remove(root);
}

static void test_hwmon(void **state)
{
    static const struct expected arm[] = {
        { "amdgpu:power1", "ok", ENERGY_PART, -1, 0, 31000000 },
        { "ina3221:VDD_IN", "ok", ENERGY_BOARD, -1, 0, 5032 * 1216 },
        { "ina3221:VDD_CPU", "ok", ENERGY_BOARD, -1, 0, 5040 * 304 },
        { "altra_hwmon:SoC", "ok", ENERGY_BOARD, -1, 0, 123456789 },
        { "power_meter:Module Power Socket 0", "ok", ENERGY_BOARD, -1, 0, 245000000 },
    };

    (void)state;
    EXPECT(&energy_hwmon, "arm", arm);
    assert_true(channels[1].power && !channels[3].power);
    assert_near(channels[1].period_s, 2e-3, 1e-12);
    assert_near(channels[4].period_s, 50e-3, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_powercap),     cmocka_unit_test(test_psys_at_zone_0),
        cmocka_unit_test(test_broken_zones), cmocka_unit_test(test_denied),
        cmocka_unit_test(test_scmi),         cmocka_unit_test(test_masked_and_absent),
        cmocka_unit_test(test_provenance),   cmocka_unit_test(test_perf_parses),
        cmocka_unit_test(test_perf_refuses), cmocka_unit_test(test_perf_counts),
        cmocka_unit_test(test_hwmon),        cmocka_unit_test(test_listing),
    };

    return cmocka_run_group_tests_name("energy_routes", tests, NULL, NULL);
}
