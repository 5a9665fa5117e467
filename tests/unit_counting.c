/* SPDX-License-Identifier: MIT
 *
 * Counters on the kernel at hand, with what every machine has: software events and breakpoints,
 * whose true counts the test knows. Skipped where perf_event_open is refused. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/hw_breakpoint.h>
#include "harness/counters/counters.h"
#include "harness/counters/sysfs_pmu.h"
#include "kernels/kernel.h"

/* In user mode: a user may count that, and gets no note for it. */
static struct perf_event software(const char *name, uint64_t config)
{
    struct perf_event event = { .unit = "count",
                                .scale = 1,
                                .group = -1,
                                .type = PERF_TYPE_SOFTWARE,
                                .config = config,
                                .exclude_kernel = true };

    snprintf(event.name, sizeof event.name, "%s", name);
    return event;
}

static struct perf_event breakpoint(const char *name, uint64_t kind, const void *at)
{
    struct perf_event event = software(name, kind);

    event.type = PERF_TYPE_BREAKPOINT;
    event.config1 = (uintptr_t)at;
    event.config2 = kind == HW_BREAKPOINT_X && sizeof(long) == 8 ? sizeof(long) : 4;
    return event;
}

/* Opens all of the events, or skips the test with the reason. */
static struct perf *open_or_skip(const struct perf_event *events, int count,
                                 const struct perf_system *system)
{
    struct perf *perf;

    assert_int_equal(perf_open(&perf, events, count, "", system), 0);
    for (int i = 0; i < count; i++) {
        const struct why *why = perf_why(perf, i);

        if (strcmp(why->status, "ok") == 0)
            continue;
        print_message("# not tested: %s (%s)\n", why->said, why->status);
        perf_close(perf);
        skip();
    }
    return perf;
}

static double value(struct reading reading)
{
    if (reading.reason)
        fail_msg("%s", reading.reason);
    return reading.value;
}

/* ---- pages ---- */

/* Not instrumented: the sanitizer's shadow would fault, too. */
__attribute__((no_sanitize("address"), noinline)) static void touch(volatile char *pages, int count,
                                                                    long page)
{
    for (int i = 0; i < count; i++)
        pages[i * page] = 1;
}

