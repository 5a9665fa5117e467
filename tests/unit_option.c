/* SPDX-License-Identifier: MIT
 *
 * The option parser: what it accepts, and the line for everything that it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/names.h"
#include "bench/option.h"
#include "kernels/kernel.h"
#include "kernels/threads.h"

enum { WHY_MAX = 400, WORDS_MAX = 100 };

static struct config config;
static char why[WHY_MAX];

/* Parses the words of `line`, with one blank between them, for `command`. */
static int parse(unsigned command, const char *line)
{
    static char text[4096], name[] = "command";
    char *argv[WORDS_MAX] = { name };
    int argc = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *at = *line ? text : NULL; at && argc < WORDS_MAX;)
        argv[argc++] = strsep(&at, " ");
    memset(why, 0, sizeof why);
    return option_parse(&config, command, argc, argv, why, sizeof why);
}

/* The line is refused, and the sentence has all of the words, and no line break. */
static void refused(unsigned command, const char *line, const char *first, const char *second)
{
    int error = parse(command, line);
    if (error != -EINVAL || !strstr(why, first) || !strstr(why, second) || strchr(why, '\n'))
        fail_msg("'%s': %d, '%s'; wanted '%s' and '%s'", line, error, why, first, second);
}

static void is_list(const struct int_list *list, int count, const int64_t *values)
{
    assert_int_equal(list->count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(list->values[i], values[i]);
}
#define IS_LIST(list, ...)                                                                         \
    is_list(list, (int)(sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),               \
            (const int64_t[]){ __VA_ARGS__ })

static void defaults(void **state)
{
    (void)state;
    unsetenv("TRITBENCH_DB");
    assert_int_equal(parse(CMD_MODEL, ""), 0);
    assert_string_equal(config.db, "./tritbench.db");
    assert_string_equal(config.sysroot, "");
    assert_int_equal(config.seed, 1);
    assert_int_equal(config.output_count, 0);
    assert_int_equal(config.layers_resident, 0);
    assert_int_equal(config.threads.count, 0);
    assert_int_equal(config.idle_s, 10);
    assert_int_equal(config.energy_windows, 3);
    assert_null(config.events);
    assert_null(config.meters);
    assert_null(config.meter_command);
    setenv("TRITBENCH_DB", "/elsewhere/x.db", 1);
    assert_int_equal(parse(CMD_MODEL, ""), 0);
    assert_string_equal(config.db, "/elsewhere/x.db");
    assert_int_equal(parse(CMD_MODEL, "--db y.db"), 0);
    assert_string_equal(config.db, "y.db");
    setenv("TRITBENCH_DB", "", 1);
    assert_int_equal(parse(CMD_MODEL, ""), 0);
    assert_string_equal(config.db, "./tritbench.db");
    unsetenv("TRITBENCH_DB");
}

static void ranges(void **state)
{
    (void)state;
    assert_int_equal(parse(CMD_MODEL, "-p 1,2,4"), 0);
    IS_LIST(&config.prompts, 1, 2, 4);
    assert_int_equal(parse(CMD_MODEL, "-p 1-4"), 0);
    IS_LIST(&config.prompts, 1, 2, 3, 4);
    assert_int_equal(parse(CMD_MODEL, "-p 1-8+3"), 0);
    IS_LIST(&config.prompts, 1, 4, 7);
    assert_int_equal(parse(CMD_MODEL, "-p 1-64*2"), 0);
    IS_LIST(&config.prompts, 1, 2, 4, 8, 16, 32, 64);
    assert_int_equal(parse(CMD_MODEL, "-p 0,512-514,3 -p 7"), 0);
    IS_LIST(&config.prompts, 0, 512, 513, 514, 3, 7);
    assert_int_equal(parse(CMD_MODEL, "--n-gen=5 -ub 6 --parallel 2 -b 9 -d 0"), 0);
    IS_LIST(&config.gens, 5);
    IS_LIST(&config.ubatches, 6);
    IS_LIST(&config.parallel, 2);
    IS_LIST(&config.batches, 9);
    IS_LIST(&config.depths, 0);
    assert_int_equal(parse(CMD_MODEL, "-p 1-64"), 0);
    assert_int_equal(config.prompts.count, 64);
}

static void meter_options(void **state)
{
    (void)state;
    assert_int_equal(parse(CMD_KERNEL, "--events cycles,papi:PAPI_TOT_INS --meter perf,powercap "
                                       "--meter-cmd ./meter --idle 0 --energy-windows 7"),
                     0);
    assert_string_equal(config.events, "cycles,papi:PAPI_TOT_INS");
    assert_string_equal(config.meters, "perf,powercap");
    assert_string_equal(config.meter_command, "./meter");
    assert_int_equal(config.idle_s, 0);
    assert_int_equal(config.energy_windows, 7);
    refused(CMD_MODEL, "--idle -1", "--idle", "0 to 3600");
    refused(CMD_MODEL, "--energy-windows 0", "--energy-windows", "1 to 1000");
    refused(CMD_MODEL, "--meter=", "--meter", "LIST");
    refused(CMD_REPORT, "--meter perf", "--meter", "not an option of this command");
}

static void bad_integers(void **state)
{
    static const char *const bad[] = { "-1",
                                       "99999999999",
                                       "99999999999999999999999",
                                       "x",
                                       "1x",
                                       "1,",
                                       ",1",
                                       "1,,2",
                                       "4-1",
                                       "1-",
                                       "-",
                                       "1-8+0",
                                       "1-8*1",
                                       "0-8*2",
                                       "1-8/2",
                                       "1.5",
                                       "+1",
                                       "0x10",
                                       "1-2-3",
                                       "" };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[64];
        snprintf(line, sizeof line, "-p %s", bad[i]);
        refused(CMD_MODEL, line, "-p", "0 to 1048576");
    }
    refused(CMD_MODEL, "-t 0", "-t 0", "1 to 4096");
    refused(CMD_MODEL, "-t al", "-t al", "all, phys, pow2");
    refused(CMD_MODEL, "-t all2", "-t all2", "all, phys, pow2");
    refused(CMD_MODEL, "-p 1-65", "-p 1-65", "more than 64");
    refused(CMD_MODEL, "-p 1-64 -p 1", "-p 1", "more than 64");
    refused(CMD_MODEL, "-p", "-p", "needs a value");
    refused(CMD_MODEL, "-r 0", "-r 0", "1 to 100000");
    refused(CMD_MODEL, "-r 1,2", "-r 1,2", "an integer");
}

