/* SPDX-License-Identifier: MIT */
#include "bench/report_lines.h"
#include <stdio.h>
#include <string.h>
#include "bench/paper_cells.h"

enum { HOW_MAX = 600 };

static const struct column size_page[] = {
    { "size", "size", "%s" },
    { "format", "format", "%s" },
    { "a_ours", "memory GB", "%.2f" },
    { "a_ratio_ours", "times less", "%.2f" },
    { "a_paper", "paper GB", "%.2f" },
    { "a_ratio_paper", "paper, times less", "%.2f" },
    { "a_how", "memory is", "%s" },
    { "b_ours", "ms/token", "%.1f" },
    { "b_ci_low", "95% from", "%.1f" },
    { "b_ci_high", "to", "%.1f" },
    { "b_ratio_ours", "times faster", "%.2f" },
    { "b_paper", "paper ms", "%.2f" },
    { "b_ratio_paper", "paper, times faster", "%.2f" },
    { "roof_share", "of roof", "%.2f" },
    { "b_how", "time is", "%s" },
    { NULL, NULL, NULL },
};

static const struct column batch_page[] = {
    { "size", "size", "%s" },
    { "format", "format", "%s" },
    { "variant", "variant", "%s" },
    { "a_ours", "largest batch", "%.0f" },
    { "a_ratio_ours", "times more", "%.2f" },
    { "a_paper", "paper", "%.0f" },
    { "a_ratio_paper", "paper, times more", "%.1f" },
    { "a_how", "batch is", "%s" },
    { "b_ours", "tokens/s", "%.1f" },
    { "b_ci_low", "95% from", "%.1f" },
    { "b_ci_high", "to", "%.1f" },
    { "b_ratio_ours", "times faster", "%.2f" },
    { "b_paper", "paper tokens/s", "%.0f" },
    { "b_ratio_paper", "paper, times faster", "%.1f" },
    { "b_how", "speed is", "%s" },
    { "note", "note", "%s" },
    { NULL, NULL, NULL },
};

static const struct column prefill_page[] = {
    { "size", "size", "%s" },
    { "format", "format", "%s" },
    { "a_ours", "tokens/s", "%.1f" },
    { "a_ci_low", "95% from", "%.1f" },
    { "a_ci_high", "to", "%.1f" },
    { "a_ratio_ours", "times faster", "%.2f" },
    { "roof_share", "of roof", "%.2f" },
    { "a_how", "speed is", "%s" },
    { NULL, NULL, NULL },
};

static const struct column joules_page[] = {
    { "size", "size", "%s" },
    { "format", "format", "%s" },
    { "a_ours", "decode J/token", "%.4g" },
    { "a_ci_low", "95% from", "%.4g" },
    { "a_ci_high", "to", "%.4g" },
    { "a_ratio_ours", "times less", "%.2f" },
    { "a_how", "joules are", "%s" },
    { "b_ours", "prompt J/token", "%.4g" },
    { "b_ci_low", "95% from", "%.4g" },
    { "b_ci_high", "to", "%.4g" },
    { "b_ratio_ours", "times less", "%.2f" },
    { "b_how", "joules are", "%s" },
    { "note", "note", "%s" },
    { NULL, NULL, NULL },
};

const struct report_pair report_pairs[] = {
    { "table1",
      "Table 1: memory and latency",
      { "memory_gb", "latency_ms" },
      { "Memory (GB)", "Latency (ms)" },
      { "less", "faster" },
      { "%.2f", "%.2f" },
      size_page },
    { "fig2",
      "Figure 2: memory and latency against size",
      { "memory_gb", "latency_ms" },
      { "Memory (GB)", "Latency (ms)" },
      { "less", "faster" },
      { "%.2f", "%.2f" },
      size_page },
    { "table3",
      "Table 3: the largest batch, and throughput",
      { "max_batch", "throughput_tokens_per_s" },
      { "Max batch size", "Throughput (tokens/s)" },
      { "more", "faster" },
      { "%.0f", "%.1f" },
      batch_page },
    { "prefill",
      "Prompt: tokens per second (not in the paper)",
      { "throughput_tokens_per_s", NULL },
      { "Throughput (tokens/s)", NULL },
      { "faster", NULL },
      { "%.1f", NULL },
      prefill_page },
    { "energy",
      "Joules per token, gross (not in the paper)",
      { "decode_j_per_token", "prefill_j_per_token" },
      { "Decode (J/token)", "Prompt (J/token)" },
      { "less", "less" },
      { "%.4g", "%.4g" },
      joules_page },
    { .item = NULL },
};

json_t *report_line_of(json_t *lines, const json_t *row)
{
    static const char *const keys[] = { "variant", "size", "format", NULL };
    json_t *line;
    size_t i;

    json_array_foreach(lines, i, line)
    {
        bool same = true;
        for (const char *const *key = keys; *key; key++)
            same &= json_equal(json_object_get(line, *key), json_object_get(row, *key));
        if (same)
            return line;
    }
    line = json_object();
    for (const char *const *key = keys; *key; key++)
        json_object_set(line, *key, json_object_get(row, *key));
    json_object_set(line, "model", json_object_get(row, "model"));
    json_array_append_new(lines, line);
    return line;
}

void report_line_how(json_t *line, const json_t *row, const char *what)
{
    const char *how = table_text(row, "how"), *before = table_text(line, "how");
    char text[HOW_MAX];

    if (!json_object_get(line, "how")) {
        json_object_set_new(line, "how", json_string(how));
        json_object_set_new(line, "first", json_string(how));
    } else if (strcmp(table_text(line, "first"), how)) {
        snprintf(text, sizeof text, "%s; %s: %s", before, what, how);
        json_object_set_new(line, "how", json_string(text));
    }
}

json_t *report_lines(const json_t *rows, const struct report_pair *pair)
{
    static const char *const members[] = { "ours",        "paper",  "ratio_ours",
                                           "ratio_paper", "ci_low", "ci_high",
                                           "provenance",  "how",    NULL };
    json_t *lines = json_array(), *row;
    char name[40];
    size_t i;

    json_array_foreach(rows, i, row)
    {
        for (int m = 0; m < 2; m++) {
            if (!pair->metric[m] || strcmp(table_text(row, "item"), pair->item) ||
                strcmp(table_text(row, "metric"), pair->metric[m]))
                continue;
            json_t *line = report_line_of(lines, row);
            json_t *batch = json_object_get(line, "parallel");
            if (m && batch && !json_equal(batch, json_object_get(row, "parallel")))
                continue; /* Table 3 has the largest batch, and the rows all of them */
            json_object_set(line, "parallel", json_object_get(row, "parallel"));
            for (const char *const *member = members; *member; member++) {
                snprintf(name, sizeof name, "%c_%s", 'a' + m, *member);
                json_object_set(line, name, json_object_get(row, *member));
            }
            json_object_set(line, "note", json_object_get(row, "note"));
            if (!json_is_null(json_object_get(row, "roof_share")))
                json_object_set(line, "roof_share", json_object_get(row, "roof_share"));
        }
    }
    return lines;
}

const char *report_absent(const json_t *lines)
{
    const json_t *line;
    size_t i;

    json_array_foreach(lines, i, line)
    {
        if (json_is_number(json_object_get(line, "a_ours")) ||
            json_is_number(json_object_get(line, "b_ours")))
            return NULL;
    }
    return table_text(json_array_get(lines, 0), "note");
}
