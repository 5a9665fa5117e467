/* SPDX-License-Identifier: MIT
 *
 * --help and the manual pages, both from the option rows. */
#include "bench/option.h"

#include <string.h>
#include "config.h"

enum { HELP_COLUMN = 28, HELP_WIDTH = 80 };

const char option_exit_status[] =
    "0 done; 1 a measurement failed; 2 the command line or the input is wrong, and one line on "
    "standard error says what and where.";

void option_wrap(FILE *stream, const char *text, int column)
{
    int used = column;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (used > column && used + 1 + n > HELP_WIDTH) {
            fprintf(stream, "\n%*s", column, "");
            used = column;
        }
        used += fprintf(stream, "%s%.*s", used > column ? " " : "", n, text);
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', stream);
}

void option_help(unsigned command, const char *name, const char *summary, FILE *stream)
{
    fprintf(stream, "Usage: tritbench %s %s[OPTIONS]\n\n", name,
            command & CMD_LIST ? "[WORD]... " : "");
    option_wrap(stream, summary, 0);
    fputs("\nOptions:\n", stream);
    for (const struct option_row *row = option_rows; row->short_name || row->long_name; row++) {
        if (!(row->commands & command))
            continue;
        const char *s = row->short_name, *l = row->long_name;
        int n =
            fprintf(stream, "  %s%s%s%s%s%s%s", s ? "-" : "    ", s ? s : "", s && l ? ", " : "",
                    l ? "--" : "", l ? l : "", row->value ? " " : "", row->value ? row->value : "");
        if (n >= HELP_COLUMN) {
            fputc('\n', stream);
            n = 0;
        }
        fprintf(stream, "%*s", HELP_COLUMN - n, "");
        option_wrap(stream, row->help, HELP_COLUMN);
    }
    fputs("\nExit status: ", stream);
    option_wrap(stream, option_exit_status, 13);
}

void option_roff(FILE *stream, const char *text)
{
    enum { LINE_MAX_BYTES = 60 };
    int column = 0;
    for (; *text; text++) {
        if (*text == ' ' && column >= LINE_MAX_BYTES) {
            fputc('\n', stream);
            column = 0;
            continue;
        }
        if (column == 0 && (*text == '.' || *text == '\''))
            fputs("\\&", stream);
        if (*text == '-' || *text == '\\')
            fputs(*text == '-' ? "\\-" : "\\e", stream);
        else
            fputc(*text, stream);
        column++;
    }
}

static void roff_option(FILE *stream, const struct option_row *row)
{
    fputs(".TP\n", stream);
    if (row->short_name) {
        fputs("\\fB\\-", stream);
        option_roff(stream, row->short_name);
        fputs("\\fR", stream);
    }
    if (row->long_name) {
        fprintf(stream, "%s\\fB\\-\\-", row->short_name ? ", " : "");
        option_roff(stream, row->long_name);
        fputs("\\fR", stream);
    }
    if (row->value)
        fprintf(stream, " \\fI%s\\fR", row->value);
    fputc('\n', stream);
    option_roff(stream, row->help);
    fputs(".\n", stream);
}

void option_man(unsigned command, const char *name, const char *summary, FILE *stream)
{
    fprintf(stream, ".TH TRITBENCH\\-");
    for (const char *c = name; *c; c++)
        fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, stream);
    fprintf(stream, " 1 %s \"tritbench %s\" \"User commands\"\n", OPTION_MAN_DATE,
            TRITBENCH_VERSION);
    fprintf(stream, ".SH NAME\ntritbench\\-%s \\-\n", name);
    option_roff(stream, summary);
    fprintf(stream, "\n.SH SYNOPSIS\n\\fBtritbench %s\\fR %s[\\fIoptions\\fR]\n", name,
            command & CMD_LIST ? "[\\fIword\\fR ...] " : "");
    fputs(".SH OPTIONS\n", stream);
    for (const struct option_row *row = option_rows; row->short_name || row->long_name; row++) {
        if (row->commands & command)
            roff_option(stream, row);
    }
    fputs(".PP\nA \\fILIST\\fR of integers is 1,2,4 or 1\\-8 or 1\\-8+1 (a step)\n"
          "or 1\\-64*2 (a factor); an option that is given again adds to its list.\n",
          stream);
    fputs(".SH EXIT STATUS\n", stream);
    option_roff(stream, option_exit_status);
    fputs("\n.SH SEE ALSO\n.BR tritbench (1)\n", stream);
}