static void threads(void **state)
{
    (void)state;
    int units = threads_units();
    assert_int_equal(parse(CMD_ROOF, "-t 1,all"), 0);
    assert_true(config.threads_all);
    assert_int_equal(names_threads(&config, why, sizeof why), 0);
    assert_false(config.threads_all);
    assert_int_equal(config.threads.values[0], 1);
    assert_int_equal(config.threads.values[config.threads.count - 1], units);
    assert_int_equal(config.threads.count, units > 1 ? 2 : 1);

    assert_int_equal(parse(CMD_ROOF, "-t pow2,phys"), 0);
    assert_int_equal(names_threads(&config, why, sizeof why), 0);
    bool cores = false;
    for (int i = 0; i < config.threads.count; i++) {
        assert_in_range(config.threads.values[i], 1, units);
        cores |= config.threads.values[i] == threads_cores();
        for (int j = 0; j < i; j++)
            assert_int_not_equal(config.threads.values[i], config.threads.values[j]);
    }
    assert_true(cores);
    assert_int_equal(config.threads.values[0], 1);

    char line[80];
    snprintf(line, sizeof line, "-t %d", units + 1);
    assert_int_equal(parse(CMD_ROOF, line), 0);
    assert_int_equal(names_threads(&config, why, sizeof why), -EINVAL);
    snprintf(line, sizeof line, "%d: this process may use %d hardware", units + 1, units);
    assert_non_null(strstr(why, line));
}

