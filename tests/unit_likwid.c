/* SPDX-License-Identifier: MIT
 *
 * meter_likwid.c on a likwid of the tests' own (fake/likwid.c, found by LD_LIBRARY_PATH), which
 * writes down every call: the environment that decides, order, names and threads of the regions. */
#include <fcntl.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "config.h"
#include "harness/measure.h"
#include "tests/fake_log.h"

/* How often a line begins with these words. */
static int lines(const char *log, const char *words)
{
    int count = 0;

    for (const char *at = log; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
        count += !strncmp(at, words, strlen(words));
    return count;
}

static const char *const set_by_perfctr[][2] = { { "LIKWID_MODE", "0" },
                                                 { "LIKWID_FILEPATH", "/tmp/markers" },
                                                 { "LIKWID_EVENTS", "INSTR_RETIRED_ANY:FIXC0" },
                                                 { "LIKWID_THREADS", "0" } };
enum { VARIABLES = sizeof set_by_perfctr / sizeof *set_by_perfctr };

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < VARIABLES; i++)
        setenv(set_by_perfctr[i][0], set_by_perfctr[i][1], 1);
    unsetenv("LIKWID_PIN");
    unsetenv("FAKE_LIKWID_START");
    setenv("FAKE_LIKWID_LOG", fake_log_path, 1);
    return fake_log_clear();
}

/* Comes first: the library stays where it is once it is loaded. */
static void not_asked(void **unused)
{
    const struct meter_context context = { .sysroot = "" }, below = { .sysroot = "/nowhere" };
    void *state = NULL;

    (void)unused;
    for (int i = 0; i < VARIABLES; i++) {
        struct why why = { 0 };
        unsetenv(set_by_perfctr[i][0]);
        assert_int_equal(meter_likwid.open(&state, &context, &why), -ENODEV);
        assert_string_equal(why.status, "skipped");
        assert_string_equal(why.said, "not run under likwid-perfctr -m");
        setenv(set_by_perfctr[i][0], set_by_perfctr[i][1], 1);
    }
    struct why why = { 0 };
    assert_int_equal(meter_likwid.open(&state, &below, &why), -ENODEV);
    assert_string_equal(why.status, "skipped");
    assert_false(fake_log_mapped("liblikwid"));
    assert_string_equal(fake_log_read(), "");
}

struct fixture {
    struct meter_set *set;
    struct plan plan;
    int runs;
    double value;
    char reason[300];
};

static void open_set(struct fixture *f, const struct meter_context *context)
{
    static const struct meter *const list[] = { &meter_likwid, NULL };

    *f = (struct fixture){ 0 };
    assert_int_equal(meter_set_open(&f->set, list, context), 0);
    assert_string_equal(meter_set_why(f->set, 0)->status, "ok");
    assert_int_equal(meter_set_channels(f->set), 1);
    assert_string_equal(meter_set_channel(f->set, 0)->name, "likwid_threads");
}

static int run_counted(void *arg)
{
    struct fixture *f = arg;

    f->runs++;
    return 0;
}

static int keep_reading(void *arg, const struct sample *sample)
{
    struct fixture *f = arg;

    f->value = sample->readings[0].value;
    snprintf(f->reason, sizeof f->reason, "%s",
             sample->readings[0].reason ? sample->readings[0].reason : "");
    return 0;
}

static void measure_two(struct fixture *f)
{
    const struct workload workloads[] = { { .name = "i8 avx2/gemv", .run = run_counted, .arg = f },
                                          { .name = "f16-c", .run = run_counted, .arg = f } };
    const struct plan plan = { .repetitions = 2, .fixed_order = true, .meters = f->set };
    struct outcome outcomes[2];

    assert_int_equal(measure(workloads, 2, &plan, keep_reading, f, outcomes), 0);
    assert_int_equal(f->runs, 4);
}

