/* SPDX-License-Identifier: MIT
 *
 * The page of a `paper` run: what was run and where, the tables, figures, caveats, every row. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/report_lines.h"
#include "bench/rows.h"

enum { PATH_BYTES = 4096, WORDS_MAX = 16 };

static const char method[] =
#include "bench/method.html.h"
    ;
static const char caveats[] =
#include "bench/caveats.html.h"
    ;

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql, int64_t run)
{
    sqlite3_stmt *s = NULL;

    if (!sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        sqlite3_bind_int64(s, 1, run);
    return s;
}

static void term(FILE *stream, const char *name, const char *value)
{
    fputs("<dt>", stream);
    html_text(stream, name);
    fputs("</dt><dd>", stream);
    html_text(stream, value);
    fputs("</dd>\n", stream);
}

/* ---- what was run ---- */

/* "memory_bytes" as "memory", with its unit; the rest as it is. */
static void write_fact(FILE *stream, const char *name, const char *value)
{
    const size_t n = strlen(name), bytes = sizeof "_bytes" - 1;
    const bool size = n > bytes && !strcmp(name + n - bytes, "_bytes");
    char label[80], shown[TABLE_CELL_MAX];

    snprintf(label, sizeof label, "%.*s", (int)(size ? n - bytes : n), name);
    for (char *c = label; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    if (size) {
        json_t *number = json_integer(strtoll(value, NULL, 10));
        table_cell(shown, sizeof shown, number, "bytes");
        json_decref(number);
    }
    term(stream, label, size ? shown : value);
}

static void write_machine(FILE *stream, sqlite3 *db, int64_t run)
{
    static const char *const first[] = { "cpu",          "cores",      "threads",    "smt",
                                         "isa",          "l1d_bytes",  "l2_bytes",   "l3_bytes",
                                         "memory_bytes", "numa_nodes", "hypervisor", "os",
                                         "kernel",       "governor",   "thp",        NULL };
    sqlite3_stmt *s = prepare(
        db, "SELECT value FROM fact WHERE run = ?1 AND name = ?2 AND value IS NOT NULL", run);
    char machine[200], build[200];

    rows_machine_build(db, run, machine, build);
    fputs("<section id=\"machine\">\n<h2>Machine</h2>\n<dl>\n", stream);
    for (const char *const *name = first; s && *name; name++) {
        sqlite3_bind_text(s, 2, *name, -1, SQLITE_STATIC);
        if (sqlite3_step(s) == SQLITE_ROW)
            write_fact(stream, *name, rows_text(s, 0));
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    term(stream, "machine", machine);
    term(stream, "build", build);
    fputs("</dl>\n</section>\n", stream);
}

static void write_command(FILE *stream, sqlite3 *db, int64_t run)
{
    sqlite3_stmt *s = prepare(
        db, "SELECT command, arguments, seed, started_at, ended_at, status FROM run WHERE id = ?1",
        run);

    fputs("<section id=\"command\">\n<h2>The command</h2>\n<p>This makes the run again:</p>\n"
          "<pre><code>tritbench ",
          stream);
    if (s && sqlite3_step(s) == SQLITE_ROW) {
        html_text(stream, rows_text(s, 0));
        fputc(' ', stream);
        html_text(stream, rows_text(s, 1));
        fputs("</code></pre>\n<p>and this the tables from the database:</p>\n<pre><code>", stream);
        fprintf(stream, "tritbench report --run %lld -o md</code></pre>\n<dl>\n", (long long)run);
        term(stream, "seed", rows_text(s, 2));
        term(stream, "started", rows_text(s, 3));
        term(stream, "ended", *rows_text(s, 4) ? rows_text(s, 4) : "not yet");
        term(stream, "status", rows_text(s, 5));
        fputs("</dl>\n</section>\n", stream);
    } else {
        fputs("</code></pre>\n</section>\n", stream);
    }
    sqlite3_finalize(s);
}

static void write_head(FILE *stream, sqlite3 *db, int64_t run)
{
    sqlite3_stmt *s =
        prepare(db,
                "SELECT coalesce(m.cpu, 'unknown CPU'), r.started_at, r.status FROM run r JOIN "
                "machine m ON m.id = r.machine WHERE r.id = ?1",
                run);

    fputs("<header>\n<h1>The Era of 1-bit LLMs, on ", stream);
    const bool found = s && sqlite3_step(s) == SQLITE_ROW;
    html_text(stream, found ? rows_text(s, 0) : "this machine");
    fputs("</h1>\n<p class=\"lead\">Memory, time and energy of FP16, int8 and ternary weights: the "
          "paper's tables and figures (arXiv 2402.17764) beside what this machine did, run ",
          stream);
    fprintf(stream, "%lld of ", (long long)run);
    html_text(stream, found ? rows_text(s, 1) : "");
    if (found && strcmp(rows_text(s, 2), "done"))
        fprintf(stream, " (%s: not whole)", rows_text(s, 2));
    fputs(".</p>\n<nav aria-label=\"On this page\"><ul>\n"
          "<li><a href=\"#tables\">Tables</a></li>\n<li><a href=\"#figures\">Figures</a></li>\n"
          "<li><a href=\"#caveats\">Caveats</a></li>\n<li><a href=\"#machine\">Machine</a></li>\n"
          "<li><a href=\"#command\">Command</a></li>\n<li><a href=\"#rows\">Every row</a></li>\n"
          "</ul></nav>\n</header>\n<div id=\"tables\">\n",
          stream);
    sqlite3_finalize(s);
}

int report_html_write(struct outputs *o, sqlite3 *db, int64_t run, const json_t *rows)
{
    FILE *stream;

    for (int i = 0; (stream = outputs_stream(o, OUTPUT_HTML, i)); i++) {
        write_head(stream, db, run);
        for (const struct report_pair *pair = report_pairs; pair->item; pair++) {
            json_t *lines = report_lines(rows, pair);
            if (!lines)
                return -ENOMEM;
            const char *why = json_array_size(lines) ? report_absent(lines) : NULL;
            if (why) {
                fputs("<section>\n<h2>", stream);
                html_text(stream, pair->heading);
                fputs("</h2>\n<p>None. ", stream);
                html_text(stream, why);
                fputs("</p>\n</section>\n", stream);
            } else if (json_array_size(lines)) {
                html_table(stream, lines, pair->page, pair->heading, NULL);
            }
            json_decref(lines);
        }
    }
    return 0;
}

/* ---- figures ---- */

static void base64(FILE *stream, const unsigned char *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        const unsigned a = data[i], b = i + 1 < size ? data[i + 1] : 0,
                       c = i + 2 < size ? data[i + 2] : 0;
        fputc(digits[a >> 2], stream);
        fputc(digits[(a & 3) << 4 | b >> 4], stream);
        fputc(i + 1 < size ? digits[(b & 15) << 2 | c >> 6] : '=', stream);
        fputc(i + 2 < size ? digits[c & 63] : '=', stream);
    }
}

/* A file as it is, the caller's to free; NULL: it cannot be read. */
static unsigned char *read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *data = NULL;
    size_t room = 0;

    *size = 0;
    if (!file)
        return NULL;
    do {
        room = room ? 2 * room : 1 << 16;
        unsigned char *more = realloc(data, room);
        if (!more)
            break;
        data = more;
        *size += fread(data + *size, 1, room - *size, file);
    } while (*size == room);
    fclose(file);
    return data;
}

