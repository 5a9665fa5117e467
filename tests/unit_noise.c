/* SPDX-License-Identifier: MIT
 *
 * What disturbs a sample: the meters of pressure and throttling on trees, harness/noise.c on
 * numbers worked out by hand, bench/flags.c on a database. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "bench/flags.h"
#include "bench/rows.h"
#include "harness/measure.h"
#include "harness/meter.h"
#include "harness/noise.h"
#include "harness/store.h"
#include "tests/energy_fixture.h"

enum { PATH_BYTES = 200 };

static int make_root(void **state)
{
    *state = malloc(PATH_BYTES);
    return *state ? energy_fixture_root(*state, PATH_BYTES) : -1;
}

static int remove_root(void **state)
{
    const int error = energy_fixture_remove(*state);

    free(*state);
    return error;
}

static void write_text(const char *root, const char *path, const char *text)
{
    assert_int_equal(energy_fixture_write(root, path, text), 0);
}

/* ---- meters ---- */

static struct meter_set *open_set(const struct meter *meter, const char *root)
{
    const struct meter *const list[] = { meter, NULL };
    struct meter_set *set;

    assert_int_equal(meter_set_open(&set, list, &(struct meter_context){ .sysroot = root }), 0);
    assert_int_equal(meter_set_channels(set), 3);
    assert_string_equal(meter_set_channel(set, 0)->provenance, "fixture");
    return set;
}

static void assert_value(const struct reading *r, double value)
{
    if (r->reason || r->value != value)
        fail_msg("%g (%s), not %g", r->value, r->reason ? r->reason : "no reason", value);
}

static void assert_absent(const struct reading *r, const char *words)
{
    if (!r->reason || !strstr(r->reason, words) || !isnan(r->value))
        fail_msg("%g: \"%s\" is not \"%s\"", r->value, r->reason ? r->reason : "", words);
}

static void pressure_is_the_difference_of_totals(void **state)
{
    const char *root = *state;
    struct reading readings[3];

    write_text(root, "/proc/pressure/cpu", "some avg10=1.00 avg60=0.00 avg300=0.00 total=1000\n");
    write_text(root, "/proc/pressure/memory",
               "some avg10=0.00 avg60=0.00 avg300=0.00 total=70\nfull avg10=0.00 avg60=0.00 "
               "avg300=0.00 total=50\n");
    struct meter_set *set = open_set(&meter_pressure, root);
    assert_string_equal(meter_set_why(set, 0)->status, "absent"); /* in part */
    meter_set_start(set, "");
    write_text(root, "/proc/pressure/cpu", "some avg10=1.00 avg60=0.00 avg300=0.00 total=1250\n");
    meter_set_stop(set, readings);
    assert_value(&readings[0], 250);
    assert_value(&readings[1], 0); /* read, and nothing: not absent */
    assert_absent(&readings[2], "/proc/pressure/io: No such file");

    meter_set_start(set, "");
    write_text(root, "/proc/pressure/cpu", "some avg10=1.00 avg60=0.00 avg300=0.00 total=9\n");
    write_text(root, "/proc/pressure/memory", "full avg10=0.00 total=50\n");
    meter_set_stop(set, readings);
    assert_absent(&readings[0], "went back");
    assert_absent(&readings[1], "/proc/pressure/memory");
    meter_set_close(set);
}

static void without_pressure_there_is_a_reason_and_a_remedy(void **state)
{
    struct meter_set *set = open_set(&meter_pressure, *state);
    struct reading readings[3];

    assert_non_null(strstr(meter_set_why(set, 0)->fix, "psi=1"));
    meter_set_start(set, "");
    meter_set_stop(set, readings);
    for (int i = 0; i < 3; i++)
        assert_absent(&readings[i], "/proc/pressure/cpu");
    meter_set_close(set);
}

#define CPU "/sys/devices/system/cpu/cpu"

/* One core with two threads, which share its counter. */
static void throttling_counts_a_core_once(void **state)
{
    const char *root = *state;
    struct reading readings[3];

    write_text(root, CPU "0/topology/thread_siblings_list", "0-1\n");
    write_text(root, CPU "1/topology/thread_siblings_list", "0-1\n");
    write_text(root, CPU "0/topology/physical_package_id", "0\n");
    write_text(root, CPU "0/thermal_throttle/core_throttle_count", "3\n");
    write_text(root, CPU "1/thermal_throttle/core_throttle_count", "3\n");
    write_text(root, CPU "0/thermal_throttle/package_throttle_count", "8\n");
    write_text(root, "/proc/self/cgroup", "0::/a/b\n");
    write_text(root, "/sys/fs/cgroup/a/b/cpu.stat",
               "usage_usec 900\nnr_throttled 1\nthrottled_usec 500\n");
    struct meter_set *set = open_set(&meter_throttle, root);
    assert_string_equal(meter_set_why(set, 0)->status, "ok");
    meter_set_start(set, "");
    write_text(root, CPU "0/thermal_throttle/core_throttle_count", "5\n");
    write_text(root, CPU "1/thermal_throttle/core_throttle_count", "5\n");
    write_text(root, "/sys/fs/cgroup/a/b/cpu.stat",
               "usage_usec 990\nnr_throttled 2\nthrottled_usec 540\n");
    meter_set_stop(set, readings);
    assert_value(&readings[0], 2);
    assert_value(&readings[1], 0);
    assert_value(&readings[2], 40);

    meter_set_start(set, "");
    write_text(root, CPU "0/thermal_throttle/core_throttle_count", "hot\n");
    write_text(root, CPU "0/thermal_throttle/package_throttle_count", "1\n");
    meter_set_stop(set, readings);
    assert_absent(&readings[0], "could not be read");
    assert_absent(&readings[1], "went back");
    meter_set_close(set);
}