static void other_values(void **state)
{
    (void)state;
    assert_int_equal(parse(CMD_KERNEL, "--shape 10x20 --cache warm --mem 512M --seed 0"), 0);
    assert_int_equal(config.rows, 10);
    assert_int_equal(config.cols, 20);
    assert_true(config.warm);
    assert_int_equal(config.memory_bytes, INT64_C(512) << 20);
    assert_int_equal(config.seed, 0);
    assert_int_equal(parse(CMD_MODEL, "--kv i8 --head i8 --kv f16 --profile"), 0);
    assert_true(config.head_i8 && config.profile);
    assert_false(config.kv_i8);
    assert_int_equal(parse(CMD_KERNEL, "--mem 20G --cache cold --seed 18446744073709551615"), 0);
    assert_int_equal(config.memory_bytes, INT64_C(20) << 30);
    assert_false(config.warm);
    assert_true(config.seed == UINT64_MAX);
    assert_int_equal(parse(CMD_MODEL, "--mem 12345 --layers-resident auto -pg 5,6 -pg 7,8"), 0);
    assert_int_equal(config.memory_bytes, 12345);
    assert_int_equal(config.layers_resident, -1);
    assert_int_equal(config.prompt_gens.count, 2);
    assert_int_equal(config.prompt_gens.first[1], 7);
    assert_int_equal(config.prompt_gens.second[1], 8);
    assert_int_equal(parse(CMD_MODEL, "--layers-resident 3"), 0);
    assert_int_equal(config.layers_resident, 3);
    assert_int_equal(parse(CMD_MODEL, "--layers-resident all"), 0);
    assert_int_equal(config.layers_resident, 0);

    refused(CMD_KERNEL, "--shape 10", "--shape 10", "ROWSxCOLUMNS");
    refused(CMD_KERNEL, "--shape 10x", "--shape 10x", "ROWSxCOLUMNS");
    refused(CMD_KERNEL, "--shape 10x131072", "--shape", "131071");
    refused(CMD_KERNEL, "--shape 1x1 -m 3B", "--shape", "--model");
    refused(CMD_PAPER, "--kv i4", "--kv i4", "f16 or i8");
    refused(CMD_KERNEL, "--head i8", "--head", "not an option");
    refused(CMD_KERNEL, "--cache lukewarm", "--cache lukewarm", "cold or warm");
    refused(CMD_KERNEL, "--mem 0", "--mem 0", "bytes");
    refused(CMD_KERNEL, "--mem 9223372036854775807", "--mem", "bytes");
    refused(CMD_KERNEL, "--mem 9999999999G", "--mem", "bytes");
    refused(CMD_KERNEL, "--mem 5Q", "--mem 5Q", "bytes");
    refused(CMD_KERNEL, "--mem 5GG", "--mem 5GG", "bytes");
    refused(CMD_KERNEL, "--seed -1", "--seed -1", "integer");
    refused(CMD_KERNEL, "--seed 18446744073709551616", "--seed", "18446744073709551615");
    refused(CMD_MODEL, "--layers-resident 0", "--layers-resident 0", "all, auto");
    refused(CMD_MODEL, "-pg 5", "-pg 5", "PP,TG");
    refused(CMD_MODEL, "-pg 5,0", "-pg 5,0", "PP,TG");
    refused(CMD_MODEL, "-pg 5,6,7", "-pg 5,6,7", "PP,TG");
    refused(CMD_PAPER, "--quick --full", "--quick", "--full");
    refused(CMD_PAPER, "--quick=1", "--quick", "takes no value");
    refused(CMD_MODEL, "--db=", "--db", "PATH");
}

