/* SPDX-License-Identifier: MIT
 *
 * Tables as LaTeX with booktabs. */
#include <stdbool.h>
#include <string.h>
#include "bench/table.h"

/* Characters beyond ASCII that pdflatex has a command for. */
static const struct {
    const char *text, *command;
} known[] = {
    { "\u00b1", "$\\pm$" }, { "\u00d7", "$\\times$" },          { "\u00b5", "$\\mu$" },
    { "\u2212", "$-$" },    { "\u00ae", "\\textregistered{}" }, { "\u2122", "\\texttrademark{}" },
};

/* The command for an ASCII character that LaTeX means something by; NULL: itself. */
static const char *command_of(char c)
{
    switch (c) {
    case '\\':
        return "\\textbackslash{}";
    case '~':
        return "\\textasciitilde{}";
    case '^':
        return "\\textasciicircum{}";
    case '<':
        return "\\textless{}";
    case '>':
        return "\\textgreater{}";
    case '|':
        return "\\textbar{}";
    case '_':
        return "\\_";
    case '%':
        return "\\%";
    case '&':
        return "\\&";
    case '#':
        return "\\#";
    case '$':
        return "\\$";
    case '{':
        return "\\{";
    case '}':
        return "\\}";
    default:
        return NULL;
    }
}

/* Writes the character at text and returns the bytes that it took. */
static size_t tex_character(FILE *stream, const char *text)
{
    const char *command = command_of(*text);
    size_t n = 1;

    if (command) {
        fputs(command, stream);
        return 1;
    }
    if (!((unsigned char)*text & 0x80)) {
        fputc(*text, stream);
        return 1;
    }
    while (((unsigned char)text[n] & 0xc0) == 0x80)
        n++;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].text) == n && !strncmp(known[i].text, text, n))
            command = known[i].command;
    fputs(command ? command : "?", stream);
    return n;
}

void tex_text(FILE *stream, const char *text)
{
    while (*text)
        text += tex_character(stream, text);
}

void tex_prose(FILE *stream, const char *text)
{
    bool code = false;

    while (*text) {
        if (*text != '`') {
            text += tex_character(stream, text);
            continue;
        }
        fputs(code ? "}" : "\\texttt{", stream);
        code = !code;
        text++;
    }
    if (code)
        fputc('}', stream);
}

/* \documentclass is for the preamble alone, which LaTeX leaves by making \@nodocument \relax. */
void tex_begin(FILE *stream)
{
    fputs("% Compile it as it is, or \\input it where booktabs and graphicx are loaded.\n"
          "\\expandafter\\ifx\\csname @nodocument\\endcsname\\relax\n"
          "\\let\\tritbenchend\\relax\n\\else\n"
          "\\documentclass[10pt]{article}\n"
          "\\usepackage[margin=2cm]{geometry}\n"
          "\\usepackage{booktabs,graphicx}\n"
          "\\def\\tritbenchend{\\end{document}}\n"
          "\\begin{document}\n\\fi\n",
          stream);
}

void tex_end(FILE *stream)
{
    fputs("\\tritbenchend\n", stream);
}

static bool any_number(const json_t *rows, const char *member)
{
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (json_is_number(json_object_get(row, member)))
            return true;
    }
    return false;
}

/* A float does not go on on the next page: a table of more lines is several. */
enum { LINES_MAX = 40 };

/* Lines [first, last) of a table, scaled down where it is wider than the text. */
static void write_part(FILE *stream, const json_t *rows, const struct column *columns,
                       const char *heading, size_t first, size_t last)
{
    fputs("\n\\begin{table}[htbp]\n\\centering\n", stream);
    if (heading) {
        fputs("\\caption{", stream);
        tex_text(stream, heading);
        fputs(first ? ", continued}\n" : "}\n", stream);
    }
    fputs("\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"
          "\\begin{tabular}{",
          stream);
    for (const struct column *c = columns; c->title; c++)
        fputc(any_number(rows, c->member) ? 'r' : 'l', stream);
    fputs("}\n\\toprule\n", stream);
    for (const struct column *c = columns; c->title; c++) {
        fputs(c == columns ? "" : " & ", stream);
        tex_text(stream, c->title);
    }
    fputs(" \\\\\n\\midrule\n", stream);
    for (size_t i = first; i < last; i++) {
        const json_t *row = json_array_get(rows, i);
        for (const struct column *c = columns; c->title; c++) {
            char text[TABLE_CELL_MAX];
            table_cell(text, sizeof text, json_object_get(row, c->member), c->format);
            fputs(c == columns ? "" : " & ", stream);
            tex_text(stream, text);
        }
        fputs(" \\\\\n", stream);
    }
    fputs("\\bottomrule\n\\end{tabular}}\n", stream);
}

void tex_table(FILE *stream, const json_t *rows, const struct column *columns, const char *heading,
               const char *notes)
{
    const size_t count = json_array_size(rows);
    size_t first = 0, last;

    do {
        last = count - first > LINES_MAX ? first + LINES_MAX : count;
        write_part(stream, rows, columns, heading, first, last);
        if (notes && last == count) {
            fputs("\\par\\smallskip\\parbox{\\linewidth}{\\footnotesize ", stream);
            tex_prose(stream, notes);
            fputs("}\n", stream);
        }
        fputs("\\end{table}\n", stream);
        first = last;
    } while (first < count);
}
