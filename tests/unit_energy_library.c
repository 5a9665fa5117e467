/* SPDX-License-Identifier: MIT
 *
 * The energy routes over likwid and PAPI, on libraries of the tests' own (fake/, found by
 * LD_LIBRARY_PATH): loaded only when asked for, channels only of what was read, and what the
 * libraries are known to get wrong. */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "config.h"
#include "harness/energy/energy.h"
#include "harness/packages.h"
#include "harness/energy/routes.h"
#include "tests/fake_log.h"

static const char *const variables[] = { "FAKE_LIKWID_POWER",  "FAKE_LIKWID_ACCESS",
                                         "FAKE_PAPI_EVENTS",   "FAKE_PAPI_START",
                                         "FAKE_PAPI_ABSOLUTE", "LIBPFM_ENCODE_INACTIVE" };

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("FAKE_LIKWID_LOG", fake_log_path, 1);
    setenv("FAKE_PAPI_LOG", fake_log_path, 1);
    return fake_log_clear();
}

struct opened {
    void *state;
    int count;
    struct energy_channel channels[ENERGY_CHANNELS_MAX];
    struct why why;
};

static const struct meter_context both = { .sysroot = "", .meters = "papi,likwid" };

static void open_route(struct opened *o, const struct energy_route *route,
                       const struct meter_context *context)
{
    *o = (struct opened){ 0 };
    o->count = route->open(&o->state, context, o->channels, ENERGY_CHANNELS_MAX, &o->why);
}

static const struct energy_channel *find(const struct opened *o, const char *name)
{
    for (int i = 0; i < o->count; i++)
        if (!strcmp(o->channels[i].name, name))
            return &o->channels[i];
    return NULL;
}

static uint64_t raw_of(const struct opened *o, const struct energy_route *route, const char *name)
{
    struct energy_sample sample = { .error = 1 };

    route->read(o->state, (int)(find(o, name) - o->channels), &sample);
    assert_int_equal(sample.error, 0);
    assert_true(sample.time_ns > 0 && sample.spread_ns >= 0);
    return sample.raw;
}

/* Comes first: libraries stay where they are once they are loaded. */
static void not_asked(void **unused)
{
    static const struct meter_context contexts[] = {
        { .sysroot = "" },
        { .sysroot = "", .meters = "cachegrind,likwidx,papix" },
        { .sysroot = "/nowhere", .meters = "likwid,papi" },
    };
    const struct energy_route *const routes[] = { &energy_likwid, &energy_papi };
    struct opened o;

    (void)unused;
    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++)
        for (int r = 0; r < 2; r++) {
            if (r && !HAVE_PAPI)
                continue;
            open_route(&o, routes[r], &contexts[i]);
            assert_int_equal(o.count, -ENODEV);
            assert_string_equal(o.why.status, "skipped");
            assert_true(o.why.said[0]);
        }
    assert_false(fake_log_mapped("liblikwid") || fake_log_mapped("libpapi"));
    assert_string_equal(fake_log_read(), "");
}

static void packages(void **unused)
{
    int cpus[PACKAGES_MAX];

    (void)unused;
    assert_true(packages_read("", cpus) >= 1);
    assert_true(cpus[0] >= 0);
    assert_int_equal(packages_read("/nowhere", cpus), 1);
    assert_int_equal(cpus[0], 0);
}

/* ---- likwid ---- */

static void likwid_domains(void **unused)
{
    struct opened o;

    (void)unused;
    for (int width = 32; width <= 64; width += 32) {
        setenv("FAKE_LIKWID_POWER", width == 32 ? "32" : "64", 1);
        open_route(&o, &energy_likwid, &both);
        assert_true(o.count >= 2 && o.count % 2 == 0); /* the package and its DRAM, nothing else */
        const struct energy_channel *package = find(&o, "package-0");
        const struct energy_channel *dram = find(&o, "package-0/dram");
        assert_true(package && dram);
        assert_int_equal(package->role, ENERGY_PACKAGE);
        assert_int_equal(dram->role, ENERGY_DRAM);
        assert_true(package->parent == -1 && dram->parent == -1);
        assert_true(package->lsb == 1.0 / 16384 && dram->lsb == 15.3e-6);
        assert_true(package->wrap == UINT64_C(1) << 32 && !package->power);
        assert_string_equal(package->provenance, "hw-estimate");
        assert_string_equal(package->why.status, "ok");
        const uint64_t first = raw_of(&o, &energy_likwid, "package-0");
        const uint64_t second = raw_of(&o, &energy_likwid, "package-0");
        assert_true(first <= UINT32_MAX && second <= UINT32_MAX);
        assert_int_equal((uint32_t)(second - first), 1000); /* also across 2^32 */
        assert_int_equal(raw_of(&o, &energy_likwid, "package-0/dram"), 7);
        energy_likwid.close(o.state);
    }
}

