/* SPDX-License-Identifier: MIT
 *
 * Rows out: a row is a JSON object, its members in the order of the document. The same rows become
 * documents (Markdown, LaTeX, HTML: the columns that a command chooses), CSV (RFC 4180, every
 * member, arrays joined with ';'), a JSON array, or JSON lines. null, NaN and infinity are null, an
 * empty cell, "-". */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include "bench/option.h"

struct column {
    const char *member; /* of the row */
    const char *title;
    const char *format; /* printf for a double ("%.2f"), "%s" for text, "bytes", "ns" */
};

/* Writes rows (a JSON array of flat objects) in one format. columns: for Markdown, title NULL at
 * the end. 0 or -errno. */
int table_write(FILE *stream, enum output_format format, const json_t *rows,
                const struct column *columns);

/* A number, or null where it is NaN or infinite (jansson refuses those). */
json_t *table_real(double value);

/* A row's member as text, "" where it has none, or as a number, NaN where it has none. row may be
 * NULL. */
const char *table_text(const json_t *row, const char *member);
double table_number(const json_t *row, const char *member);

/* One cell as text: a number as format says, anything else as it is, "-" where there is none. */
void table_cell(char *text, size_t size, const json_t *value, const char *format);
enum { TABLE_CELL_MAX = 160 };

/* ---- html.c ---- */

/* What begins and ends a page of its own: style, script, nothing from elsewhere. */
void html_begin(FILE *stream, const char *title);
void html_end(FILE *stream);
/* A section: heading (may be NULL), the table, notes below (may be NULL). A numeric cell has the
 * number whole in its attribute data-v: the member's own, or for a cell of text that of the member
 * [name]_value. Columns without any value are left out. */
void html_table(FILE *stream, const json_t *rows, const struct column *columns, const char *heading,
                const char *notes);
void html_text(FILE *stream, const char *text);  /* escaped */
void html_prose(FILE *stream, const char *text); /* escaped; `words` are code */

/* ---- tex.c ---- */

/* A document that LaTeX compiles as it is, and that another document may \input in its body. */
void tex_begin(FILE *stream);
void tex_end(FILE *stream);
void tex_table(FILE *stream, const json_t *rows, const struct column *columns, const char *heading,
               const char *notes);
void tex_text(FILE *stream, const char *text);  /* escaped; what pdflatex lacks is ? */
void tex_prose(FILE *stream, const char *text); /* escaped; `words` are in typewriter */

/* ---- output.c ---- */

/* Where a command's outputs go: opens every -o path before anything runs, so that a bad one fails
 * early and nothing is lost; default md on stdout. */
struct outputs;
int outputs_open(struct outputs **outputs, const struct config *config, char *why, size_t why_size);
/* Documents get `heading` (may be NULL) above the table and `notes` (may be NULL) below. May be
 * called several times for them; for machine formats rows accumulate until outputs_close. */
int outputs_rows(struct outputs *outputs, const json_t *rows, const struct column *columns,
                 const char *heading, const char *notes);
/* The two halves of outputs_rows, for rows that documents show in another arrangement than the
 * machine formats have them: documents only, and machine formats only. */
int outputs_table(struct outputs *outputs, const json_t *rows, const struct column *columns,
                  const char *heading, const char *notes);
int outputs_data(struct outputs *outputs, const json_t *rows, const struct column *columns);
/* Of documents, one format only: a table, and what the caller writes itself to the stream of each
 * such output (outputs_stream(o, format, 0), 1, ... until NULL). */
int outputs_table_of(struct outputs *outputs, enum output_format format, const json_t *rows,
                     const struct column *columns, const char *heading, const char *notes);
FILE *outputs_stream(struct outputs *outputs, enum output_format format, int i);
/* Writes what is left and closes: valid JSON also after an interrupt or without rows. A file is
 * written whole beside its place and renamed into it, so one that exists is replaced or untouched.
 * outputs may be NULL. 0 or -errno with why. */
int outputs_close(struct outputs *outputs, char *why, size_t why_size);

#endif
