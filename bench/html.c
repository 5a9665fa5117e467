/* SPDX-License-Identifier: MIT
 *
 * Tables as HTML: everything is to be read without a script, which only sorts. */
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "bench/table.h"

static const char style[] =
#include "bench/page.css.h"
    ;
static const char script[] =
#include "bench/page.js.h"
    ;

static void html_character(FILE *stream, char c)
{
    if (c == '&')
        fputs("&amp;", stream);
    else if (c == '<')
        fputs("&lt;", stream);
    else if (c == '>')
        fputs("&gt;", stream);
    else if (c == '"')
        fputs("&quot;", stream);
    else
        fputc(c, stream);
}

void html_text(FILE *stream, const char *text)
{
    for (; *text; text++)
        html_character(stream, *text);
}

void html_prose(FILE *stream, const char *text)
{
    bool code = false;

    for (; *text; text++) {
        if (*text != '`') {
            html_character(stream, *text);
            continue;
        }
        fputs(code ? "</code>" : "<code>", stream);
        code = !code;
    }
    if (code)
        fputs("</code>", stream);
}

/* Nothing is fetched from anywhere: the browser is told so, too. */
void html_begin(FILE *stream, const char *title)
{
    fputs(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>",
        stream);
    html_text(stream, title);
    fprintf(stream, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", style);
}

void html_end(FILE *stream)
{
    fprintf(stream, "</main>\n<script>\n%s</script>\n</body>\n</html>\n", script);
}

/* ---- tables ---- */

static const json_t *number_of(const json_t *row, const struct column *c)
{
    const json_t *value = json_object_get(row, c->member);
    char name[80];

    if (!json_is_number(value)) {
        snprintf(name, sizeof name, "%s_value", c->member);
        value = json_object_get(row, name);
    }
    return json_is_number(value) ? value : NULL;
}

/* Whether the column has any value, and whether it has numbers. */
static bool column_used(const json_t *rows, const struct column *c, bool *numbers)
{
    bool used = false;
    const json_t *row;
    size_t i;

    *numbers = false;
    json_array_foreach(rows, i, row)
    {
        const json_t *value = json_object_get(row, c->member);
        used |= value && !json_is_null(value) &&
                (!json_is_string(value) || strcmp(json_string_value(value), "-"));
        *numbers |= number_of(row, c) != NULL;
    }
    return used;
}

static void write_cell(FILE *stream, const json_t *row, const struct column *c, bool head,
                       bool numeric)
{
    const json_t *value = json_object_get(row, c->member), *number = number_of(row, c);
    const char *tag = head ? "th" : "td";
    char text[TABLE_CELL_MAX];

    fprintf(stream, "<%s%s", tag, head ? " scope=\"row\"" : numeric ? " class=\"n\"" : "");
    if (number) {
        fputs(" data-v=\"", stream);
        json_dumpf(number, stream, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        fputc('"', stream);
    }
    fputc('>', stream);
    if (json_is_string(value)) { /* whole, however long */
        html_text(stream, json_string_value(value));
    } else {
        table_cell(text, sizeof text, value, c->format);
        html_text(stream, text);
    }
    fprintf(stream, "</%s>", tag);
}

static void write_table(FILE *stream, const json_t *rows, const struct column *columns)
{
    enum { COLUMNS_MAX = 64 }; /* the rows of paper have 36 */
    bool used[COLUMNS_MAX], numeric[COLUMNS_MAX];
    const json_t *row;
    int count = 0;
    size_t i;

    for (; count < COLUMNS_MAX && columns[count].title; count++)
        used[count] = column_used(rows, &columns[count], &numeric[count]) || count == 0;
    fputs("<table>\n<thead><tr>", stream);
    for (int c = 0; c < count; c++) {
        if (!used[c])
            continue;
        fprintf(stream, "<th scope=\"col\"%s>", numeric[c] ? " class=\"n\"" : "");
        html_text(stream, columns[c].title);
        fputs("</th>", stream);
    }
    fputs("</tr></thead>\n<tbody>\n", stream);
    json_array_foreach(rows, i, row)
    {
        fputs("<tr>", stream);
        for (int c = 0; c < count; c++)
            if (used[c])
                write_cell(stream, row, &columns[c], c == 0, numeric[c]);
        fputs("</tr>\n", stream);
    }
    fputs("</tbody>\n</table>\n", stream);
}

void html_table(FILE *stream, const json_t *rows, const struct column *columns, const char *heading,
                const char *notes)
{
    fputs("<section>\n", stream);
    if (heading) {
        fputs("<h2>", stream);
        html_text(stream, heading);
        fputs("</h2>\n", stream);
    }
    fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table: ", stream);
    html_text(stream, heading ? heading : "results");
    fputs("\">\n", stream);
    write_table(stream, rows, columns);
    fputs("</div>\n", stream);
    if (notes) {
        fputs("<p class=\"notes\">", stream);
        html_prose(stream, notes);
        fputs("</p>\n", stream);
    }
    fputs("</section>\n", stream);
}