static char *fresh_pages(int count, long page)
{
    char *pages = mmap(NULL, (size_t)(count * page), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(pages != MAP_FAILED);
    madvise(pages, (size_t)(count * page), MADV_NOHUGEPAGE);
    return pages;
}

static void check_page_faults(void **state)
{
    enum { PAGES = 1000 };
    const long page = sysconf(_SC_PAGESIZE);
    const struct perf_event events[2] = {
        software("page-faults", PERF_COUNT_SW_PAGE_FAULTS),
        software("task-clock", PERF_COUNT_SW_TASK_CLOCK),
    };
    struct reading readings[2];
    struct perf *perf = open_or_skip(events, 2, &perf_linux);

    (void)state;
    for (int i = 0; i < 3; i++) {
        char *pages = fresh_pages(PAGES, page);

        perf_start(perf, "pages");
        touch(pages, PAGES, page);
        perf_stop(perf, readings);
        munmap(pages, (size_t)(PAGES * page));
        assert_true(value(readings[0]) == PAGES);
        assert_true(value(readings[1]) > 0);
        perf_start(perf, "nothing");
        perf_stop(perf, readings);
        assert_true(value(readings[0]) == 0);
    }
    perf_close(perf);
}

/* ---- calls of a kernel ---- */

static void call_gemv(int calls)
{
    static const uint16_t panel[PANEL_ROWS * 4];
    static const float x[ACT_BLOCK];
    const struct wmat w = { .data = panel, .scale = 1, .rows = PANEL_ROWS, .cols = 4 };
    const struct acts acts = { .f32 = x, .count = 1, .stride = ACT_BLOCK };
    float y[PANEL_ROWS];
    gemv_fn *gemv = kernel_find(&f16, "c", 0)->gemv;

    for (int i = 0; i < calls; i++)
        gemv(y, &w, &acts, 0, PANEL_ROWS);
}

static struct perf_event gemv_event(void)
{
    return breakpoint("gemv", HW_BREAKPOINT_X, (const void *)kernel_find(&f16, "c", 0)->gemv);
}

static void check_calls(void **state)
{
    const struct perf_event event = gemv_event();
    struct perf *perf = open_or_skip(&event, 1, &perf_linux);
    struct reading reading;

    (void)state;
    perf_start(perf, "calls");
    call_gemv(1234);
    perf_stop(perf, &reading);
    assert_true(value(reading) == 1234);
    assert_null(reading.note);
    call_gemv(10); /* between regions */
    perf_start(perf, "calls");
    call_gemv(7);
    perf_stop(perf, &reading);
    assert_true(value(reading) == 7);
    perf_close(perf);
}

static void *worker(void *arg)
{
    pthread_barrier_t *gate = arg;

    for (int region = 0; region < 2; region++) {
        pthread_barrier_wait(gate);
        call_gemv(100);
        pthread_barrier_wait(gate);
    }
    return NULL;
}

/* Threads that are started after the events were opened count; one that was there does not, and
 * the reading says so. */
static void check_threads(void **state)
{
    enum { THREADS = 3 };
    const struct perf_event event = gemv_event();
    struct perf *perf = open_or_skip(&event, 1, &perf_linux), *late;
    struct reading reading;
    pthread_t threads[THREADS];
    pthread_barrier_t gate;

    (void)state;
    assert_int_equal(pthread_barrier_init(&gate, NULL, THREADS + 1), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, worker, &gate), 0);
    perf_start(perf, "threads");
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    perf_stop(perf, &reading);
    assert_true(value(reading) == 100 * THREADS);
    assert_null(reading.note);

    late = open_or_skip(&event, 1, &perf_linux);
    perf_start(late, "threads");
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    call_gemv(5);
    perf_stop(late, &reading);
    assert_true(value(reading) == 5);
    assert_string_equal(reading.note, "3 older threads not counted");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    perf_close(late);
    perf_close(perf);
    pthread_barrier_destroy(&gate);
}

/* A debug register each: four on x86. The fifth event has a reason, and the others count. */
static void check_no_counter_left(void **state)
{
    enum { EVENTS = 5 };
    static volatile int watched[EVENTS * 16];
    struct perf_event events[EVENTS];
    struct reading readings[EVENTS];
    struct perf *perf;

    (void)state;
#if !defined(__x86_64__)
    print_message("# not tested: the number of watchpoints is not known here\n");
    skip();
#endif
    for (int i = 0; i < EVENTS; i++)
        events[i] = breakpoint("write", HW_BREAKPOINT_W, (const void *)(uintptr_t)&watched[16 * i]);
    perf = open_or_skip(events, 1, &perf_linux);
    perf_close(perf);
    assert_int_equal(perf_open(&perf, events, EVENTS, "", &perf_linux), 0);
    assert_int_equal(perf_counted(perf), 4);
    assert_string_equal(perf_why(perf, 4)->status, "absent");
    assert_non_null(strstr(perf_why(perf, 4)->said, "No space left"));
    perf_start(perf, "writes");
    for (int n = 0; n < 100; n++)
        for (int i = 0; i < EVENTS; i++)
            watched[16 * i] = n;
    perf_stop(perf, readings);
    for (int i = 0; i < 4; i++)
        assert_true(value(readings[i]) == 100);
    assert_true(isnan(readings[4].value));
    assert_non_null(strstr(readings[4].reason, "no counter of this kind is free"));
    perf_close(perf);
}

/* ---- part of the time ---- */

static int bound_cpu;

static int open_bound(struct perf_event_attr *attr, pid_t pid, int cpu, int group,
                      unsigned long flags)
{
    (void)cpu;
    return perf_linux.open(attr, pid, bound_cpu, group, flags);
}

