/* SPDX-License-Identifier: MIT
 *
 * Rows out: a row is a JSON object, its members in the order of the document. The same rows become
 * Markdown (the columns that a command chooses), CSV (RFC 4180, every member, arrays joined with
 * ';'), a JSON array, or JSON lines. null, NaN and infinity are null, an empty cell, "-". */
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

/* ---- output.c ---- */

/* Where a command's outputs go: opens every -o path before anything runs, so that a bad one fails
 * early and nothing is lost; default md on stdout. */
struct outputs;
int outputs_open(struct outputs **outputs, const struct config *config, char *why, size_t why_size);
/* Markdown gets `heading` (may be NULL) above the table and `notes` (may be NULL) below. May be
 * called several times for Markdown; for machine formats rows accumulate until outputs_close. */
int outputs_rows(struct outputs *outputs, const json_t *rows, const struct column *columns,
                 const char *heading, const char *notes);
/* The two halves of outputs_rows, for rows that Markdown shows in another arrangement than the
 * machine formats have them: Markdown only, and machine formats only. */
int outputs_table(struct outputs *outputs, const json_t *rows, const struct column *columns,
                  const char *heading, const char *notes);
int outputs_data(struct outputs *outputs, const json_t *rows, const struct column *columns);
/* Writes what is left and closes: valid JSON also after an interrupt or without rows. A file is
 * written whole beside its place and renamed into it, so one that exists is replaced or untouched.
 * outputs may be NULL. 0 or -errno with why. */
int outputs_close(struct outputs *outputs, char *why, size_t why_size);

#endif
