/* SPDX-License-Identifier: MIT
 *
 * Tables and where they go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench/table.h"

enum { WHY_MAX = 400 };

static const struct column columns[] = {
    { "name", "Name", "%s" },
    { "value", "Value", "%.2f" },
    { NULL, NULL, NULL },
};

static json_t *parse_rows(const char *text)
{
    json_t *rows = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(rows);
    return rows;
}

static char *table(enum output_format format, const char *json, const struct column *shown)
{
    char *text;
    size_t size;
    json_t *rows = parse_rows(json);
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_int_equal(table_write(stream, format, rows, shown), 0);
    fclose(stream);
    json_decref(rows);
    return text;
}

static void is_table(enum output_format format, const char *json, const char *expected)
{
    char *text = table(format, json, columns);
    assert_string_equal(text, expected);
    free(text);
}

static void csv(void **state)
{
    (void)state;
    is_table(OUTPUT_CSV,
             "[{\"a\":1,\"b\":\"x,y\",\"c\":null},{\"a\":2.5,\"b\":\"q\\\"q\",\"c\":[1,2]}]",
             "a,b,c\r\n1,\"x,y\",\r\n2.5,\"q\"\"q\",1;2\r\n");
    is_table(OUTPUT_CSV, "[{\"a\":\"two\\nlines\",\"b\":{\"p\":1,\"q\":2},\"c\":true}]",
             "a,b,c\r\n\"two\nlines\",p=1;q=2,true\r\n");
    /* rows of different members: the union, in the order of appearance */
    is_table(OUTPUT_CSV, "[{\"a\":1},{\"b\":2}]", "a,b\r\n1,\r\n,2\r\n");
    is_table(OUTPUT_CSV, "[]", "name,value\r\n");
}

static void json(void **state)
{
    (void)state;
    is_table(OUTPUT_JSON, "[]", "[]\n");
    is_table(OUTPUT_JSON, "[{\"b\":1,\"a\":0.1}]", "[\n {\"b\":1,\"a\":0.1}\n]\n");
    is_table(OUTPUT_JSON, "[{\"a\":1},{\"a\":null}]", "[\n {\"a\":1},\n {\"a\":null}\n]\n");
    is_table(OUTPUT_JSONL, "[{\"a\":1},{\"a\":2}]", "{\"a\":1}\n{\"a\":2}\n");
    is_table(OUTPUT_JSONL, "[]", "");
}

static void markdown(void **state)
{
    (void)state;
    is_table(OUTPUT_MD,
             "[{\"name\":\"a|b\",\"value\":1234.567},{\"name\":\"\\u00e9\",\"value\":null}]",
             "| Name |   Value |\n"
             "| ---- | ------: |\n"
             "| a\\|b | 1234.57 |\n"
             "| \xc3\xa9    |       - |\n");
    is_table(OUTPUT_MD, "[{\"name\":\"two\\nlines\"}]",
             "| Name      | Value |\n"
             "| --------- | ----- |\n"
             "| two lines | -     |\n");
    is_table(OUTPUT_MD, "[]", "| Name | Value |\n| ---- | ----- |\n");
}

static void units(void **state)
{
    static const struct column scaled[] = {
        { "b", "B", "bytes" },
        { "t", "T", "ns" },
        { NULL, NULL, NULL },
    };
    (void)state;
    char *text = table(OUTPUT_MD,
                       "[{\"b\":512,\"t\":999},{\"b\":1536,\"t\":1500},"
                       "{\"b\":3221225472,\"t\":2500000000},{\"b\":\"none\",\"t\":0}]",
                       scaled);
    static const char *const cells[] = { "512 B",    "999 ns", "1.50 KiB", "1.50 us",
                                         "3.00 GiB", "2.50 s", "none",     "0 ns" };
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        assert_non_null(strstr(text, cells[i]));
    free(text);
}

static void not_finite(void **state)
{
    (void)state;
    json_t *values[] = { table_real(NAN), table_real(INFINITY), table_real(-INFINITY) };
    for (int i = 0; i < 3; i++) {
        assert_true(json_is_null(values[i]));
        json_decref(values[i]);
    }
    json_t *value = table_real(2.5);
    assert_true(json_real_value(value) == 2.5);
    json_decref(value);
}

/* ---- outputs: in a directory of their own ---- */

static char directory[] = "/tmp/unit_table.XXXXXX";

static int enter_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int leave_directory(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", directory);
    return chdir("/") || system(command) ? -1 : 0;
}

static void read_file(const char *path, char *text, size_t size)
{
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    text[fread(text, 1, size - 1, stream)] = '\0';
    fclose(stream);
}