static double cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static void spin_on(int cpu, double ms)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
    for (double end = cpu_ms() + ms; cpu_ms() < end;)
        ;
}

/* A clock that counts on one CPU, and work on two: what ran is not what was enabled, and the
 * reading follows. */
static void check_part_of_the_time(void **state)
{
    const struct perf_event event = software("task-clock", PERF_COUNT_SW_TASK_CLOCK);
    struct perf_system bound = perf_linux;
    int cpus[2], count = 0;
    struct reading reading;
    struct perf *perf;
    cpu_set_t all;

    (void)state;
    bound.open = open_bound;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
        if (CPU_ISSET((size_t)cpu, &all))
            cpus[count++] = cpu;
    if (count < 2) {
        print_message("# not tested: one CPU\n");
        skip();
    }
    bound_cpu = cpus[0];
    spin_on(cpus[0], 0);
    perf = open_or_skip(&event, 1, &bound);
    perf_start(perf, "there");
    spin_on(cpus[0], 20);
    perf_stop(perf, &reading);
    assert_true(value(reading) >= 19e6);
    assert_null(reading.note);
    perf_start(perf, "half");
    spin_on(cpus[0], 20);
    spin_on(cpus[1], 20);
    perf_stop(perf, &reading);
    spin_on(cpus[0], 0);
    assert_true(isnan(reading.value));
    assert_non_null(strstr(reading.reason, "not counted: it ran only"));
    perf_start(perf, "most");
    spin_on(cpus[0], 95);
    spin_on(cpus[1], 5);
    perf_stop(perf, &reading);
    assert_true(value(reading) > 90e6 && value(reading) < 130e6);
    assert_non_null(reading.note);
    assert_non_null(strstr(reading.note, "scaled: counted 9"));
    perf_start(perf, "elsewhere");
    spin_on(cpus[1], 5);
    perf_stop(perf, &reading);
    assert_true(isnan(reading.value));
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    perf_close(perf);
}

/* ---- without privileges ---- */

/* What a user gets: a value in user mode, with its note, or a reason. What happens in the kernel
 * alone has a reason, where it would be 0. */
static const char *as_a_user(void)
{
    struct perf_event events[3] = {
        software("page-faults", PERF_COUNT_SW_PAGE_FAULTS),
        software("context-switches", PERF_COUNT_SW_CONTEXT_SWITCHES),
        { .name = "cycles", .unit = "count", .scale = 1, .type = PERF_TYPE_HARDWARE },
    };
    const long page = sysconf(_SC_PAGESIZE);
    char *pages = fresh_pages(10, page);
    struct reading readings[3];
    struct perf *perf;

    events[0].exclude_kernel = events[1].exclude_kernel = false;
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
        return "setresuid failed";
    if (perf_open(&perf, events, 3, "", &perf_linux))
        return "perf_open failed";
    for (int i = 0; i < 2; i++) { /* the first writes what the fork left to be copied */
        perf_start(perf, "user");
        touch(pages + 5 * i * page, 5, page);
        sched_yield();
        perf_stop(perf, readings);
    }
    for (int i = 0; i < 3; i++) {
        const struct reading *r = &readings[i];

        if ((r->reason != NULL) != isnan(r->value) || (!r->reason && r->value <= 0 && i != 1))
            return i ? "context switches or cycles" : "page faults";
        if (r->reason && strlen(r->reason) < 20)
            return "a short reason";
    }
    if (!readings[0].reason && readings[0].value != 5)
        return "page faults";
    if (!readings[1].reason && readings[0].note)
        return "a count of what happens in the kernel, without the kernel";
    if (strcmp(perf_why(perf, 2)->status, "ok") != 0 && !sysfs_pmu_core("", NULL, 0) &&
        strcmp(perf_why(perf, 2)->status, "absent") != 0)
        return "without a PMU, cycles are absent, and not denied";
    perf_close(perf);
    return NULL;
}

