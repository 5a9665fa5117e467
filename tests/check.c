/* SPDX-License-Identifier: MIT */
#include "tests/check.h"
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAPS_MAX = 256, TEXT_MAX = 512 };

static const uint32_t POISON = 0xffc0dea1; /* a NaN that no arithmetic makes */

static struct {
    bool bench, brief, list;
    uint64_t seed;
    const char *pattern;
    int tests, unwanted;
} run = { .seed = 1 };

static struct {
    sigjmp_buf out;
    uint64_t random;
    char context[TEXT_MAX], failure[TEXT_MAX];
    volatile sig_atomic_t running;
} test;

/* A stack of mappings; those above `used` are kept for who comes next. */
static struct {
    struct {
        char *end; /* where the guard page begins */
        size_t bytes;
    } maps[MAPS_MAX];
    size_t used;
} stack;

/* ---- tests ---- */

static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };

/* Only formatted output and a jump out of a body that computes: nothing here holds a lock. */
static void on_crash(int signal)
{
    if (!test.running) {
        sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
        raise(signal);
        return;
    }
    snprintf(test.failure, sizeof test.failure, "crash: %s", strsignal(signal));
    siglongjmp(test.out, 1);
}

static void catch_crashes(void)
{
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigaction(crashes[i], &(struct sigaction){ .sa_handler = on_crash }, NULL);
}

static bool passes(check_body *body, const void *arg)
{
    test.random = run.seed;
    snprintf(test.context, sizeof test.context, "at the start");
    if (!sigsetjmp(test.out, 1)) {
        test.running = 1;
        body(arg);
        test.running = 0;
        return true;
    }
    test.running = 0;
    return false;
}

static bool wanted(const char *name)
{
    if (run.pattern && !strstr(name, run.pattern))
        return false;
    if (run.list)
        puts(name);
    return !run.list;
}

void check_run(enum check_verdict want, check_body *body, const void *arg, const char *name, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, name);
    vsnprintf(text, sizeof text, name, args);
    va_end(args);
    if (!wanted(text))
        return;
    const bool passed = passes(body, arg);
    const bool good = passed == (want == CHECK_PASSES);
    printf("%sok %d - %s\n", good ? "" : "not ", ++run.tests, text);
    if (!passed && good)
        printf("# caught: %s\n", test.context);
    else if (!passed)
        printf("# failed: %s\n#   %s\n", test.context, test.failure);
    else if (!good)
        printf("# this is broken on purpose, and nothing noticed\n");
    if (!good)
        printf("# again: --seed %" PRIu64 " '%s'\n", run.seed, text);
    fflush(stdout);
    run.unwanted += !good;
    check_release(0);
}

void check_skip(const char *why, const char *name, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, name);
    vsnprintf(text, sizeof text, name, args);
    va_end(args);
    if (wanted(text))
        printf("ok %d - %s # SKIP %s\n", ++run.tests, text, why);
}

void check_context(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(test.context, sizeof test.context, format, args);
    va_end(args);
}

void check_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(test.failure, sizeof test.failure, format, args);
    va_end(args);
    siglongjmp(test.out, 1);
}

void check_note(const char *format, ...)
{
    va_list args;

    if (run.list)
        return;
    printf("# ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

int check_main(int argc, char **argv, check_group *const *groups)
{
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        if (!strcmp(argv[i], "--bench")) {
            run.bench = true;
        } else if (!strcmp(argv[i], "--brief")) {
            run.brief = true;
        } else if (!strcmp(argv[i], "--list")) {
            run.list = true;
        } else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            run.seed = strtoull(argv[++i], &end, 0);
        } else if (argv[i][0] != '-' && !run.pattern) {
            run.pattern = argv[i];
        } else {
            end = argv[i];
        }
        if (end && *end) {
            fprintf(stderr, "usage: %s [--bench] [--brief] [--seed N] [--list] [PATTERN]\n",
                    argv[0]);
            return 2;
        }
    }
    catch_crashes();
    if (!run.list)
        printf("TAP version 13\n# seed %" PRIu64 "\n", run.seed);
    while (*groups)
        (*groups++)();
    if (!run.list)
        printf("1..%d\n", run.tests);
    return run.unwanted ? 1 : 0;
}

bool check_brief(void)
{
    return run.brief;
}

/* ---- random numbers: splitmix64 ---- */