static void write_file(const char *path, const char *text)
{
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static int count_files(void)
{
    int count = 0;
    FILE *stream = popen("ls -A | wc -l", "r");
    assert_non_null(stream);
    assert_int_equal(fscanf(stream, "%d", &count), 1);
    pclose(stream);
    return count;
}

static struct config one_output(enum output_format format, const char *path)
{
    struct config config = { .output_count = 1 };
    config.outputs[0] = (struct output){ format, path };
    return config;
}

static void files(void **state)
{
    struct config config = one_output(OUTPUT_JSON, "rows.json");
    struct outputs *outputs;
    char why[WHY_MAX] = "", text[400];
    struct stat st;
    (void)state;
    config.output_count = 2;
    config.outputs[1] = (struct output){ OUTPUT_MD, "rows.md" };
    write_file("rows.json", "old");
    chmod("rows.json", 0640);
    assert_int_equal(outputs_open(&outputs, &config, why, sizeof why), 0);
    json_t *rows = parse_rows("[{\"name\":\"x\",\"value\":1}]");
    assert_int_equal(outputs_rows(outputs, rows, columns, "Heading", "A note."), 0);
    assert_int_equal(outputs_rows(outputs, rows, columns, NULL, NULL), 0);
    json_decref(rows);
    read_file("rows.json", text, sizeof text);
    assert_string_equal(text, "old"); /* replaced at the end, in one step */
    assert_int_equal(outputs_close(outputs, why, sizeof why), 0);
    read_file("rows.json", text, sizeof text);
    assert_string_equal(text,
                        "[\n {\"name\":\"x\",\"value\":1},\n {\"name\":\"x\",\"value\":1}\n]\n");
    assert_int_equal(stat("rows.json", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    read_file("rows.md", text, sizeof text);
    assert_string_equal(text,
                        "## Heading\n\n| Name | Value |\n| ---- | ----: |\n| x    |  1.00 |\n"
                        "\nA note.\n\n| Name | Value |\n| ---- | ----: |\n| x    |  1.00 |\n");
    assert_int_equal(count_files(), 2); /* nothing else is left */
    unlink("rows.json");
    unlink("rows.md");
}

static void without_rows(void **state)
{
    struct config config = one_output(OUTPUT_JSON, "none.json");
    struct outputs *outputs;
    char why[WHY_MAX] = "", text[40];
    (void)state;
    assert_int_equal(outputs_open(&outputs, &config, why, sizeof why), 0);
    assert_int_equal(count_files(), 0);
    assert_int_equal(outputs_close(outputs, why, sizeof why), 0);
    read_file("none.json", text, sizeof text);
    assert_string_equal(text, "[]\n");
    unlink("none.json");
    assert_int_equal(outputs_close(NULL, why, sizeof why), 0);
}

static void bad_paths(void **state)
{
    static const struct {
        const char *path, *word;
    } bad[] = {
        { "absent/x.json", "No such file" },
        { ".", "Is a directory" },
        { "plain/x.json", "Not a directory" },
    };
    struct outputs *outputs;
    char why[WHY_MAX];
    (void)state;
    write_file("plain", "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct config config = one_output(OUTPUT_CSV, bad[i].path);
        memset(why, 0, sizeof why);
        assert_true(outputs_open(&outputs, &config, why, sizeof why) < 0);
        assert_null(outputs);
        assert_non_null(strstr(why, bad[i].path));
        assert_non_null(strstr(why, bad[i].word));
    }
    struct config twice = one_output(OUTPUT_CSV, NULL);
    twice.output_count = 2;
    assert_true(outputs_open(&outputs, &twice, why, sizeof why) < 0);
    assert_non_null(strstr(why, "standard output"));
    twice.outputs[0].path = twice.outputs[1].path = "same";
    assert_true(outputs_open(&outputs, &twice, why, sizeof why) < 0);
    assert_non_null(strstr(why, "same"));
    unlink("plain");
    assert_int_equal(count_files(), 0);
}

static void full_disk(void **state)
{
    struct config config = one_output(OUTPUT_JSON, "/dev/full");
    struct outputs *outputs;
    char why[WHY_MAX] = "";
    (void)state;
    if (access("/dev/full", W_OK))
        skip();
    assert_int_equal(outputs_open(&outputs, &config, why, sizeof why), 0);
    assert_true(outputs_close(outputs, why, sizeof why) < 0);
    assert_non_null(strstr(why, "/dev/full"));
    assert_non_null(strstr(why, strerror(ENOSPC)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),          cmocka_unit_test(json),       cmocka_unit_test(markdown),
        cmocka_unit_test(units),        cmocka_unit_test(not_finite), cmocka_unit_test(files),
        cmocka_unit_test(without_rows), cmocka_unit_test(bad_paths),  cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests_name("table", tests, enter_directory, leave_directory);
}
