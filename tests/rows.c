/* SPDX-License-Identifier: MIT
 *
 * rows FILE [MEMBER...]: checks that FILE is a JSON array of objects that all have the members, and
 * prints these, a line a row, tabs between them, null as "null". Exit status 1 with a line on
 * stderr where it is not so. The tests from outside need no other reader of JSON. */
#include <jansson.h>
#include <stdio.h>

static void print_value(const json_t *value)
{
    if (json_is_string(value))
        fputs(json_string_value(value), stdout);
    else
        json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}

int main(int argc, char **argv)
{
    json_error_t error;
    size_t i;
    json_t *row;
    if (argc < 2) {
        fprintf(stderr, "rows FILE [MEMBER...]\n");
        return 2;
    }
    json_t *rows = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error);
    if (!json_is_array(rows)) {
        fprintf(stderr, "%s:%d: %s\n", argv[1], error.line, rows ? "no array" : error.text);
        return 1;
    }
    json_array_foreach(rows, i, row)
    {
        if (!json_is_object(row)) {
            fprintf(stderr, "%s: row %zu is no object\n", argv[1], i);
            return 1;
        }
        for (int m = 2; m < argc; m++) {
            const json_t *value = json_object_get(row, argv[m]);
            if (!value) {
                fprintf(stderr, "%s: row %zu has no member %s\n", argv[1], i, argv[m]);
                return 1;
            }
            if (m > 2)
                putchar('\t');
            print_value(value);
        }
        if (argc > 2)
            putchar('\n');
    }
    json_decref(rows);
    return 0;
}
