/* SPDX-License-Identifier: MIT
 *
 * cachegrind.c: what it reads of cachegrind's files, what it refuses, and counts of this program's
 * kernels ($TRITBENCH_PROGRAM) below the real one: the same every time, as many misses of the last
 * level as there are lines of weights. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "harness/cachegrind.h"
#include "harness/host.h"

enum { WHY = 300 };

static int parse(const char *text, struct cachegrind_counts *counts, char *why)
{
    FILE *stream = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    assert_non_null(stream);
    why[0] = '\0';
    const int error = cachegrind_parse(stream, counts, why, WHY);
    fclose(stream);
    return error;
}

#define HEAD                                                                                       \
    "desc: I1 cache:         32768 B, 64 B, 8-way associative\n"                                   \
    "cmd: ./program a b\n"                                                                         \
    "events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw \n"                                            \
    "fl=file.c\nfn=main\n10 1000 9 8 7 6 5 4 3 2\n"

static void reads(void **unused)
{
    struct cachegrind_counts counts;
    char why[WHY], text[4096];

    (void)unused;
    assert_int_equal(parse(HEAD "summary: 1000 9 8 7 6 5 4 3 2 \n", &counts, why), 0);
    assert_int_equal(counts.instructions, 1000);
    assert_int_equal(counts.d1_misses, 6 + 3);
    assert_int_equal(counts.ll_misses, 8 + 5 + 2);
    assert_int_equal(
        parse("events: DLmw D1mw ILmr X Ir D1mr DLmr\nsummary: 1 2 3 4 5 6 7\n", &counts, why),
        0); /* another order, and one more */
    assert_int_equal(counts.instructions, 5);
    assert_int_equal(counts.d1_misses, 8);
    assert_int_equal(counts.ll_misses, 11);
    /* A long line that, read in pieces, seems to be another. */
    snprintf(text, sizeof text, "cmd: %0506dsummary: 1\n" HEAD "summary: 1000 9 8 7 6 5 4 3 2\n",
             0);
    assert_int_equal(parse(text, &counts, why), 0);
}

static void refuses(void **unused)
{
    static const char *const texts[] = {
        "\n",
        "this is no such file\n",
        HEAD,
        HEAD "summary: 1000 9 8 7 6 5 4 3\n",
        HEAD "summary: 1000 9 8 7 6 5 4 3 2 1\n",
        HEAD "summary: 1000 9 8 7 6 5 4 3 x\n",
        HEAD "summary: 1000 9 8 7 6 5 4 3 -2\n",
        HEAD "summary: 1000 9 8 7 6 5 4 3 2",
        HEAD "summary: 0 0 0 0 0 0 0 0 0\n",
        HEAD "summary: 1000 9 8 7 6 5 4 3 99999999999999999999\n",
        HEAD "summary: 1000 9 9223372036854775807 7 6 5 4 3 2\n",
        HEAD "summary: 1000 9 8 7 6 5 4 3 2\nfn=more\n",
        HEAD HEAD "summary: 1000 9 8 7 6 5 4 3 2\n",
        "summary: 1000 9 8 7 6 5 4 3 2\n" HEAD,
        "events: Ir\nsummary: 1000\n", /* --cache-sim=no */
        "events: \nsummary: \n",
    };
    struct cachegrind_counts counts;
    char why[WHY];

    (void)unused;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (parse(texts[i], &counts, why) != -EBADMSG || !why[0])
            fail_msg("read this: %s", texts[i]);
    }
}

static int below(const char *const *argv, struct cachegrind_counts *counts, char *why)
{
    return cachegrind_run(argv, NULL, counts, why, WHY);
}

