/* SPDX-License-Identifier: MIT */
#include "bench/paper_data.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Comment lines, a header, rows; no field of these files has a quote or a comma. */
static const char *const tables[] = { [PAPER_TABLE1] =
#include "table1.csv.h"
                                          ,
                                      [PAPER_TABLE3] =
#include "table3.csv.h"
                                          ,
                                      [PAPER_FIGURE2] =
#include "figure2.csv.h"
                                          ,
                                      [PAPER_FIGURE3] =
#include "figure3.csv.h"
                                          , [PAPER_ENERGY_2B4T] =
#include "energy_2b4t.csv.h"
};

static const char *next_line(const char *line)
{
    return line + strcspn(line, "\n") + 1;
}

static const char *header_of(enum paper_table table)
{
    const char *line = tables[table];

    while (*line == '#')
        line = next_line(line);
    return line;
}

/* Field i of a line; its length in *n. NULL: the line has fewer. */
static const char *field(const char *line, int i, size_t *n)
{
    for (; i > 0; i--) {
        line += strcspn(line, ",\n");
        if (*line++ != ',')
            return NULL;
    }
    *n = strcspn(line, ",\n");
    return line;
}

static bool is(const char *line, int i, const char *word)
{
    size_t n;
    const char *text = field(line, i, &n);

    return text && n == strlen(word) && !strncmp(text, word, n);
}

double paper_number(enum paper_table table, const char *first, const char *second,
                    const char *column)
{
    const char *header = header_of(table);
    int at = 0;
    size_t n;

    while (field(header, at, &n) && !is(header, at, column))
        at++;
    for (const char *line = next_line(header); *line; line = next_line(line)) {
        const char *text = field(line, at, &n);
        if (text && is(line, 0, first) && (!second || is(line, 1, second)))
            return n ? strtod(text, NULL) : NAN;
    }
    return NAN;
}

const char *paper_row_name(enum paper_table table, int i, char *text, size_t size)
{
    const char *line = next_line(header_of(table));
    size_t n;

    while (*line && i-- > 0)
        line = next_line(line);
    if (!*line)
        return NULL;
    const char *name = field(line, 0, &n);
    n = n < size ? n : size - 1;
    memcpy(text, name, n);
    text[n] = '\0';
    return text;
}