static void outputs(void **state)
{
    (void)state;
    assert_int_equal(parse(CMD_LIST, "-o json:a:b -o csv --output=md:x -o jsonl:-"), 0);
    assert_int_equal(config.output_count, 4);
    assert_int_equal(config.outputs[0].format, OUTPUT_JSON);
    assert_string_equal(config.outputs[0].path, "a:b");
    assert_int_equal(config.outputs[1].format, OUTPUT_CSV);
    assert_null(config.outputs[1].path);
    assert_string_equal(config.outputs[2].path, "x");
    assert_int_equal(config.outputs[3].format, OUTPUT_JSONL);
    assert_null(config.outputs[3].path);
    refused(CMD_LIST, "-o xml", "-o xml", "jsonl");
    refused(CMD_LIST, "-o js", "-o js", "jsonl");
    refused(CMD_LIST, "-o json:", "-o json:", "PATH");
    refused(CMD_LIST, "-o md -o md -o md -o md -o md -o md -o md -o md -o md", "-o md", "8");
}

static void options(void **state)
{
    (void)state;
    refused(CMD_MODEL, "--modl 3B", "--modl", "did you mean --model?");
    refused(CMD_MODEL, "-t4", "-t4", "did you mean -t?");
    refused(CMD_MODEL, "--zzzzzzzzz", "--zzzzzzzzz", "--help");
    refused(CMD_MODEL, "--m 3B", "--m", "unknown");
    refused(CMD_MODEL, "-model 3B", "-model", "did you mean --model?");
    refused(CMD_ROOF, "-p 5", "-p", "not an option of this command");
    refused(CMD_ROOF, "word", "word", "unexpected");
    assert_int_equal(parse(CMD_LIST, "models formats"), 0);
    assert_int_equal(config.words.count, 2);
    assert_string_equal(config.words.values[1], "formats");
    assert_int_equal(parse(CMD_ROOF, "-h --version"), 0);
    assert_true(config.help && config.version);
    assert_int_equal(parse(CMD_MODEL, "-m 3B,700M --db=a=b"), 0);
    assert_string_equal(config.db, "a=b");
    assert_string_equal(config.arguments, "-m 3B,700M --db=a=b");
}

static void text_lists(void **state)
{
    char line[4096] = "-m x";
    (void)state;
    assert_int_equal(parse(CMD_MODEL, "-m 3B,700M -m 70B"), 0);
    assert_int_equal(config.models.count, 3);
    assert_string_equal(config.models.values[0], "3B");
    assert_string_equal(config.models.values[1], "700M");
    assert_string_equal(config.models.values[2], "70B");
    refused(CMD_MODEL, "-m 3B,,7B", "-m 3B,,7B", "empty");
    refused(CMD_MODEL, "-m ,", "-m ,", "empty");
    for (int i = 1; i < 64; i++)
        strcat(line, ",x");
    assert_int_equal(parse(CMD_MODEL, line), 0);
    assert_int_equal(config.models.count, 64);
    strcat(line, ",x");
    refused(CMD_MODEL, line, "-m", "more names");
    memset(line + 3, 'y', 3000);
    line[3003] = '\0';
    refused(CMD_MODEL, line, "-m", "more names");
}

static int check(unsigned command, const char *line)
{
    assert_int_equal(parse(command, line), 0);
    return names_check(&config, command, why, sizeof why);
}

