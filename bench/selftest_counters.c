/* SPDX-License-Identifier: MIT
 *
 * Counters against work of known size. */
#include "bench/selftest.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "harness/counters/counters.h"

enum { PAGES = 1000, TURNS = 10000000 };

/* getrusage counts up to the last tick of the scheduler, of 10 ms at most. */
static const double TIME_SHARE = 0.01, TIME_NS = 10e6;
enum { LOOPS = 60 };

/* One event of this thread around work(arg). NULL; or, with the reason in text (size), "skipped"
 * where it cannot be counted, "fail" where it was to be counted and has no value. */
static const char *count(const struct run *run, const char *event, void (*work)(void *), void *arg,
                         double *value, char *text, size_t size)
{
    struct meter_context context = run->context;
    struct reading readings[SAMPLE_READINGS_MAX];
    struct why why = { .status = NULL };
    void *state;
    int channels;

    context.events = event;
    const int error = meter_counters.open(&state, &context, &why);
    if (error) {
        snprintf(text, size, "%s", why.said[0] ? why.said : strerror(-error));
        return "skipped";
    }
    meter_counters.list(state, &channels);
    meter_counters.start(state, "selftest");
    work(arg);
    meter_counters.stop(state, readings);
    *value = readings[0].value;
    if (readings[0].reason)
        snprintf(text, size, "%s", readings[0].reason);
    const bool counted = strcmp(counters_why(state, 0)->status, "ok") == 0;
    meter_counters.close(state);
    return !readings[0].reason ? NULL : counted ? "fail" : "skipped";
}

/* ---- page faults ---- */

struct touched {
    char *pages;
    size_t page_bytes;
    long faults; /* as getrusage has them */
};

static long faults_now(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

/* The address sanitizer's own pages would fault, too: an eighth. */
__attribute__((no_sanitize_address)) static void touch(void *arg)
{
    struct touched *touched = arg;
    const long before = faults_now();

    for (int p = 0; p < PAGES; p++)
        ((volatile char *)touched->pages)[(size_t)p * touched->page_bytes] = 1;
    touched->faults = faults_now() - before;
}

static void page_faults(struct selftest *t)
{
    static const char check[] = "page faults of 1000 pages";
    struct touched touched = { .page_bytes = (size_t)sysconf(_SC_PAGESIZE) };
    const size_t bytes = PAGES * touched.page_bytes;
    double value = NAN;
    char text[224];

    touched.pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (touched.pages == MAP_FAILED) {
        selftest_row(t, check, "skipped", NAN, NULL, NULL, "mmap: %s", strerror(errno));
        return;
    }
    madvise(touched.pages, bytes, MADV_NOHUGEPAGE);
    const char *lacking =
        count(t->run, "page-faults:u", touch, &touched, &value, text, sizeof text);
    if (lacking)
        selftest_row(t, check, lacking, NAN, "count", "= 1000", "%s", text);
    else
        selftest_row(t, check, value == PAGES && touched.faults == PAGES ? "pass" : "fail", value,
                     "count", "= 1000", "perf_event_open %.0f, getrusage %ld", value,
                     touched.faults);
    munmap(touched.pages, bytes);
}

/* ---- a loop of known length ---- */

#if defined(__x86_64__) || defined(__aarch64__)
enum { LOOP_INSTRUCTIONS = 2 };
static void loop(void *arg)
{
    long turns = TURNS;

    (void)arg;
#if defined(__x86_64__)
    __asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(turns) : : "cc");
#else
    __asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(turns) : : "cc");
#endif
}
#else
enum { LOOP_INSTRUCTIONS = 0 }; /* not known */
static void loop(void *arg)
{
    (void)arg;
    for (volatile long turn = 0; turn < TURNS;)
        turn = turn + 1;
}
#endif

static void instructions(struct selftest *t)
{
    static const char check[] = "instructions of a known loop", limit[] = "within 1 %";
    const double expected = (double)LOOP_INSTRUCTIONS * TURNS;
    double value = NAN;
    char text[224];
    const char *lacking = count(t->run, "instructions:u", loop, NULL, &value, text, sizeof text);

    if (lacking || !LOOP_INSTRUCTIONS)
        selftest_row(t, check, lacking ? lacking : "skipped", NAN, "count", limit, "%s",
                     lacking ? text : "the loop's length is not known on this architecture");
    else
        selftest_row(t, check, fabs(value / expected - 1) <= 0.01 ? "pass" : "fail", value, "count",
                     limit, "%.0f of %.0f instructions", value, expected);
}

static void cycles(struct selftest *t)
{
    static const char check[] = "cycles advance";
    double value = NAN;
    char text[224];
    const char *lacking = count(t->run, "cycles:u", loop, NULL, &value, text, sizeof text);

    if (lacking)
        selftest_row(t, check, lacking, NAN, "count", "> 0", "%s", text);
    else
        selftest_row(t, check, value > 0 ? "pass" : "fail", value, "count", "> 0",
                     "%.3g cycles a turn of the loop", value / TURNS);
}

/* ---- CPU time ---- */

static double cpu_ns(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return 1e9 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e3 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void loops(void *arg)
{
    const double before = cpu_ns();

    for (int i = 0; i < LOOPS; i++)
        loop(NULL);
    *(double *)arg = cpu_ns() - before;
}

/* Ticks that the hypervisor took of any CPU since the set was started; 0 where it is not known. */
static double stolen_ticks(struct meter_set *steal)
{
    struct reading readings[SAMPLE_READINGS_MAX];
    double ticks = 0;

    if (!steal)
        return 0;
    meter_set_stop(steal, readings);
    for (int i = 0; i < meter_set_channels(steal); i++)
        if (strcmp(meter_set_channel(steal, i)->name, "steal_ticks") == 0 && !readings[i].reason)
            ticks = readings[i].value;
    return ticks;
}

/* The scheduler's clock stands still while the hypervisor has the CPU, and perf's goes on: so
 * getrusage may be less than task-clock by what was stolen, and by no more. */
static void cpu_time(struct selftest *t)
{
    static const char check[] = "CPU time against getrusage";
    static const char limit[] = "within 1 % and 10 ms, and steal";
    const struct meter *const list[] = { &meter_steal, NULL };
    struct meter_set *steal;
    double value = NAN, used_ns = NAN;
    char text[224];

    if (meter_set_open(&steal, list, &t->run->context) == 0)
        meter_set_start(steal, "selftest");
    const char *lacking = count(t->run, "task-clock:u", loops, &used_ns, &value, text, sizeof text);
    const double stolen_ns = 1e9 * stolen_ticks(steal) / (double)sysconf(_SC_CLK_TCK);
    meter_set_close(steal);
    const double allowed_ns = TIME_SHARE * used_ns + TIME_NS;
    const bool ok = value - used_ns <= allowed_ns + stolen_ns && used_ns - value <= allowed_ns;
    if (lacking)
        selftest_row(t, check, lacking, NAN, "ns", limit, "%s", text);
    else
        selftest_row(t, check, ok ? "pass" : "fail", value, "ns", limit,
                     "task-clock %.2f ms, getrusage %.2f ms, stolen %.0f ms", 1e-6 * value,
                     1e-6 * used_ns, 1e-6 * stolen_ns);
}

void selftest_counters(struct selftest *t)
{
    page_faults(t);
    instructions(t);
    cycles(t);
    cpu_time(t);
}
