/* SPDX-License-Identifier: MIT */
#include "bench/table.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_FLAGS = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) };

json_t *table_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

const char *table_text(const json_t *row, const char *member)
{
    const char *text = json_string_value(json_object_get(row, member));

    return text ? text : "";
}

double table_number(const json_t *row, const char *member)
{
    const json_t *value = json_object_get(row, member);

    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int write_json(FILE *stream, const json_t *rows, bool lines)
{
    size_t i;
    json_t *row;
    if (!lines)
        fputc('[', stream);
    json_array_foreach(rows, i, row)
    {
        if (!lines)
            fputs(i ? ",\n " : "\n ", stream);
        if (json_dumpf(row, stream, JSON_FLAGS))
            return -EIO;
        if (lines)
            fputc('\n', stream);
    }
    if (!lines)
        fputs(json_array_size(rows) ? "\n]\n" : "]\n", stream);
    return 0;
}

/* ---- CSV ---- */

/* A value as text, without quotes: arrays joined with ';', objects as name=value. */
static void plain(FILE *stream, const json_t *value)
{
    size_t i;
    const char *name;
    json_t *item;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (i)
                fputc(';', stream);
            plain(stream, item);
        }
    } else if (json_is_object(value)) {
        const char *separator = "";
        json_object_foreach((json_t *)value, name, item)
        {
            fprintf(stream, "%s%s=", separator, name);
            plain(stream, item);
            separator = ";";
        }
    } else if (json_is_string(value)) {
        fputs(json_string_value(value), stream);
    } else if (value && !json_is_null(value)) {
        json_dumpf(value, stream, JSON_FLAGS);
    }
}

/* The text of a value, the caller's to free; NULL without memory. */
static char *plain_text(const json_t *value)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    plain(stream, value);
    if (fclose(stream)) {
        free(text);
        return NULL;
    }
    return text;
}

static void csv_text(FILE *stream, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++)
        fprintf(stream, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', stream);
}

/* The members of all rows, in the order in which they first appear; without rows, the columns'. */
static json_t *csv_members(const json_t *rows, const struct column *columns)
{
    json_t *members = json_object();
    size_t i;
    const char *name;
    json_t *row, *value;
    json_array_foreach(rows, i, row)
    {
        json_object_foreach(row, name, value)
        {
            if (!json_object_get(members, name))
                json_object_set_new(members, name, json_true());
        }
    }
    for (const struct column *c = columns; json_array_size(rows) == 0 && c && c->title; c++)
        json_object_set_new(members, c->member, json_true());
    return members;
}

static int write_csv(FILE *stream, const json_t *rows, const struct column *columns)
{
    json_t *members = csv_members(rows, columns), *row, *value;
    const char *name, *separator = "";
    size_t i;
    if (!members)
        return -ENOMEM;
    json_object_foreach(members, name, value)
    {
        fputs(separator, stream);
        csv_text(stream, name);
        separator = ",";
    }
    fputs("\r\n", stream);
    json_array_foreach(rows, i, row)
    {
        separator = "";
        json_object_foreach(members, name, value)
        {
            char *text = plain_text(json_object_get(row, name));
            fputs(separator, stream);
            if (text)
                csv_text(stream, text);
            free(text);
            separator = ",";
        }
        fputs("\r\n", stream);
    }
    json_decref(members);
    return 0;
}

/* ---- Markdown ---- */

static void with_unit(char *text, size_t size, double value, const char *const *units, double step)
{
    int i = 0;
    while (fabs(value) >= step && units[i + 1]) {
        value /= step;
        i++;
    }
    snprintf(text, size, i || value != floor(value) ? "%.2f %s" : "%.0f %s", value, units[i]);
}

