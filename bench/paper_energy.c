/* SPDX-License-Identifier: MIT */
#include "bench/paper_energy.h"
#include <math.h>
#include <string.h>
#include "bench/joules.h"
#include "bench/paper_cells.h"
#include "bench/paper_data.h"
#include "harness/energy_model.h"
#include "model/model.h"

/* DDR4 with its whole path, a round figure: 20 pJ a bit (Horowitz, ISSCC 2014, has 20 to 41). */
static const double DRAM_PJ_PER_BIT = 20;

enum { TOKENS = 512, VOCAB = 32000 };

static const struct variant {
    const char *name, *words;
    bool lm_head, causal, real_shape, dram;
} variants[] = {
    { "paper", "", false, false, false, false },
    { "lm-head", "with an FP16 LM head of 32000 words for every token, in both models", true, false,
      false, false },
    { "causal", "a token attends to itself and those before it, not to all 512", false, true, false,
      false },
    { "real-shape", "LLaMA's shapes with a gated FFN instead of 12 d^2 a layer", false, false, true,
      false },
    { "dram",
      "the weights read from DRAM once in the pass, at 20 pJ a bit; decode reads them once a "
      "token",
      false, false, false, true },
};
enum { VARIANTS = sizeof variants / sizeof *variants };

const char *paper_energy_words(const char *variant)
{
    for (int i = 0; i < VARIANTS; i++)
        if (!strcmp(variants[i].name, variant))
            return variants[i].words;
    if (!strcmp(variant, "2b4t"))
        return "the same model for Table 1 of the 2B4T report (arXiv 2504.12285)";
    return "";
}

static int64_t energy_cell(struct run *run, const char *variant, const char *size, bool ternary)
{
    const struct cell cell = { .kind = "energy",
                               .item = variant,
                               .model = size,
                               .format = ternary ? "ternary2" : "f16",
                               .phase = "prefill",
                               .n_prompt = TOKENS,
                               .tokens = TOKENS,
                               .provenance = PROVENANCE_MODELLED };
    return run_cell(run, &cell);
}

/* paper NaN: the paper has no such number. */
static void store_energy(struct run *run, const char *variant, const char *size, bool ternary,
                         double joules, double paper)
{
    const int64_t cell = energy_cell(run, variant, size, ternary);

    if (run->broken)
        return;
    run_value(run, cell, "energy_j", joules, "J", PROVENANCE_MODELLED, NULL);
    if (!isnan(paper))
        run_value(run, cell, "energy_j", paper, "J", PROVENANCE_PAPER, NULL);
    run_status(run, cell, "ok", NULL);
}

static struct energy_shape real_shape(const char *size)
{
    const struct shape *s = shape_find(size);

    return (struct energy_shape){ s->name,     s->hidden,       s->layers, s->heads, s->kv_heads,
                                  s->head_dim, s->intermediate, 3,         s->vocab };
}

static void store_variant(struct run *run, const struct variant *v,
                          const struct energy_shape *paper, bool ternary)
{
    struct energy_shape s = v->real_shape ? real_shape(paper->name) : *paper;
    const struct energy_options o = { .ternary = ternary,
                                      .tokens = TOKENS,
                                      .lm_head = v->lm_head,
                                      .causal = v->causal,
                                      .dram_pj_per_bit = v->dram ? DRAM_PJ_PER_BIT : 0,
                                      .weight_bits = ternary ? 2 : 16 };
    const double printed =
        paper_number(PAPER_FIGURE3, paper->name, NULL, ternary ? "b158_j" : "llama_j");

    s.vocab = VOCAB;
    store_energy(run, v->name, paper->name, ternary, energy_model_j(&s, &energy_7nm, &o),
                 strcmp(v->name, "paper") ? NAN : printed);
}

static int column(const char *name, const char *which)
{
    return (int)paper_number(PAPER_ENERGY_2B4T, name, NULL, which);
}

static void store_2b4t(struct run *run)
{
    char name[40];

    for (int i = 0; paper_row_name(PAPER_ENERGY_2B4T, i, name, sizeof name); i++) {
        const struct energy_shape s = { name,
                                        column(name, "hidden"),
                                        column(name, "layers"),
                                        column(name, "heads"),
                                        column(name, "kv_heads"),
                                        column(name, "head_dim"),
                                        column(name, "intermediate"),
                                        3,
                                        0 };
        const bool ternary = column(name, "ternary");
        const struct energy_options o = { .ternary = ternary, .tokens = TOKENS };
        store_energy(run, "2b4t", name, ternary, energy_model_j(&s, &energy_7nm, &o),
                     paper_number(PAPER_ENERGY_2B4T, name, NULL, "published_j"));
    }
}

/* The prompt of this run, whatever its length, as one of TOKENS tokens: the work of a prompt grows
 * almost in proportion. */
static void store_measured(struct run *run, const char *size, const char *format)
{
    const int64_t cell = energy_cell(run, "measured", size, !strcmp(format, "ternary2"));
    const char *why = run->energy || run->no_energy[0] ? run_energy_reason(run) : NULL;
    struct value value = { .metric = "energy_j", .unit = "J", .provenance = PROVENANCE_MEASURED };
    struct cell_joules j = { .reason = "no prompt of this size was measured in this run" };
    struct paper_cell c = { .id = 0 };

    if (run->broken)
        return;
    if (paper_cell_find(store_db(run->store), run->id, size, format, "prefill", &c))
        joules_of(store_db(run->store), c.id, &j);
    if (j.windows) {
        value.value = TOKENS / c.tokens * j.energy_j.value;
        value.uncertainty = TOKENS / c.tokens * j.energy_j.uncertainty;
        value.provenance = PROVENANCE_DERIVED;
        value.formula = "512 * energy_j / tokens of the prompt of this size and format";
    } else {
        value.reason = why ? why : j.reason;
    }
    run_store(run, cell, &value);
    run_status(run, cell, value.reason ? "skipped" : "ok", value.reason);
    paper_cell_release(&c);
}

/* 30B, of which the paper claims something and plots nothing. */
static void store_larger(struct run *run)
{
    static const struct energy_shape name = { .name = "30B" };

    for (int v = 0; v < VARIANTS; v++)
        for (int ternary = 0; ternary < 2 && variants[v].real_shape; ternary++)
            store_variant(run, &variants[v], &name, ternary);
}

void paper_energy_measured(struct run *run)
{
    for (const struct energy_shape *s = energy_figure3; s->name && !run->broken; s++) {
        store_measured(run, s->name, "f16");
        if (!run->broken)
            store_measured(run, s->name, "ternary2");
    }
}

void paper_energy_store(struct run *run)
{
    for (int v = 0; v < VARIANTS; v++)
        for (const struct energy_shape *s = energy_figure3; s->name && !run->broken; s++)
            for (int ternary = 0; ternary < 2; ternary++)
                store_variant(run, &variants[v], s, ternary);
    store_larger(run);
    store_2b4t(run);
}