/* One line of figures.tsv: name, "drawn" or "absent", heading or reason. */
static void write_figure(FILE *stream, const char *directory, const char *name, bool drawn,
                         const char *words)
{
    char path[PATH_BYTES];
    size_t size;

    snprintf(path, sizeof path, "%s/%s.svg", directory, name);
    unsigned char *svg = drawn ? read_whole(path, &size) : NULL;
    if (!svg) {
        fputs("<p class=\"notes\"><strong>", stream);
        html_text(stream, name);
        fputs(":</strong> not drawn: ", stream);
        html_text(stream, drawn ? "its file cannot be read" : words);
        fputs("</p>\n", stream);
        return;
    }
    fputs("<figure>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Figure: ",
          stream);
    html_text(stream, words);
    fputs("\">\n<img alt=\"", stream);
    html_text(stream, words);
    fputs(". The rows below have its numbers.\" src=\"data:image/svg+xml;base64,", stream);
    base64(stream, svg, size);
    fputs("\">\n</div>\n<figcaption>", stream);
    html_text(stream, words);
    fputs("</figcaption>\n</figure>\n", stream);
    free(svg);
}

static void write_figures(FILE *stream, const char *directory)
{
    char path[PATH_BYTES], line[1024];
    FILE *list = NULL;

    fputs("<section id=\"figures\">\n<h2>Figures</h2>\n", stream);
    if (directory) {
        snprintf(path, sizeof path, "%s/figures.tsv", directory);
        list = fopen(path, "r");
    }
    if (!list)
        fputs("<p>None were put in: <code>scripts/plots</code> draws them and writes this page "
              "with them.</p>\n",
              stream);
    while (list && fgets(line, sizeof line, list)) {
        char *rest = line, *name = strsep(&rest, "\t"), *state = strsep(&rest, "\t");
        if (!state || !rest)
            continue;
        rest[strcspn(rest, "\n")] = '\0';
        write_figure(stream, directory, name, !strcmp(state, "drawn"), rest);
    }
    if (list)
        fclose(list);
    fputs("</section>\n", stream);
}

