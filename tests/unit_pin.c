/* SPDX-License-Identifier: MIT
 *
 * pin.c: lists in likwid's notation on topologies that hwloc makes up ($HWLOC_SYNTHETIC), what is
 * wrong with a list, and the same lists from likwid itself where it is installed. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "kernels/pin.h"

enum { MAX = 64, TEXT = 400 };

/* Two sockets, each a memory node with two last-level caches of two cores of two threads, which are
 * numbered as Linux does on most x86: the second threads of all cores come last. */
static const char server[] = "pack:2 numa:1 l3:2 core:2 pu:2(indexes=0,8,1,9,2,10,3,11,4,12,5,13,6,"
                             "14,7,15)";

/* "4: 0 1 2 3", or the sentence. */
static const char *parse(const char *text, int max)
{
    static char result[TEXT];
    char why[TEXT] = "";
    int cpus[MAX];
    const int count = pin_parse(text, cpus, max, why, sizeof why);

    if (count < 0) {
        assert_true(why[0] && !strchr(why, '\n'));
        snprintf(result, sizeof result, "%s", why);
        return result;
    }
    int used = snprintf(result, sizeof result, "%d:", count);
    for (int i = 0; i < count; i++)
        used += snprintf(result + used, sizeof result - (size_t)used, " %d", cpus[i]);
    return result;
}