static void names(void **state)
{
    (void)state;
    int count = 0;
    while (families[count])
        count++;
    assert_int_equal(check(CMD_MODEL, "-m 3B -f all --isa c"), 0);
    assert_int_equal(config.formats.count, count);
    for (int i = 0; i < count; i++)
        assert_string_equal(config.formats.values[i], families[i]->name);
    assert_int_equal(check(CMD_ROOF, "--isa all"), 0);
    assert_string_equal(config.isas.values[config.isas.count - 1], "c");
    assert_int_equal(check(CMD_PAPER, "--only table1,fig3"), 0);
    assert_int_equal(check(CMD_KERNEL, "--meter perf,cachegrind"), 0);
    assert_int_equal(check(CMD_MODEL, "--meter perf,cachegrind"), -EINVAL);
    assert_string_equal(why, "--meter cachegrind: only 'kernel' simulates");
    assert_int_equal(check(CMD_MODEL, "-m 3b"), -EINVAL);
    assert_non_null(strstr(why, "--model 3b"));
    assert_non_null(strstr(why, "did you mean 3B?"));
    assert_int_equal(check(CMD_MODEL, "-m 3B,zzzzzzzzzzzzzzz"), -EINVAL);
    assert_non_null(strstr(why, "--model zzzzzzzzzzzzzzz"));
    assert_non_null(strstr(why, "700M"));
    assert_int_equal(check(CMD_MODEL, "-f ternary3"), -EINVAL);
    assert_non_null(strstr(why, "did you mean ternary2?"));
    assert_int_equal(check(CMD_MODEL, "--isa avx3"), -EINVAL);
    assert_non_null(strstr(why, "did you mean avx2?"));
    assert_int_equal(check(CMD_PAPER, "--only tabel1"), -EINVAL);
    assert_non_null(strstr(why, "did you mean table1?"));
#if defined(__x86_64__)
    assert_int_equal(check(CMD_MODEL, "--isa neon"), -EINVAL);
#else
    assert_int_equal(check(CMD_MODEL, "--isa avx2"), -EINVAL);
#endif
    assert_non_null(strstr(why, "this CPU does not have it"));
}

/* Every row has a help, names that are not in use twice, and is shown by its commands only. */
static void rows(void **state)
{
    (void)state;
    for (const struct option_row *a = option_rows; a->short_name || a->long_name; a++) {
        assert_non_null(a->help);
        assert_true(a->commands != 0 && (a->commands & ~(unsigned)CMD_ALL) == 0);
        assert_true((a->kind == OPTION_FLAG) == !a->value);
        for (const struct option_row *b = option_rows; b < a; b++) {
            assert_false(a->short_name && b->short_name && !strcmp(a->short_name, b->short_name));
            assert_false(a->long_name && b->long_name && !strcmp(a->long_name, b->long_name));
        }
        for (unsigned command = 1; command & CMD_ALL; command <<= 1) {
            char *text, word[40];
            size_t size;
            FILE *stream = open_memstream(&text, &size);
            assert_non_null(stream);
            option_help(command, "x", "summary", stream);
            option_man(command, "x", "summary", stream);
            fclose(stream);
            snprintf(word, sizeof word, " %s%s ", a->long_name ? "--" : "-",
                     a->long_name ? a->long_name : a->short_name);
            assert_true(!!strstr(text, word) == !!(a->commands & command));
            free(text);
        }
    }
}

/* What is stored of a command line is read again as it was. */
static void arguments_come_back(void **state)
{
    char name[] = "paper", a[] = "-m", b[] = "3B,700M", c[] = "--db=it's a 'b'.db", d[] = "-o",
         e[] = "json:a\\b \"c\"";
    char *argv[] = { name, a, b, c, d, e }, *words[WORDS_MAX], text[sizeof config.arguments];
    static char longest[sizeof config.arguments + 10];

    (void)state;
    assert_int_equal(option_parse(&config, CMD_PAPER, 6, argv, why, sizeof why), 0);
    memcpy(text, config.arguments, sizeof text);
    assert_int_equal(option_split(text, "paper", words, WORDS_MAX), 6);
    for (int i = 0; i < 6; i++)
        assert_string_equal(words[i], argv[i]);
    memset(longest, 'x', sizeof longest - 1);
    argv[5] = longest; /* not stored whole */
    argv[4] = c;
    argv[4][0] = argv[4][1] = '-';
    option_parse(&config, CMD_PAPER, 6, argv, why, sizeof why);
    memcpy(text, config.arguments, sizeof text);
    assert_int_equal(option_split(text, "paper", words, WORDS_MAX), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),      cmocka_unit_test(ranges),
        cmocka_unit_test(meter_options), cmocka_unit_test(bad_integers),
        cmocka_unit_test(threads),       cmocka_unit_test(outputs),
        cmocka_unit_test(other_values),  cmocka_unit_test(options),
        cmocka_unit_test(names),         cmocka_unit_test(arguments_come_back),
        cmocka_unit_test(text_lists),    cmocka_unit_test(rows),
    };
    return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