void table_cell(char *text, size_t size, const json_t *value, const char *format)
{
    static const char *const bytes[] = { "B", "KiB", "MiB", "GiB", "TiB", NULL };
    static const char *const ns[] = { "ns", "us", "ms", "s", NULL };
    bool number = json_is_number(value);
    if (!value || json_is_null(value) || (number && !isfinite(json_number_value(value)))) {
        snprintf(text, size, "-");
    } else if (number && strcmp(format, "bytes") == 0) {
        with_unit(text, size, json_number_value(value), bytes, 1024);
    } else if (number && strcmp(format, "ns") == 0) {
        with_unit(text, size, json_number_value(value), ns, 1000);
    } else if (number && strcmp(format, "%s") != 0) {
        snprintf(text, size, format, json_number_value(value));
    } else if (json_is_boolean(value)) {
        snprintf(text, size, "%s", json_is_true(value) ? "yes" : "no");
    } else {
        char *whole = plain_text(value);
        size_t used = 0;
        for (const char *c = whole ? whole : "-"; *c && used + 1 < size; c++)
            text[used++] = (unsigned char)*c < ' ' ? ' ' : *c;
        text[used] = '\0';
        free(whole);
    }
}

/* A cell of Markdown. */
static void md_cell(char *text, size_t size, const json_t *value, const char *format)
{
    char plain[TABLE_CELL_MAX];
    size_t used = 0;
    table_cell(plain, sizeof plain, value, format);
    for (const char *c = plain; *c && used + 2 < size; c++) {
        if (*c == '|')
            text[used++] = '\\';
        text[used++] = *c;
    }
    text[used] = '\0';
}

/* Characters, not bytes: UTF-8 continuation bytes take no column. */
static int text_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void pad(FILE *stream, int count)
{
    for (; count > 0; count--)
        fputc(' ', stream);
}

static void write_cell(FILE *stream, const char *text, int width, bool right)
{
    fputs(" ", stream);
    if (right)
        pad(stream, width - text_width(text));
    fputs(text, stream);
    if (!right)
        pad(stream, width - text_width(text));
    fputs(" |", stream);
}

/* How a column is laid out: as wide as its widest cell, numbers to the right. */
static int column_width(const json_t *rows, const struct column *c, bool *right)
{
    int width = text_width(c->title);
    size_t i;
    json_t *row;
    *right = false;
    json_array_foreach(rows, i, row)
    {
        char text[TABLE_CELL_MAX];
        const json_t *value = json_object_get(row, c->member);
        md_cell(text, sizeof text, value, c->format);
        if (text_width(text) > width)
            width = text_width(text);
        *right |= json_is_number(value);
    }
    return width < 3 ? 3 : width;
}

static void write_md(FILE *stream, const json_t *rows, const struct column *columns)
{
    enum { COLUMNS_MAX = 32 };
    int width[COLUMNS_MAX], count = 0;
    bool right[COLUMNS_MAX];
    size_t i;
    json_t *row;
    for (; count < COLUMNS_MAX && columns[count].title; count++)
        width[count] = column_width(rows, &columns[count], &right[count]);

    fputc('|', stream);
    for (int c = 0; c < count; c++)
        write_cell(stream, columns[c].title, width[c], right[c]);
    fputs("\n|", stream);
    for (int c = 0; c < count; c++) {
        fputc(' ', stream);
        for (int n = right[c] ? 1 : 0; n < width[c]; n++)
            fputc('-', stream);
        fputs(right[c] ? ": |" : " |", stream);
    }
    fputc('\n', stream);
    json_array_foreach(rows, i, row)
    {
        fputc('|', stream);
        for (int c = 0; c < count; c++) {
            char text[TABLE_CELL_MAX];
            md_cell(text, sizeof text, json_object_get(row, columns[c].member), columns[c].format);
            write_cell(stream, text, width[c], right[c]);
        }
        fputc('\n', stream);
    }
}

int table_write(FILE *stream, enum output_format format, const json_t *rows,
                const struct column *columns)
{
    int error = 0;
    switch (format) {
    case OUTPUT_MD:
        write_md(stream, rows, columns);
        break;
    case OUTPUT_CSV:
        error = write_csv(stream, rows, columns);
        break;
    case OUTPUT_JSON:
    case OUTPUT_JSONL:
        error = write_json(stream, rows, format == OUTPUT_JSONL);
        break;
    case OUTPUT_TEX:
        tex_table(stream, rows, columns, NULL, NULL);
        break;
    case OUTPUT_HTML:
        html_table(stream, rows, columns, NULL, NULL);
        break;
    }
    return error ? error : ferror(stream) ? -EIO : 0;
}