/* power_init says 0 and prints why: the sentence is the reason, and nothing reaches stderr. */
static void likwid_without_rapl(void **unused)
{
    struct opened o;
    int pipes[2], kept;
    char leaked[100];

    (void)unused;
    setenv("FAKE_LIKWID_POWER", "0", 1);
    assert_int_equal(pipe(pipes), 0);
    kept = dup(STDERR_FILENO);
    dup2(pipes[1], STDERR_FILENO);
    open_route(&o, &energy_likwid, &both);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(pipes[1]);
    assert_int_equal(read(pipes[0], leaked, sizeof leaked), 0);
    close(pipes[0]);
    assert_int_equal(o.count, -ENODEV);
    assert_non_null(strstr(o.why.said, "Cannot gather values from unit register 0x606"));
    assert_true(o.why.fix[0]);

    setenv("FAKE_LIKWID_POWER", "32", 1);
    setenv("FAKE_LIKWID_ACCESS", "-13", 1);
    open_route(&o, &energy_likwid, &both);
    assert_int_equal(o.count, -ENODEV);
    assert_non_null(strstr(o.why.said, "HPMaddThread -13"));
}

static void likwid_in_a_virtual_machine(void **unused)
{
    struct meter_context context = both;
    struct opened o;

    (void)unused;
    context.virtual_machine = true;
    open_route(&o, &energy_likwid, &context);
    assert_true(o.count >= 2);
    assert_string_equal(o.channels[0].provenance, "virtual");
    energy_likwid.close(o.state);
}

/* ---- PAPI ---- */

static void papi_events(void **unused)
{
    struct opened o;

    (void)unused;
    setenv("FAKE_PAPI_EVENTS", "rapl:::PACKAGE_ENERGY:,rapl:::PP0_ENERGY:,rapl::RAPL_ENERGY_PKG",
           1);
    open_route(&o, &energy_papi, &both);
    assert_true(o.count >= 2 && o.count % 2 == 0);
    const struct energy_channel *package = find(&o, "package-0"),
                                *core = find(&o, "package-0/core");
    assert_true(package && core);
    assert_int_equal(package->role, ENERGY_PACKAGE);
    assert_int_equal(core->role, ENERGY_PART);
    assert_int_equal(core->parent, package - o.channels);
    assert_true(package->lsb == 1e-9 && package->wrap == 0);
    /* The second value is the second event that was added, not the second that was wanted. */
    const uint64_t before = raw_of(&o, &energy_papi, "package-0/core");
    assert_int_equal(raw_of(&o, &energy_papi, "package-0/core") - before, 2000);
    energy_papi.close(o.state);
    assert_null(strstr(fake_log_read(), "RAPL_ENERGY_PKG")); /* one component only */
    assert_non_null(strstr(fake_log_read(), "start\nstop\ndestroy\n"));
}

static void papi_uncore(void **unused)
{
    struct opened o;

    (void)unused;
    setenv("FAKE_PAPI_EVENTS", "amd64_rapl::RAPL_ENERGY_PKG:cpu=", 1);
    open_route(&o, &energy_papi, &both);
    assert_true(o.count >= 1);
    assert_true(find(&o, "package-0")->lsb == ldexp(1, -32));
    energy_papi.close(o.state);
    setenv("LIBPFM_ENCODE_INACTIVE", "1", 1); /* RAPL's names then mean something else */
    open_route(&o, &energy_papi, &both);
    assert_int_equal(o.count, -ENODEV);
    assert_non_null(strstr(o.why.said, "LIBPFM_ENCODE_INACTIVE is set"));
}