static void check_unprivileged(void **state)
{
    pid_t pid;
    int status;

    (void)state;
    if (geteuid() != 0) {
        print_message("# not tested: not root\n");
        skip();
    }
    pid = fork();
    if (pid == 0) {
        const char *wrong = as_a_user();

        if (wrong)
            print_message("# %s\n", wrong);
        fflush(NULL);
        _exit(wrong != NULL);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- PAPI ---- */

/* Two ways to the same event; beside them one that no machine has, with PAPI's words, and one that
 * PAPI would read as 0. */
static void check_papi(void **state)
{
    enum { PAGES = 1000 };
    static const struct meter *const list[] = { &meter_papi, &meter_counters, NULL };
    const struct meter_context context = {
        .sysroot = "",
        .events = "papi:perf::PAGE-FAULTS,PAPI_no_such_event,page-faults,"
                  "papi:perf::CONTEXT-SWITCHES"
    };
    const long page = sysconf(_SC_PAGESIZE);
    struct reading readings[SAMPLE_READINGS_MAX];
    struct meter_set *set;

    (void)state;
    assert_int_equal(meter_set_open(&set, list, &context), 0);
    assert_int_equal(meter_set_channels(set), 4);
    for (int i = 0; i < 3; i++) {
        char *pages = fresh_pages(PAGES, page);

        meter_set_start(set, "pages");
        touch(pages, PAGES, page);
        meter_set_stop(set, readings);
        munmap(pages, (size_t)(PAGES * page));
    }
    assert_non_null(strstr(readings[1].reason, "papi:PAPI_no_such_event"));
    assert_non_null(strstr(readings[2].reason, "PAPI"));
    assert_true(isnan(readings[1].value) && isnan(readings[2].value));
    if (readings[0].reason || readings[3].reason) {
        print_message("# not tested: %s; %s\n", readings[0].reason ? readings[0].reason : "PAPI",
                      readings[3].reason ? readings[3].reason : "perf");
        meter_set_close(set);
        skip();
    }
    print_message("# page faults: PAPI %.0f, ours %.0f; PAPI's note: %s; no such event: %s\n",
                  readings[0].value, readings[3].value, readings[0].note ? readings[0].note : "-",
                  readings[1].reason);
    assert_true(readings[0].value == PAGES && readings[3].value == PAGES);
    meter_set_close(set);
}

/* ---- cost ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of the set of this machine, whatever can be counted of it. */
static void check_cost(void **state)
{
    enum { REGIONS = 1001 };
    static const struct meter *const list[] = { &meter_counters, NULL };
    const struct meter_context context = { .sysroot = "" };
    static double us[REGIONS];
    struct reading readings[SAMPLE_READINGS_MAX];
    struct meter_set *set;

    (void)state;
    assert_int_equal(meter_set_open(&set, list, &context), 0);
    for (int i = 0; i < REGIONS; i++) {
        const int64_t start = clock_ns();

        meter_set_start(set, "empty");
        meter_set_stop(set, readings);
        us[i] = 1e-3 * (double)(clock_ns() - start);
    }
    qsort(us, REGIONS, sizeof us[0], by_value);
    print_message("# an empty region with counters: median %.1f us, 90%% below %.1f us\n",
                  us[REGIONS / 2], us[REGIONS * 9 / 10]);
    assert_true(us[REGIONS / 2] < 50);
    for (int i = 0; i < meter_set_channels(set); i++) {
        assert_true((readings[i].reason != NULL) == isnan(readings[i].value));
        if (strcmp(meter_set_channel(set, i)->name, "cycles") == 0 && readings[i].reason)
            print_message("# %s\n", readings[i].reason);
    }
    meter_set_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_page_faults),
        cmocka_unit_test(check_calls),
        cmocka_unit_test(check_threads),
        cmocka_unit_test(check_no_counter_left),
        cmocka_unit_test(check_part_of_the_time),
        cmocka_unit_test(check_unprivileged),
        cmocka_unit_test(check_papi),
        cmocka_unit_test(check_cost),
    };

    return cmocka_run_group_tests_name("counting", tests, NULL, NULL);
}