static void lists(void **unused)
{
    static const char *const cases[][2] = {
        { "0", "1: 0" },
        { "3,5-7,1", "5: 3 5 6 7 1" },
        { "3-1", "3: 3 2 1" },
        { "N:0-3", "4: 0 1 2 3" },
        { "N:8", "1: 8" },
        { "L:N:0,2", "2: 0 2" },
        { "S1:0-1", "2: 4 5" },
        { "S1:4", "1: 12" },
        { "S0", "8: 0 8 1 9 2 10 3 11" },
        { "D1:0", "1: 4" },
        { "C1:0-2", "3: 2 3 10" },
        { "M1:0-1", "2: 4 5" },
        { "S0:0-1@S1:0-1", "4: 0 1 4 5" },
        { "E:N:4", "4: 0 8 1 9" },
        { "E:N:4:1:2", "4: 0 1 2 3" },
        { "E:N:4:2:4", "4: 0 8 2 10" },
        { "E:N:2:1:2:4", "2: 2 3" },
        { "E:S1", "8: 4 12 5 13 6 14 7 15" },
        { "E:S1:2@E:S0:2", "4: 4 12 0 8" },
        { "S:scatter", "16: 0 4 1 5 2 6 3 7 8 12 9 13 10 14 11 15" },
        { "S:scatter:3", "3: 0 4 1" },
        { "C:scatter:5", "5: 0 2 4 6 1" },
        { "N:scatter:2", "2: 0 1" },
    };

    (void)unused;
    setenv("HWLOC_SYNTHETIC", server, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(parse(cases[i][0], MAX), cases[i][1]);
    unsetenv("HWLOC_SYNTHETIC");
}

static void refused(void **unused)
{
    static const char *const cases[][2] = {
        { "", ": character 1: expected a domain" },
        { "x", "x: character 1: expected a domain" },
        { "0,", "character 3: expected a number" },
        { "0,,1", "character 3: expected a number" },
        { "0-", "character 3: expected a number" },
        { "-1", "character 1: expected a domain" },
        { "1 2", "character 2: not expected here: ' 2'" },
        { "16", "character 1: this process may not use CPU 16" },
        { "0-99999999999999999999", "character 1: this process may not use CPU 16" },
        { "0-2,1", "character 5: CPU 1 a second time" },
        { "N:16", "character 3: there is no 16: the domain has 16 hardware threads" },
        { "N:0-16", "character 3: there is no 16" },
        { "N:", "character 3: expected a number" },
        { "N:a", "character 3: expected a number" },
        { "S2:0", "character 1: there is no domain S2: the last is S1" },
        { "S:0", "character 2: expected a number" },
        { "Q0:0", "character 1: expected a domain" },
        { "E:Q:2", "character 3: expected a domain" },
        { "E:N:0", "character 3: expected a count" },
        { "E:N:17",
          "character 3: 17 threads need 17 hardware threads of the domain, and it has 16" },
        { "E:N:9:1:2", "character 3: 9 threads need 17 hardware threads" },
        { "E:N:4:2", "character 8: expected :STRIDE" },
        { "E:N:4:2:1", "character 3: CPU 8 a second time" },
        { "E:N:2:1:2:0:5", "character 12: not expected here: ':5'" },
        { "E:N:-1", "character 5: expected a number" },
        { "S0:0@S0:0", "character 9: CPU 0 a second time" },
        { "S0:0@", "character 6: expected a domain" },
        { "S:scatter:0", "character 10: expected a count" },
        { "S:scatter:17", "character 10: there are 16 hardware threads, not 17" },
        { "S:balanced", "character 2: expected a number" },
    };

    (void)unused;
    setenv("HWLOC_SYNTHETIC", server, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *said = parse(cases[i][0], MAX);
        if (!strstr(said, cases[i][1]) || strncmp(said, cases[i][0], strlen(cases[i][0])) != 0)
            fail_msg("'%s': \"%s\" and not \"%s\"", cases[i][0], said, cases[i][1]);
    }
    assert_non_null(strstr(parse("0-4", 4), "more than 4 CPUs"));
    assert_string_equal(parse("0-3", 4), "4: 0 1 2 3");
    unsetenv("HWLOC_SYNTHETIC");
}

/* Only what this process may use: hardware threads of this machine, all but the first taken away.
 */
static void allowed(void **unused)
{
    cpu_set_t before, one;
    int first = 0;
    char text[40];

    (void)unused;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    while (!CPU_ISSET((size_t)first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET((size_t)first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    snprintf(text, sizeof text, "1: %d", first);
    assert_string_equal(parse("N", MAX), text);
    assert_string_equal(parse("N:0", MAX), text);
    assert_non_null(strstr(parse("N:1", MAX), "the domain has 1 hardware threads"));
    snprintf(text, sizeof text, "%d", first + 1);
    assert_non_null(strstr(parse(text, MAX), "this process may not use CPU"));
    sched_setaffinity(0, sizeof before, &before);
}

/* ---- likwid ---- */

/* In a process of its own: the list that likwid makes of text, as parse() writes it. 0 when it
 * could be asked. */
static int ask_likwid(const char *text, char *result, size_t size)
{
    int pipes[2], status;
    ssize_t n;

    assert_int_equal(pipe(pipes), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        void *library = dlopen("liblikwid.so.5", RTLD_NOW);
        int (*topology)(void), (*numa)(void), (*to_list)(const char *, int *, int), cpus[MAX];
        void (*affinity)(void);
        if (!library || dup2(open("/dev/null", O_WRONLY), 2) < 0)
            _exit(2);
        *(void **)&topology = dlsym(library, "topology_init");
        *(void **)&numa = dlsym(library, "numa_init");
        *(void **)&affinity = dlsym(library, "affinity_init");
        *(void **)&to_list = dlsym(library, "cpustr_to_cpulist");
        if (!topology || !numa || !affinity || !to_list || topology())
            _exit(2);
        numa(); /* fails in some containers: then there is no domain M */
        affinity();
        const int count = to_list(text, cpus, MAX);
        dprintf(pipes[1], "%d:", count);
        for (int i = 0; i < count; i++)
            dprintf(pipes[1], " %d", cpus[i]);
        _exit(0);
    }
    close(pipes[1]);
    n = read(pipes[0], result, size - 1);
    for (ssize_t more = n; more > 0; n += more > 0 ? more : 0)
        more = read(pipes[0], result + n, size - 1 - (size_t)n);
    result[n > 0 ? n : 0] = '\0';
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ENOENT;
}

static void as_likwid(void **unused)
{
    static const char *const texts[] = { "0",         "N",      "N:0",         "S0",        "S0:0",
                                         "E:N:1",     "E:S0:1", "C0:0",        "D0:0",      "L:N:0",
                                         "E:N:1:1:2", "E:N",    "S:scatter:1", "N:scatter", "N:0-1",
                                         "E:N:2",     "S0:1-0", "0,1",         "1-0",       "1" };
    char theirs[TEXT];
    int compared = 0;

    (void)unused;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *ours = parse(texts[i], MAX);
        if (strchr(ours, ':') && strstr(ours, "character"))
            continue; /* a machine without a second hardware thread */
        assert_int_equal(ask_likwid(texts[i], theirs, sizeof theirs), 0);
        if (strcmp(ours, theirs) != 0)
            fail_msg("'%s': %s, and likwid says %s", texts[i], ours, theirs);
        compared++;
    }
    assert_true(compared >= 14);
}

/* NULL, or why likwid cannot be compared with. */
static const char *cannot_compare(void)
{
    char theirs[TEXT];
    cpu_set_t set;

    /* In a set of CPUs likwid counts plain numbers within it: see pin.c. */
    if (sched_getaffinity(0, sizeof set, &set) || CPU_COUNT(&set) != sysconf(_SC_NPROCESSORS_CONF))
        return "not on all CPUs of this machine";
    return ask_likwid("0", theirs, sizeof theirs)
               ? "likwid is not installed, or cannot read this machine's topology"
               : NULL;
}

/* With an argument: what needs likwid. */
int main(int argc, char **argv)
{
    const struct CMUnitTest own[] = { cmocka_unit_test(lists), cmocka_unit_test(refused),
                                      cmocka_unit_test(allowed) };
    const struct CMUnitTest compared[] = { cmocka_unit_test(as_likwid) };
    const char *why = argc > 1 ? cannot_compare() : NULL;

    (void)argv;
    if (why) {
        printf("1..0 # SKIP %s\n", why);
        return 0;
    }
    return argc > 1 ? cmocka_run_group_tests_name("pin as likwid", compared, NULL, NULL)
                    : cmocka_run_group_tests_name("pin", own, NULL, NULL);
}