/* ---- caveats ---- */

/* How many rows have each provenance, and each reason for not being there. */
static void write_counts(FILE *stream, const json_t *rows)
{
    json_t *counts = json_object(), *absent_notes = json_object(), *row, *value;
    const char *name, *separator = "";
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const bool there = json_is_number(json_object_get(row, "ours"));
        json_t *to = there ? counts : absent_notes;
        const char *key = table_text(row, there ? "provenance" : "note");
        json_object_set_new(to, key,
                            json_integer(json_integer_value(json_object_get(to, key)) + 1));
    }
    fputs("<li>Rows by provenance: ", stream);
    json_object_foreach(counts, name, value)
    {
        fprintf(stream, "%s%" JSON_INTEGER_FORMAT " ", separator, json_integer_value(value));
        html_text(stream, name);
        separator = ", ";
    }
    fputs(".</li>\n", stream);
    json_object_foreach(absent_notes, name, value)
    {
        fprintf(stream,
                "<li>%" JSON_INTEGER_FORMAT " rows without a value: ", json_integer_value(value));
        html_text(stream, *name ? name : "no reason given");
        fputs("</li>\n", stream);
    }
    json_decref(counts);
    json_decref(absent_notes);
}

static void write_caveats(FILE *stream, sqlite3 *db, int64_t run, const json_t *rows)
{
    sqlite3_stmt *s = prepare(db,
                              "SELECT b.dirty, b.sanitizers, r.status FROM run r JOIN build b ON "
                              "b.id = r.build WHERE r.id = ?1",
                              run);

    fprintf(stream, "<section id=\"caveats\">\n<h2>Caveats</h2>\n<ul>\n%s", caveats);
    if (s && sqlite3_step(s) == SQLITE_ROW) {
        if (sqlite3_column_int(s, 0))
            fputs("<li>The program was built from files that differ from the commit.</li>\n",
                  stream);
        if (strcmp(rows_text(s, 1), "none"))
            fputs("<li>The program was built with sanitizers: its times are worth nothing.</li>\n",
                  stream);
        if (strcmp(rows_text(s, 2), "done"))
            fprintf(stream, "<li>The run is %s: what is missing was not measured.</li>\n",
                    rows_text(s, 2));
    }
    sqlite3_finalize(s);
    write_counts(stream, rows);
    fputs("</ul>\n</section>\n", stream);
}

/* ---- meters, and every row ---- */

static const struct column meter_columns[] = {
    { "name", "name", "%s" }, { "kind", "kind", "%s" },      { "status", "status", "%s" },
    { "said", "said", "%s" }, { "fix", "what helps", "%s" }, { NULL, NULL, NULL },
};

static json_t *meter_rows(sqlite3 *db, int64_t run)
{
    sqlite3_stmt *s = prepare(
        db, "SELECT name, kind, status, said, fix FROM meter WHERE run = ?1 ORDER BY kind, name",
        run);
    json_t *rows = json_array();

    while (s && sqlite3_step(s) == SQLITE_ROW) {
        json_t *row = json_object();
        for (int i = 0; meter_columns[i].title; i++)
            json_object_set_new(row, meter_columns[i].member,
                                *rows_text(s, i) ? json_string(rows_text(s, i)) : json_null());
        json_array_append_new(rows, row);
    }
    sqlite3_finalize(s);
    return rows;
}

int report_html_end(struct outputs *o, sqlite3 *db, int64_t run, const json_t *rows,
                    const struct column *columns, const char *figures)
{
    FILE *stream;

    for (int i = 0; (stream = outputs_stream(o, OUTPUT_HTML, i)); i++) {
        json_t *meters = meter_rows(db, run);
        fputs("</div>\n", stream);
        write_figures(stream, figures);
        write_caveats(stream, db, run, rows);
        fputs(method, stream);
        write_machine(stream, db, run);
        write_command(stream, db, run);
        fputs("<div id=\"rows\">\n<details>\n<summary>Every row of the tables, as in CSV and "
              "JSON</summary>\n",
              stream);
        html_table(stream, rows, columns, "Every row", NULL);
        fputs("</details>\n<details>\n<summary>What became of each meter</summary>\n", stream);
        html_table(stream, meters, meter_columns, "Meters", NULL);
        fputs("</details>\n</div>\n", stream);
        json_decref(meters);
    }
    return 0;
}
