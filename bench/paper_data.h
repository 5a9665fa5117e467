/* SPDX-License-Identifier: MIT
 *
 * The paper's numbers: results/paper/[name].csv, embedded at build time. */
#ifndef BENCH_PAPER_DATA_H
#define BENCH_PAPER_DATA_H

#include <stddef.h>

enum paper_table { PAPER_TABLE1, PAPER_TABLE3, PAPER_FIGURE2, PAPER_FIGURE3, PAPER_ENERGY_2B4T };

/* The number in `column` of the first row whose first field is `first` and, unless NULL, whose
 * second is `second`; NaN where there is none. */
double paper_number(enum paper_table table, const char *first, const char *second,
                    const char *column);

/* The first field of row i (from 0); NULL after the last. text is (size) bytes. */
const char *paper_row_name(enum paper_table table, int i, char *text, size_t size);

#endif
