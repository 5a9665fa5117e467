/* SPDX-License-Identifier: MIT
 *
 * Table 1, the rows of Figure 2 and Table 3 in LaTeX, as the paper prints them: a value with its
 * ratio to FP16 in parentheses, the paper's beside this machine's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bench/report_lines.h"

/* "2.08 (1.00x)": a value and its ratio; "--" where there is none. */
static void value_text(FILE *stream, const json_t *line, int metric, const char *whose,
                       const char *format)
{
    char name[40];

    snprintf(name, sizeof name, "%c_%s", 'a' + metric, whose);
    const json_t *value = json_object_get(line, name);
    snprintf(name, sizeof name, "%c_ratio_%s", 'a' + metric, whose);
    const json_t *ratio = json_object_get(line, name);
    if (!json_is_number(value)) {
        fputs("--", stream);
        return;
    }
    char text[TABLE_CELL_MAX];
    table_cell(text, sizeof text, value, format);
    tex_text(stream, text);
    if (json_is_number(ratio))
        fprintf(stream, " (%.2f$\\times$)", json_number_value(ratio));
}

static void interval_text(FILE *stream, const json_t *line, int metric, const char *format)
{
    const json_t *low = json_object_get(line, metric ? "b_ci_low" : "a_ci_low");
    const json_t *high = json_object_get(line, metric ? "b_ci_high" : "a_ci_high");
    char text[2][TABLE_CELL_MAX];

    if (!json_is_number(low) || !json_is_number(high))
        return;
    table_cell(text[0], sizeof text[0], low, format);
    table_cell(text[1], sizeof text[1], high, format);
    fprintf(stream, " [%s, %s]", text[0], text[1]);
}

static void write_line(FILE *stream, const json_t *line, const struct report_pair *pair,
                       const char *previous)
{
    const char *size = table_text(line, "size");
    const char *model = table_text(line, "model");
    const char *how = NULL;

    if (previous && strcmp(previous, size))
        fputs("\\addlinespace\n", stream);
    fputs(model && !strcmp(model, "b158") ? "BitNet b1.58" : "LLaMA LLM", stream);
    fputs(" (", stream);
    tex_text(stream, table_text(line, "format"));
    if (!strcmp(table_text(line, "variant"), "kv-i8"))
        fputs(", int8 KV cache", stream);
    fputs(") & ", stream);
    tex_text(stream, size);
    for (int m = 0; m < 2 && pair->metric[m]; m++) {
        fputs(" & ", stream);
        value_text(stream, line, m, "paper", pair->format[m]);
        fputs(" & ", stream);
        value_text(stream, line, m, "ours", pair->format[m]);
        interval_text(stream, line, m, pair->format[m]);
        how = json_string_value(json_object_get(line, m ? "b_how" : "a_how"));
    }
    fputs(" & ", stream);
    tex_text(stream, how ? how : "");
    fputs(" \\\\\n", stream);
}

static void write_pair(FILE *stream, const json_t *lines, const struct report_pair *pair,
                       const char *machine)
{
    const int metrics = pair->metric[1] ? 2 : 1;
    const char *previous = NULL;
    const json_t *line;
    size_t i;

    fputs("\n\\begin{table}[htbp]\n\\centering\n\\caption{", stream);
    /* LaTeX numbers its own. */
    if (!strncmp(pair->heading, "Table", 5) || !strncmp(pair->heading, "Figure", 6))
        fputs("The paper's ", stream);
    tex_text(stream, pair->heading);
    fputs("; ratios to FP16. Here: ", stream);
    tex_text(stream, machine);
    fprintf(stream,
            "}\n\\label{tab:%s}\n"
            "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%%\n"
            "\\begin{tabular}{ll%sl}\n\\toprule\n\\textbf{Models} & \\textbf{Size}",
            pair->item, metrics == 2 ? "rrrr" : "rr");
    for (int m = 0; m < metrics; m++) {
        fputs(" & \\multicolumn{2}{c}{\\textbf{", stream);
        tex_text(stream, pair->title[m]);
        fputs("}}", stream);
    }
    fputs(" & \\textbf{Provenance} \\\\\n\\cmidrule(lr){3-4}", stream);
    fputs(metrics == 2 ? "\\cmidrule(lr){5-6}\n & " : "\n & ", stream);
    for (int m = 0; m < metrics; m++)
        fputs(" & paper & here [95\\,\\%]", stream);
    fputs(" & \\\\\n\\midrule\n", stream);
    json_array_foreach(lines, i, line)
    {
        write_line(stream, line, pair, previous);
        previous = table_text(line, "size");
    }
    fputs("\\bottomrule\n\\end{tabular}}\n\\end{table}\n", stream);
}

int report_tex_write(struct outputs *o, const json_t *rows)
{
    const char *machine = json_string_value(json_object_get(json_array_get(rows, 0), "machine"));
    FILE *stream;

    for (int i = 0; (stream = outputs_stream(o, OUTPUT_TEX, i)); i++) {
        for (const struct report_pair *pair = report_pairs; pair->item; pair++) {
            json_t *lines = report_lines(rows, pair);
            if (!lines)
                return -ENOMEM;
            if (json_array_size(lines) && !report_absent(lines))
                write_pair(stream, lines, pair, machine ? machine : "this machine");
            json_decref(lines);
        }
    }
    return 0;
}