/* The root's group of version 2 has no quota, and version 1 counts in nanoseconds. */
static void throttling_of_a_container(void **state)
{
    const char *root = *state;
    struct reading readings[3];

    write_text(root, "/proc/self/cgroup", "1:cpu:/\n0::/\n");
    write_text(root, "/sys/fs/cgroup/cpu.stat", "usage_usec 900\n");
    write_text(root, "/sys/fs/cgroup/cpu/cpu.stat", "nr_throttled 0\nthrottled_time 1000000\n");
    struct meter_set *set = open_set(&meter_throttle, root);
    meter_set_start(set, "");
    write_text(root, "/sys/fs/cgroup/cpu/cpu.stat", "nr_throttled 1\nthrottled_time 3500000\n");
    meter_set_stop(set, readings);
    assert_absent(&readings[0], "core_throttle_count");
    assert_absent(&readings[1], "package_throttle_count");
    assert_value(&readings[2], 2500);
    meter_set_close(set);
}

/* ---- what flags a sample ---- */

/* A sample of 1 s on two CPUs that nothing disturbed. */
static struct noise_sample quiet(void)
{
    struct noise_sample s = { .time_ns = 1e9, .median_khz = 3e6 };

    s.input[NOISE_BUSY_TICKS] = 200;
    s.input[NOISE_FREQUENCY_KHZ] = 3e6;
    return s;
}

static int kind_of(const char *name)
{
    for (int k = 0; k < NOISE_KINDS; k++)
        if (!strcmp(noise_kinds[k].name, name))
            return k;
    fail_msg("no kind %s", name);
    return 0;
}

static void each_limit_is_where_it_says(void **state)
{
    static const struct {
        const char *name;
        enum noise_input input;
        double below, above; /* of the limit */
        double amount;       /* of `above` */
    } cases[] = {
        { "steal", NOISE_STEAL_TICKS, 0, 50, 0.2 },
        /* 2% of 2 s of CPU time, and two ticks that may be rounding: 60 ms. */
        { "others", NOISE_OTHERS_CPU_US, 60000, 120000, 0.05 },
        { "pressure-cpu", NOISE_PRESSURE_CPU_US, 10000, 20000, 0.02 },
        { "pressure-memory", NOISE_PRESSURE_MEMORY_US, 10000, 20000, 0.02 },
        { "throttle", NOISE_THROTTLE_CORE, 0, 1, 1 },
        { "throttle", NOISE_THROTTLE_PACKAGE, 0, 2, 2 },
        { "quota", NOISE_THROTTLE_QUOTA_US, 0, 1000, 0.001 },
        { "frequency", NOISE_FREQUENCY_KHZ, 2.75e6, 2.4e6, 0.2 },
        { "major-faults", NOISE_FAULTS_MAJOR, 0, 1, 1 },
    };
    double amount[NOISE_KINDS];
    unsigned known;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct noise_sample s = quiet();
        const int kind = kind_of(cases[i].name);

        s.input[cases[i].input] = cases[i].below;
        if (noise_judge(&s, &known, amount) || known != (1u << NOISE_KINDS) - 1)
            fail_msg("%s: %g is flagged", cases[i].name, cases[i].below);
        s.input[cases[i].input] = cases[i].above;
        if (noise_judge(&s, &known, amount) != 1u << kind ||
            fabs(amount[kind] - cases[i].amount) > 1e-12)
            fail_msg("%s: %g is not flagged, or not as %g", cases[i].name, cases[i].above,
                     cases[i].amount);
    }
}

static void what_was_not_read_is_not_judged(void **state)
{
    struct noise_sample s = quiet();
    double amount[NOISE_KINDS];
    unsigned known;

    (void)state;
    for (int i = 0; i < NOISE_INPUTS; i++)
        s.input[i] = NAN;
    assert_int_equal(noise_judge(&s, &known, amount), 0);
    assert_int_equal(known, 0);
    for (int i = NOISE_THROTTLE_CORE; i <= NOISE_THROTTLE_PACKAGE; i++) { /* either alone tells */
        s.input[i] = 1;
        assert_int_equal(noise_judge(&s, &known, amount), 1 << kind_of("throttle"));
        assert_int_equal(known, 1 << kind_of("throttle"));
        s.input[i] = NAN;
    }
}