uint64_t check_random(void)
{
    uint64_t z = test.random += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

int check_below(int n)
{
    return (int)((check_random() >> 33) % (uint64_t)n);
}

double check_real(void)
{
    return (double)(int64_t)check_random() * 0x1p-63;
}

/* ---- memory ---- */

static size_t pages_of(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (bytes + page - 1) / page * page;
}

static void map_at_least(size_t i, size_t bytes)
{
    const size_t page = pages_of(1), size = pages_of(bytes ? bytes : 1);

    if (stack.maps[i].bytes)
        munmap(stack.maps[i].end - stack.maps[i].bytes, stack.maps[i].bytes + page);
    stack.maps[i].bytes = 0;
    char *base = mmap(NULL, size + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || mprotect(base, size, PROT_READ | PROT_WRITE))
        check_fail("no memory for %zu bytes", bytes);
    stack.maps[i].end = base + size;
    stack.maps[i].bytes = size;
}

void *check_alloc(size_t bytes)
{
    const size_t i = stack.used;

    if (i == MAPS_MAX)
        check_fail("more than %d allocations in one test", MAPS_MAX);
    if (!stack.maps[i].bytes || stack.maps[i].bytes < bytes)
        map_at_least(i, bytes);
    stack.used++;
    return memset(stack.maps[i].end - bytes, 0xa5, bytes);
}

size_t check_mark(void)
{
    return stack.used;
}

void check_release(size_t mark)
{
    stack.used = mark;
}

float *check_poisoned(size_t count)
{
    const size_t all = count + 2 * CHECK_GUARD;
    float *memory = check_alloc(all * sizeof *memory);

    for (size_t i = 0; i < all; i++)
        memcpy(&memory[i], &POISON, sizeof POISON);
    return memory + CHECK_GUARD;
}

bool check_is_poison(float value)
{
    return !memcmp(&value, &POISON, sizeof value);
}

static uint8_t noise(size_t i)
{
    return (uint8_t)(i * 37 + 11);
}

void *check_guarded(size_t bytes)
{
    uint8_t *memory = check_alloc(bytes + 2 * CHECK_GUARD);

    for (size_t i = 0; i < bytes + 2 * CHECK_GUARD; i++)
        memory[i] = noise(i);
    return memory + CHECK_GUARD;
}

void check_guards(const void *memory, size_t bytes)
{
    const uint8_t *all = (const uint8_t *)memory - CHECK_GUARD;

    for (size_t i = 0; i < CHECK_GUARD; i++) {
        if (all[i] != noise(i))
            check_fail("wrote %zu bytes before its output", CHECK_GUARD - i);
        if (all[CHECK_GUARD + bytes + i] != noise(CHECK_GUARD + bytes + i))
            check_fail("wrote %zu bytes behind its output", i + 1);
    }
}

/* ---- comparison ---- */

static bool same(const float *want, const float *got, const double *bound, size_t i)
{
    if (!bound)
        return !memcmp(&want[i], &got[i], sizeof *got);
    return fabs((double)want[i] - (double)got[i]) <= bound[i]; /* false when one is NaN */
}

void check_equal(const float *want, const float *got, const double *bound, size_t n)
{
    size_t bad = 0, count = 0;

    while (bad < n && same(want, got, bound, bad))
        bad++;
    if (bad == n)
        return;
    for (size_t i = bad; i < n; i++)
        count += !same(want, got, bound, i);
    const size_t from = bad > 2 ? bad - 2 : 0, to = bad + 3 < n ? bad + 3 : n;
    char text[TEXT_MAX];
    int at = snprintf(text, sizeof text, "%zu of %zu elements differ:", count, n);
    for (size_t i = from; i < to && at < TEXT_MAX; i++) {
        at += snprintf(text + at, (size_t)(TEXT_MAX - at), "\n#   %s [%zu] want %a got %a",
                       same(want, got, bound, i) ? " " : "*", i, (double)want[i], (double)got[i]);
        if (bound && at < TEXT_MAX)
            at += snprintf(text + at, (size_t)(TEXT_MAX - at), " bound %g", bound[i]);
    }
    check_fail("%s", text);
}

/* ---- timing ---- */

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double batch_ns(void (*fn)(void *), void *arg, int calls)
{
    const double start = now_ns();

    for (int i = 0; i < calls; i++)
        fn(arg);
    return (now_ns() - start) / calls;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double check_time(void (*fn)(void *), void *arg)
{
    enum { BATCHES = 11 };
    const double batch_wanted_ns = 4e6;
    double ns[BATCHES];

    const double first = batch_ns(fn, arg, 1); /* warms the caches, too */
    if (!run.bench)
        return 0;
    const double fits = batch_wanted_ns / fmax(first, 1);
    const int calls = fits < 1 ? 1 : (int)fmin(fits, 1e6);
    for (int i = 0; i < BATCHES; i++)
        ns[i] = batch_ns(fn, arg, calls);
    qsort(ns, BATCHES, sizeof *ns, by_value);
    return ns[BATCHES / 2];
}

int check_timed(int much)
{
    return run.bench ? much : 1;
}
