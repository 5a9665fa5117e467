/* SPDX-License-Identifier: MIT
 *
 * The report of a `paper` run as a page and as LaTeX. Every number in them is that of a row of
 * paper_rows.c: nothing is computed here. */
#ifndef BENCH_REPORT_LINES_H
#define BENCH_REPORT_LINES_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdint.h>
#include "bench/table.h"

/* Two metrics of an item side by side, a line a variant, size and format. */
struct report_pair {
    const char *item, *heading;
    const char *metric[2];     /* of the rows; the second may be NULL */
    const char *title[2];      /* "memory, GB" */
    const char *better[2];     /* how many times ...: "less", "faster" */
    const char *format[2];     /* printf, of a value */
    const struct column *page; /* its columns on the page */
};
extern const struct report_pair report_pairs[]; /* item NULL at the end */

/* The line of a row's variant, size and format among `lines`, made when it is first needed. */
json_t *report_line_of(json_t *lines, const json_t *row);

/* Of a line made of several rows: its member `how` says once how they came about, and for each that
 * came about in another way than the first, with `what` before it. */
void report_line_how(json_t *line, const json_t *row, const char *what);

/* The lines: `variant`, `size`, `model`, `format`, `roof_share`, `note`, and of each metric, after
 * "a_" and "b_": ours, paper, ratio_ours, ratio_paper, ci_low, ci_high, provenance. The caller's to
 * release; empty where the run has no such item. */
json_t *report_lines(const json_t *rows, const struct report_pair *pair);

/* Why no line has a number of this machine, from the first one's note; NULL: some has. */
const char *report_absent(const json_t *lines);

/* For -o tex, where it is wanted: the tables above. 0 or -errno. */
int report_tex_write(struct outputs *o, const json_t *rows);

/* For -o html: the page down to the tables above; and from the figures on (of the directory
 * `figures`, which may be NULL) to the rows themselves in their columns. 0 or -errno. */
int report_html_write(struct outputs *o, sqlite3 *db, int64_t run, const json_t *rows);
int report_html_end(struct outputs *o, sqlite3 *db, int64_t run, const json_t *rows,
                    const struct column *columns, const char *figures);

#endif