/* Added is not counting; and nothing at all is there. */
static void papi_refuses(void **unused)
{
    struct opened o;
    char start[12];

    (void)unused;
    open_route(&o, &energy_papi, &both);
    assert_int_equal(o.count, -ENODEV);
    assert_string_equal(o.why.status, "absent");
    assert_non_null(strstr(o.why.said, "rapl:::PACKAGE_ENERGY:PACKAGE0: Event does not exist"));
    assert_non_null(strstr(o.why.said, "rapl::RAPL_ENERGY_PKG:cpu="));
    setenv("FAKE_PAPI_EVENTS", "rapl:::", 1);
    snprintf(start, sizeof start, "%d", -15);
    setenv("FAKE_PAPI_START", start, 1);
    open_route(&o, &energy_papi, &both);
    assert_int_equal(o.count, -ENODEV);
    assert_non_null(strstr(o.why.said, "Permission level"));
}

/* Gives this process a /sys/class of its own with a zone in it. False: it may not. */
static bool make_zone(void)
{
    static const char zone[] = "/sys/class/powercap/intel-rapl:0";
    FILE *name;

    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", "/sys/class", "tmpfs", 0, "size=64k") || mkdir("/sys/class/powercap", 0700) ||
        mkdir(zone, 0700) || !(name = fopen("/sys/class/powercap/intel-rapl:0/name", "w")))
        return false;
    return fputs("package-0\n", name) >= 0 && !fclose(name);
}

static void papi_powercap(void **unused)
{
    struct opened o;

    (void)unused;
    setenv("FAKE_PAPI_EVENTS", "powercap:::ENERGY_UJ:ZONE", 1);
    setenv("FAKE_PAPI_ABSOLUTE", "1", 1);
    open_route(&o, &energy_papi, &both);
    assert_int_equal(o.count, 1);
    assert_string_equal(o.channels[0].why.status, "ok");
    assert_true(o.channels[0].lsb == 1e-6);
    assert_true(raw_of(&o, &energy_papi, "package-0") < 1000000000); /* not the counter itself */
    energy_papi.close(o.state);
    setenv("FAKE_PAPI_STILL", "1", 1);
    open_route(&o, &energy_papi, &both);
    assert_int_equal(o.count, 1);
    assert_string_equal(o.channels[0].why.status, "broken");
    energy_papi.close(o.state);
}

/* NULL, or why this group cannot be run. */
static const char *cannot_run(const char *group)
{
    if (!strcmp(group, "likwid"))
        return HAVE_LIKWID ? NULL : "likwid is off in this build";
    if (!HAVE_PAPI)
        return "PAPI is off in this build";
    if (!strcmp(group, "powercap") && !make_zone())
        return "a mount namespace is not allowed here";
    return NULL;
}

static int run(const char *group)
{
    const struct CMUnitTest none[] = { cmocka_unit_test_setup(not_asked, set_up),
                                       cmocka_unit_test_setup(packages, set_up) };
    const struct CMUnitTest likwid[] = {
        cmocka_unit_test_setup(likwid_domains, set_up),
        cmocka_unit_test_setup(likwid_without_rapl, set_up),
        cmocka_unit_test_setup(likwid_in_a_virtual_machine, set_up),
    };
    const struct CMUnitTest papi[] = {
        cmocka_unit_test_setup(papi_events, set_up),
        cmocka_unit_test_setup(papi_uncore, set_up),
        cmocka_unit_test_setup(papi_refuses, set_up),
    };
    const struct CMUnitTest powercap[] = { cmocka_unit_test_setup(papi_powercap, set_up) };

    if (!strcmp(group, "likwid"))
        return cmocka_run_group_tests_name("energy by likwid", likwid, NULL, NULL);
    if (!strcmp(group, "papi"))
        return cmocka_run_group_tests_name("energy by PAPI", papi, NULL, NULL);
    if (!strcmp(group, "powercap"))
        return cmocka_run_group_tests_name("energy by PAPI's powercap", powercap, NULL, NULL);
    return cmocka_run_group_tests_name("energy by libraries", none, NULL, NULL);
}

/* Argument: likwid, papi or powercap; without one, what needs none of them. */
int main(int argc, char **argv)
{
    const char *why = argc > 1 ? cannot_run(argv[1]) : NULL;

    if (why) {
        printf("1..0 # SKIP %s\n", why);
        return 0;
    }
    if (fake_log_make())
        return 1;
    const int failed = run(argc > 1 ? argv[1] : "");
    fake_log_remove();
    return failed;
}