static void regions_in_order(void **unused)
{
    const struct meter_context context = { .sysroot = "" };
    struct fixture f;
    cpu_set_t before, after;

    (void)unused;
    setenv("LIKWID_PIN", "0", 1);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    open_set(&f, &context);
    measure_two(&f);
    meter_set_close(f.set);
    assert_true(f.value == 1);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));

    char cpu[8], expected[FAKE_LOG_MAX];
    snprintf(cpu, sizeof cpu, "%d", CPU_COUNT(&before) == 1 ? 0 : -1);
    snprintf(expected, sizeof expected,
             "init\n"
             "thread %1$s\nregister i8_avx2_gemv %1$s\n"
             "start i8_avx2_gemv %1$s\nstop i8_avx2_gemv %1$s\n"
             "register f16-c %1$s\nstart f16-c %1$s\nstop f16-c %1$s\n"
             "start i8_avx2_gemv %1$s\nstop i8_avx2_gemv %1$s\n"
             "start f16-c %1$s\nstop f16-c %1$s\n"
             "close\n",
             cpu);
    assert_string_equal(fake_log_read(), expected);
}

/* What a pool of two threads does, one after the other so that the log has one order. */
struct job {
    void (*fn)(void *arg);
    void *arg;
};

static void *run_job(void *arg)
{
    const struct job *job = arg;

    job->fn(job->arg);
    return NULL;
}

static void on_two_threads(void *threads, void (*fn)(void *arg), void *arg)
{
    struct job job = { fn, arg };
    pthread_t other;

    assert_string_equal(threads, "the pool");
    fn(arg);
    assert_int_equal(pthread_create(&other, NULL, run_job, &job), 0);
    pthread_join(other, NULL);
}

static void every_thread(void **unused)
{
    static char pool[] = "the pool";
    const struct meter_context context = { .sysroot = "",
                                           .each_thread = on_two_threads,
                                           .threads = pool };
    struct fixture f;

    (void)unused;
    open_set(&f, &context);
    measure_two(&f);
    meter_set_close(f.set);
    assert_true(f.value == 2);
    const char *log = fake_log_read();
    assert_int_equal(lines(log, "start f16-c "), 4); /* 2 samples x 2 threads */
    assert_int_equal(lines(log, "stop f16-c "), 4);
    assert_int_equal(lines(log, "start i8_avx2_gemv "), 4);
    assert_int_equal(lines(log, "init\n"), 1);
    assert_int_equal(lines(log, "close\n"), 1);
}

/* likwid says -EFAULT on a CPU that it was not told to count: no value then, and no zero. */
static void refused(void **unused)
{
    const struct meter_context context = { .sysroot = "" };
    struct fixture f;

    (void)unused;
    setenv("FAKE_LIKWID_START", "-14", 1);
    open_set(&f, &context);
    measure_two(&f);
    assert_true(isnan(f.value));
    assert_non_null(strstr(f.reason, "Bad address"));
    assert_non_null(strstr(f.reason, "LIKWID_THREADS=0"));
    meter_set_close(f.set);
}

/* More regions than the meter remembers: each is still started and stopped. */
static void many_regions(void **unused)
{
    const struct meter_context context = { .sysroot = "" };
    struct reading reading;
    struct fixture f;

    (void)unused;
    unsetenv("FAKE_LIKWID_LOG");
    open_set(&f, &context);
    for (int i = 0; i < 1000; i++) {
        char name[300];
        memset(name, 'a' + i % 26, sizeof name);
        snprintf(name + 120, sizeof name - 120, "%d", i);
        meter_set_start(f.set, i % 2 ? name : name + 100);
        meter_set_stop(f.set, &reading);
        assert_true(reading.value == 1);
    }
    meter_set_close(f.set);
}

static void words(void **unused)
{
    const struct meter_context two = { .meters = "likwid,papi" }, none = { 0 };

    (void)unused;
    assert_true(meter_asked(&two, "likwid") && meter_asked(&two, "papi"));
    assert_false(meter_asked(&two, "likwi") || meter_asked(&two, "likwid,papi"));
    assert_false(meter_asked(&two, "") || meter_asked(&none, "papi"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(not_asked, set_up),
        cmocka_unit_test_setup(words, set_up),
        cmocka_unit_test_setup(regions_in_order, set_up),
        cmocka_unit_test_setup(every_thread, set_up),
        cmocka_unit_test_setup(refused, set_up),
        cmocka_unit_test_setup(many_regions, set_up),
    };

    if (!HAVE_LIKWID) {
        puts("1..0 # SKIP likwid is off in this build");
        return 0;
    }
    if (fake_log_make())
        return 1;
    const int failed = cmocka_run_group_tests_name("likwid", tests, NULL, NULL);
    fake_log_remove();
    return failed;
}
