/* SPDX-License-Identifier: MIT */
#include "bench/paper_claims.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "bench/paper_data.h"
#include "bench/paper_row.h"
#include "kernels/kernel.h"
#include "harness/store.h"

enum { WORDS_MAX = 400 };

/* "More efficient, in terms of latency, memory usage, and energy consumption": section 3. */
static const struct claim {
    const char *size, *base;
} claims[] = { { "13B", "3B" }, { "30B", "7B" }, { "70B", "13B" } };
enum { CLAIMS = sizeof claims / sizeof *claims };

/* A metric of the claim and where the other items have it. */
static const struct subject {
    const char *metric;
    const char *items[2], *variant; /* variant NULL: any */
    enum paper_table table;         /* of the paper, with its columns; "": it has none */
    const char *ternary, *llama;
    bool spread; /* a value that another run would not show again: no verdict without interval */
} subjects[] = {
    { "latency_ms", { "fig2", "table1" }, NULL, PAPER_FIGURE2, "b158_ms", "llama_ms", true },
    { "memory_gb", { "fig2", "table1" }, NULL, PAPER_FIGURE2, "b158_gb", "llama_gb", false },
    { "energy_j", { "fig3", NULL }, "real-shape", PAPER_FIGURE3, "b158_j", "llama_j", false },
    { "decode_j_per_token", { "energy", NULL }, NULL, PAPER_FIGURE3, "", "", true },
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

/* NULL: the run has none. */
static const json_t *find(const json_t *rows, const struct subject *s, const char *size,
                          const char *format)
{
    const json_t *row;
    size_t i;

    for (int item = 0; item < 2 && s->items[item]; item++) {
        json_array_foreach(rows, i, row)
        {
            if (!strcmp(table_text(row, "item"), s->items[item]) &&
                !strcmp(table_text(row, "metric"), s->metric) &&
                !strcmp(table_text(row, "size"), size) &&
                !strcmp(table_text(row, "format"), format) &&
                (!s->variant || !strcmp(table_text(row, "variant"), s->variant)))
                return row;
        }
    }
    return NULL;
}

/* ---- verdicts ---- */

static const char *verdict_of(const struct ratio *r, bool spread)
{
    if (!spread)
        return r->value > 1 ? "holds" : "does not hold";
    return r->low > 1 ? "holds" : r->high < 1 ? "does not hold" : "undecided";
}

/* Two sizes share no round: the ratio is of the medians, and its interval what the ends of theirs
 * allow. NaN: no bound. */
static struct ratio ratio_of(const json_t *base, const json_t *row)
{
    const double low = table_number(row, "ci_low"), base_low = table_number(base, "ci_low");

    return (struct ratio){ table_number(base, "ours") / table_number(row, "ours"),
                           base_low > 0 ? base_low / table_number(row, "ci_high") : NAN,
                           low > 0 ? table_number(base, "ci_high") / low : NAN };
}

static bool is_there(const json_t *row)
{
    return row && !isnan(table_number(row, "ours"));
}

static const char *how_of(const json_t *row)
{
    return row ? table_text(row, "how") : "not measured";
}

/* Why there is no value of a size; false: there is. */
static bool absent(const json_t *row, const char *size, const char *format, char *verdict,
                   char *note)
{
    if (is_there(row))
        return false;
    snprintf(verdict, WORDS_MAX, "not measured: no value of %s in %s", size, format);
    if (row) /* the reason may be long: a note, not a column */
        snprintf(note, WORDS_MAX, "%s", table_text(row, "note"));
    return true;
}

/* ---- rows ---- */

static void add_row(json_t *rows, const struct claim *c, const struct subject *s,
                    const char *format)
{
    const json_t *row = find(rows, s, c->size, format), *base = find(rows, s, c->base, "f16");
    const double paper = *s->ternary ? paper_number(s->table, c->size, NULL, s->ternary) : NAN;
    const double base_paper = *s->llama ? paper_number(s->table, c->base, NULL, s->llama) : NAN;
    char variant[40], how[WORDS_MAX], verdict[WORDS_MAX];
    char note[WORDS_MAX] = "";
    struct ratio ratio = no_ratio;
    const struct ratio ratio_paper = { base_paper / paper, NAN, NAN };

    snprintf(variant, sizeof variant, "against f16 of %s", c->base);
    if (s->spread)
        snprintf(note, sizeof note,
                 "two sizes share no round: the interval is what the ends of theirs allow");
    else if (!strcmp(s->metric, "energy_j"))
        snprintf(note, sizeof note,
                 "arithmetic of 512 tokens: here of LLaMA's shapes, the paper's "
                 "of those of Figure 3");
    if (!absent(row, c->size, format, verdict, note) &&
        !absent(base, c->base, "f16", verdict, note)) {
        ratio = ratio_of(base, row);
        snprintf(verdict, sizeof verdict, "%s", verdict_of(&ratio, s->spread));
    }
    const char *own = how_of(row), *its = how_of(base);
    snprintf(how, sizeof how, strcmp(own, its) ? "%s; f16 of %s: %s" : "%s", own, c->base, its);
    json_t *claim = paper_row_new(&(struct paper_row){
        .item = "equivalence",
        .variant = variant,
        .size = c->size,
        .format = format,
        .metric = s->metric,
        .paper = paper,
        .ours = table_number(row, "ours"),
        .low = table_number(row, "ci_low"),
        .high = table_number(row, "ci_high"),
        .provenance = is_there(row) ? table_text(row, "provenance") : PROVENANCE_MEASURED,
        .ratio_paper = ratio_paper.value,
        .ratio = ratio,
        .threads = row ? (int)json_integer_value(json_object_get(row, "threads")) : 0,
        .note = note,
    });
    json_object_set_new(claim, "how", json_string(how));
    json_object_set_new(claim, "base_ours", table_real(table_number(base, "ours")));
    json_object_set_new(claim, "base_paper", table_real(base_paper));
    json_object_set_new(claim, "verdict", json_string(verdict));
    json_object_set_new(
        claim, "verdict_paper",
        json_string(isnan(ratio_paper.value) ? "not plotted" : verdict_of(&ratio_paper, false)));
    json_array_append_new(rows, claim);
}

/* Is any size of the claims in this run, in this format? */
static bool any(const json_t *rows, const char *format)
{
    for (int i = 0; i < CLAIMS; i++)
        if (find(rows, &subjects[0], claims[i].size, format))
            return true;
    return false;
}

void paper_claims_rows(json_t *rows)
{
    for (int i = 0; i < CLAIMS; i++)
        for (const struct family *const *f = families; *f; f++) {
            const char *format = (*f)->name;
            const bool modelled = !strcmp(format, "ternary2"); /* the model knows no format */
            if (!paper_is_ternary(format) || !any(rows, format))
                continue;
            for (int s = 0; s < SUBJECTS; s++)
                if (modelled || strcmp(subjects[s].metric, "energy_j"))
                    add_row(rows, &claims[i], &subjects[s], format);
        }
}

/* ---- the table ---- */

static const struct column columns[] = {
    { "size", "size", "%s" },
    { "format", "format", "%s" },
    { "variant", "claim", "%s" },
    { "what", "in", "%s" },
    { "ours", "here", "%.4g" },
    { "base_ours", "f16", "%.4g" },
    { "ratio_ours", "times better", "%.2fx" },
    { "ratio_low", "95% from", "%.2f" },
    { "ratio_high", "to", "%.2f" },
    { "verdict", "here it", "%s" },
    { "paper", "paper", "%.4g" },
    { "base_paper", "f16", "%.4g" },
    { "ratio_paper", "times better", "%.2fx" },
    { "verdict_paper", "there it", "%s" },
    { "how", "how", "%s" },
    { NULL, NULL, NULL },
};

static const char *words_of(const char *metric)
{
    static const char *const words[][2] = { { "latency_ms", "latency, ms/token" },
                                            { "memory_gb", "memory, GB" },
                                            { "energy_j", "energy, modelled, J" },
                                            { "decode_j_per_token", "energy, J/token" } };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i][0], metric))
            return words[i][1];
    return metric;
}

int paper_claims_table(struct outputs *o, const json_t *rows)
{
    json_t *lines = json_array(), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (strcmp(table_text(row, "item"), "equivalence"))
            continue;
        json_t *line = json_copy(row); /* its members are the row's own */
        json_object_set_new(line, "what", json_string(words_of(table_text(row, "metric"))));
        json_array_append_new(lines, line);
    }
    const int error =
        json_array_size(lines)
            ? outputs_table(
                  o, lines, columns, "The paper's equivalence claims",
                  "The paper says that 13B b1.58 is more efficient than 3B in FP16, 30B than 7B "
                  "and 70B than 13B, in latency, memory and energy. A claim `holds` where the "
                  "interval of the ratio is above 1, `does not hold` where it is below, and is "
                  "`undecided` where it holds 1; memory and arithmetic have no interval. The "
                  "paper's side is what its Figures 2 and 3 show, which have no 30B. Modelled "
                  "energy is arithmetic of 512 tokens and no measurement.")
            : 0;
    json_decref(lines);
    return error;
}