static void without_valgrind(void **unused)
{
    const char *const argv[] = { "/bin/true", NULL };
    char *path = strdup(getenv("PATH")), why[WHY], dir[] = "/tmp/tritbench-path-XXXXXX";
    char inside[sizeof dir + sizeof "/valgrind"];
    struct cachegrind_counts counts;

    (void)unused;
    assert_non_null(mkdtemp(dir));
    snprintf(inside, sizeof inside, "%s/valgrind", dir); /* a directory is no program */
    assert_int_equal(mkdir(inside, 0700), 0);
    setenv("PATH", dir, 1);
    assert_int_equal(below(argv, &counts, why), -ENOENT);
    rmdir(inside);
    rmdir(dir);
    setenv("PATH", "/nowhere:relative", 1);
    assert_int_equal(below(argv, &counts, why), -ENOENT);
    assert_non_null(strstr(why, "apt-get install valgrind"));
    setenv("PATH", path, 1);
    free(path);
}

/* NULL, or why no program can be run. */
static const char *cannot_run(void)
{
    const char *const argv[] = { "/bin/true", NULL };
    struct cachegrind_counts counts;
    char why[WHY];

    if (strcmp(build_read().sanitizers, "none") != 0)
        return "valgrind runs no program with sanitizers";
    return below(argv, &counts, why) == -ENOENT ? "not run: apt-get install valgrind" : NULL;
}

/* Counts of one call, from runs of 1 and of 3 on copies of their own. */
static struct cachegrind_counts call(const char *format, const char *batch)
{
    const char *argv[] = {
        getenv("TRITBENCH_PROGRAM"), "simulate", format, "c", "256x512", batch, "3", "1", "7", NULL
    };
    struct cachegrind_counts few, many;
    char why[WHY] = "";

    if (below(argv, &few, why))
        fail_msg("%s", why);
    argv[7] = "3";
    if (below(argv, &many, why))
        fail_msg("%s", why);
    return (struct cachegrind_counts){ (many.instructions - few.instructions) / 2,
                                       (many.d1_misses - few.d1_misses) / 2,
                                       (many.ll_misses - few.ll_misses) / 2 };
}

static void same_twice(void **unused)
{
    (void)unused;
    const struct cachegrind_counts one = call("ternary2", "1"), two = call("ternary2", "1");
    assert_true(one.instructions > 256 * 512 / 4);
    assert_true(llabs(one.instructions - two.instructions) <= one.instructions / 1000);
    assert_true(llabs(one.d1_misses - two.d1_misses) <= one.d1_misses / 100);
    assert_int_equal(one.ll_misses, 256 * 512 * 2 / 8 / 64);
    const struct cachegrind_counts wide = call("i8", "2"); /* GEMM reads the same weights once */
    assert_true(wide.ll_misses >= 256 * 512 / 64 && wide.ll_misses < 256 * 512 / 64 + 32);
}

static void fails(void **unused)
{
    const char *argv[] = { getenv("TRITBENCH_PROGRAM"),
                           "simulate",
                           "f16",
                           "avx512bw",
                           "64x64",
                           "1",
                           "1",
                           "1",
                           "1",
                           NULL };
    struct cachegrind_counts counts;
    volatile int stop = 1;
    char why[WHY];

    (void)unused;
    assert_int_equal(below(argv, &counts, why), -ECHILD);
    assert_non_null(strstr(why, "lacks this instruction set"));
    argv[1] = "no-such-command";
    assert_int_equal(below(argv, &counts, why), -ECHILD);
    argv[0] = "/nowhere/program";
    assert_true(below(argv, &counts, why) < 0 && why[0]);
    argv[0] = "/bin/true";
    argv[1] = NULL;
    assert_int_equal(cachegrind_run(argv, &stop, &counts, why, WHY), -EINTR);
}

/* With an argument: what needs valgrind. */
int main(int argc, char **argv)
{
    const struct CMUnitTest parser[] = { cmocka_unit_test(reads), cmocka_unit_test(refuses),
                                         cmocka_unit_test(without_valgrind) };
    const struct CMUnitTest runs[] = { cmocka_unit_test(same_twice), cmocka_unit_test(fails) };
    const char *why = argc > 1 ? cannot_run() : NULL;

    (void)argv;
    if (why) {
        printf("1..0 # SKIP %s\n", why);
        return 0;
    }
    return argc > 1 ? cmocka_run_group_tests_name("cachegrind runs", runs, NULL, NULL)
                    : cmocka_run_group_tests_name("cachegrind", parser, NULL, NULL);
}