static void a_warning_has_its_remedy(void **state)
{
    char text[400];

    (void)state;
    noise_words(kind_of("others"), 12, 60, 0.05, text, sizeof text);
    assert_string_equal(text, "12 of 60 samples: other processes took at least 5% of the CPU time "
                              "(median of these): stop them, or keep them off CPUs that --pin "
                              "names");
    noise_words(kind_of("throttle"), 1, 60, 3, text, sizeof text);
    assert_non_null(strstr(text, "throttled itself 3 times"));
}

/* ---- from the database ---- */

/* A round's readings; NAN: absent. */
static void add_sample(struct store *store, int64_t cell, int round, double steal, double khz)
{
    static const struct channel channels[] = { { "steal_ticks", "tick", PROVENANCE_COUNTED },
                                               { "busy_ticks", "tick", PROVENANCE_COUNTED },
                                               { "frequency_max_khz", "kHz", PROVENANCE_COUNTED } };
    const struct channel *const list[] = { &channels[0], &channels[1], &channels[2] };
    struct reading readings[] = { { .value = steal }, { .value = 100 }, { .value = khz } };
    const struct sample sample = { .round = round, .time_ns = 1000000000, .readings = readings };

    for (int i = 0; i < 3; i++)
        if (isnan(readings[i].value))
            readings[i].reason = "not read";
    assert_int_equal(store_sample(store, cell, &sample, list, 3), 0);
}

struct said {
    int lines;
    char text[4][400];
};

static void keep_line(void *arg, const char *line)
{
    struct said *said = arg;

    snprintf(said->text[said->lines++ % 4], sizeof said->text[0], "%s", line);
}

static void flags_of_a_run(void **state)
{
    static const struct host host = { .key = "0123456789abcdef" };
    static const struct build build = { "1", "", "", "cc", "-O3", "none" };
    const struct cell what = { .kind = "kernel", .format = "i8", .provenance = "measured" };
    char path[PATH_BYTES + 10];
    struct store *store;
    struct said said = { 0 };
    int n;

    snprintf(path, sizeof path, "%s/t.db", (const char *)*state);
    assert_int_equal(store_open(&store, path), 0);
    const int64_t run = store_run_begin(store, &host, &build, "kernel", "", 1);
    const int64_t cell = store_cell(store, run, &what), blind = store_cell(store, run, &what);
    add_sample(store, cell, -1, 9, 1e6); /* warm-up is in nothing */
    add_sample(store, cell, 0, 0, 3e6);
    add_sample(store, cell, 1, 25, 3e6);
    add_sample(store, cell, 2, 0, 2e6);
    add_sample(store, cell, 3, 0, 3e6);
    const struct sample unread = { .round = 0, .time_ns = 1 };
    assert_int_equal(store_sample(store, blind, &unread, NULL, 0), 0);

    sqlite3 *db = store_db(store);
    struct flagged *flagged = flags_read(db, cell, &n);
    assert_int_equal(n, 4);
    assert_int_equal(flagged[0].flags, 0);
    assert_int_equal(flagged[1].flags, 1 << kind_of("steal"));
    assert_int_equal(flagged[2].flags, 1 << kind_of("frequency"));
    free(flagged);
    assert_int_equal(flags_count(db, cell), 2);
    assert_int_equal(flags_count(db, blind), -1); /* not 0: nobody knows */
    json_t *rows = rows_kernel(db, run);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "flagged")), 2);
    assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "flagged")));
    json_decref(rows);

    store_value(store, cell,
                &(struct value){ "huge_page_share", "1", "counted", 0.5, 0, NULL, NULL });
    flags_warn(db, run, keep_line, &said);
    assert_int_equal(said.lines, 2); /* a kernel of no cache is small: its pages are nobody's */
    assert_non_null(
        strstr(said.text[0], "1 of 5 samples: the hypervisor took 20% of the CPU time"));
    assert_non_null(strstr(said.text[1], "1 of 5 samples: the frequency was 33.3% below"));
    sqlite3_exec(db, "UPDATE cell SET cache = 'cold'", NULL, NULL, NULL);
    flags_warn(db, run, keep_line, &said);
    assert_int_equal(said.lines, 5);
    assert_non_null(strstr(said.text[0], "1 of 1 cells: only 50% of the weights"));
    store_close(store);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROOT(pressure_is_the_difference_of_totals),
        WITH_ROOT(without_pressure_there_is_a_reason_and_a_remedy),
        WITH_ROOT(throttling_counts_a_core_once),
        WITH_ROOT(throttling_of_a_container),
        cmocka_unit_test(each_limit_is_where_it_says),
        cmocka_unit_test(what_was_not_read_is_not_judged),
        cmocka_unit_test(a_warning_has_its_remedy),
        WITH_ROOT(flags_of_a_run),
    };

    return cmocka_run_group_tests_name("noise", tests, NULL, NULL);
}
