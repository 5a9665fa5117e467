/* SPDX-License-Identifier: MIT */
#include "bench/paper_plan.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bench/paper_cells.h"
#include "bench/paper_cycled.h"
#include "bench/paper_table3.h"
#include "bench/rows.h"
#include "harness/stats.h"
#include "kernels/cpu.h"

enum { TESTS_MAX = 5, DEEP = 3 };

const double paper_quick_ns = 480e9, paper_plan_share = 0.9;

/* Shares of the roof that predictions assume; and what building takes of a thread: ns for each byte
 * that the system has to clear, and for each weight that is drawn and packed. */
static const double READ_SHARE = 0.8, COMPUTE_SHARE = 0.42, CLEAR_NS = 2.0;
static const double PACK_NS[] = { [ELEMENT_F16] = 2.0, [ELEMENT_I8] = 1.2, [ELEMENT_TRIT] = 0.5 };

/* What a row of the database takes, with its readings or values and indexes, rounded up: in a
 * `paper` and a `kernel` run 1950 and 1940 bytes a sample, 4100 and 5500 a cell. */
static const double SAMPLE_BYTES = 2000, CELL_BYTES = 5500;

static const char *const quick_models[] = {
    "700M", "1.3B", "3B", "3.9B", "7B", "13B", "70B", NULL
};
static const char *const full_models[] = { "700M", "1.3B", "3B",  "3.9B", "7B",
                                           "13B",  "30B",  "65B", "70B",  NULL };

/* ---- predictions ---- */

void rates_read(sqlite3 *db, int64_t run, const char *machine, int threads, struct rates *rates)
{
    static const char sql[] =
        "SELECT c.id, item, coalesce(work_bytes, work_ops) FROM cell c WHERE kind = 'roof' AND "
        "status = 'ok' AND run = CASE ?1 WHEN 0 THEN (SELECT run FROM cell x JOIN run r ON "
        "r.id = x.run JOIN machine m ON m.id = r.machine WHERE m.key = ?2 AND x.kind = 'roof' AND "
        "x.status = 'ok' AND x.threads = ?3 GROUP BY run HAVING count(DISTINCT item) = ?4 "
        "ORDER BY run DESC LIMIT 1) ELSE ?1 END AND threads = ?3 ORDER BY c.id DESC";
    sqlite3_stmt *s = NULL;

    *rates = (struct rates){ .threads = 0 };
    if (!db || sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        return;
    sqlite3_bind_int64(s, 1, run);
    sqlite3_bind_text(s, 2, machine, -1, SQLITE_STATIC);
    sqlite3_bind_int(s, 3, threads);
    sqlite3_bind_int(s, 4, ROOF_METRICS);
    while (sqlite3_step(s) == SQLITE_ROW)
        for (int m = 0; m < ROOF_METRICS; m++) {
            int n;
            double *ns = rows_samples(db, sqlite3_column_int64(s, 0), &n);
            if (n && !strcmp(rows_text(s, 1), roof_names[m]))
                rates->value[m] = sqlite3_column_double(s, 2) / stats_median(ns, n);
            free(ns);
        }
    sqlite3_finalize(s);
    rates->threads = threads;
    for (int m = 0; m < ROOF_METRICS; m++)
        if (!(rates->value[m] > 0))
            rates->threads = 0;
}

static double rate_of(const struct rates *rates, const struct family *f)
{
    return rates->value[f->act == ACT_F32            ? ROOF_F32
                        : f->element == ELEMENT_TRIT ? ROOF_TERNARY
                                                     : ROOF_I8];
}

/* A step of many sequences is bound by its operations, as a prompt is. */
double paper_plan_predict(const struct rates *rates, const struct pass_spec *spec,
                          const struct pass_test *test)
{
    const double compute =
        (double)pass_work_ops(spec, test) / (rate_of(rates, spec->family) * COMPUTE_SHARE);
    const double read =
        (double)pass_work_bytes(spec, test) / (rates->value[ROOF_READ] * READ_SHARE);

    return test->n_prompt || (test->parallel > 1 && compute > read) ? compute : read;
}

double paper_plan_build(const struct rates *rates, const struct pass_spec *spec)
{
    const struct shape *s = spec->shape;
    const double linear = shape_linear_weights(s) * spec->resident / s->layers;
    const double outer = shape_parameters(s) - shape_linear_weights(s);

    return (linear * PACK_NS[spec->family->element] + outer * PACK_NS[ELEMENT_F16] +
            (double)model_bytes(s, spec->family, spec->head, spec->resident) * CLEAR_NS) /
           rates->threads;
}

/* The block's predictions, from the rates. */
static void predict_block(const struct rates *rates, struct pass_block *b)
{
    for (int s = 0; s < b->spec_count; s++) {
        b->build_ns[s] = (int64_t)paper_plan_build(rates, &b->specs[s]);
        for (int t = 0; t < b->test_count; t++)
            b->predicted_ns[t][s] = (int64_t)paper_plan_predict(rates, &b->specs[s], &b->tests[t]);
    }
}

double paper_plan_ns(const struct paper_plan *plan, int first)
{
    double sum = 0;

    for (int i = first; i < plan->count; i++)
        sum += (double)block_ns(&plan->blocks[i]);
    return sum;
}

/* ---- the plan ---- */

int64_t paper_plan_memory(const struct run *run)
{
    const int64_t roof = 16 * (run->host.llc_bytes > (32 << 20) ? run->host.llc_bytes : 32 << 20);

    return run->config->memory_bytes ? run_memory(run) : run_memory(run) - roof;
}

bool paper_plan_has(const struct run *run, const struct family *f, const char **isa)
{
    *isa = run->config->isas.count ? run->config->isas.values[0] : NULL;
    return !*isa || kernel_find(f, *isa, run->cpu);
}

bool paper_plan_wants(const struct config *c, const struct family *f)
{
    if (!c->formats.count)
        return c->full || paper_is_quick(f->name);
    return text_list_has(&c->formats, f->name);
}

/* One model in all formats that are wanted. */
struct entry {
    const struct shape *shape;
    int count, test_count;
    struct pass_spec specs[PASS_SPECS_MAX];
    struct pass_test tests[TESTS_MAX]; /* from DEEP on: far into a conversation */
};

static void plan_specs(struct entry *e, const struct run *run, int threads)
{
    const struct config *c = run->config;

    e->count = 0;
    for (int f = 0; families[f]; f++) {
        const char *isa;
        if (!paper_plan_wants(c, families[f]) || e->count == PASS_SPECS_MAX ||
            !paper_plan_has(run, families[f], &isa))
            continue;
        struct pass_spec *spec = &e->specs[e->count++];
        *spec = pass_spec(c, e->shape, families[f], isa);
        if (pass_bytes(spec, e->tests, e->test_count, threads) > paper_plan_memory(run))
            spec->resident = pass_cycled_layers(spec, run->host.llc_bytes);
    }
}

static struct pass_test plan_prefill(const struct config *c, int tokens)
{
    const int standard = c->full ? 10 : 3;

    return (struct pass_test){ .n_prompt = tokens,
                               .batch = 512,
                               .parallel = 1,
                               .repetitions = c->repetitions ? (int)c->repetitions : standard };
}

/* The prefill that is wanted: --quick may have to make do with less. */
static int prompt_wanted(const struct config *c)
{
    return c->full ? 512 : 128;
}

/* Decode steps of a sample: as many as take about 0.4 s in the slowest format, at most 8. */
static void plan_tests(struct entry *e, const struct rates *rates, const struct config *c)
{
    const struct pass_test one = { .n_gen = 1, .batch = 512, .parallel = 1 };
    const struct pass_spec f16_spec = pass_spec(c, e->shape, &f16, NULL);
    const double steps = 4e8 / paper_plan_predict(rates, &f16_spec, &one);
    const int quick_steps = steps < 1 ? 1 : steps > 8 ? 8 : (int)steps;
    const int standard = c->full ? 20 : steps < 0.25 ? 6 : 8;
    const struct pass_test decode = { .n_gen = c->full ? 32 : quick_steps,
                                      .batch = 512,
                                      .parallel = 1,
                                      .repetitions =
                                          c->repetitions ? (int)c->repetitions : standard,
                                      .warmup_min = 1,
                                      .warmup_max = 2 };

    e->tests[0] = decode;
    e->tests[1] = plan_prefill(c, prompt_wanted(c));
    e->test_count = 2;
    if (!c->full)
        return;
    e->tests[2] = plan_prefill(c, 128);
    e->tests[DEEP] = e->tests[DEEP + 1] = decode;
    e->tests[DEEP].n_depth = 512;
    e->tests[DEEP + 1].n_depth = 2048;
    e->test_count = 5;
}

/* The formats of an entry in groups that fit into memory together; the deep tests apart, because
 * their KV cache is not to be in the footprint of the others. */
static void add_blocks(struct paper_plan *plan, const struct entry *e, const struct run *run,
                       const struct rates *rates)
{
    const int deep = e->test_count < DEEP ? e->test_count : DEEP;
    const int firsts[] = { 0, deep, e->test_count };

    for (int part = 0; part < 2 && firsts[part] < e->test_count; part++) {
        const struct pass_test *tests = e->tests + firsts[part];
        const int count = firsts[part + 1] - firsts[part];
        for (int done = 0, n; done < e->count && plan->count < PAPER_BLOCKS_MAX; done += n) {
            struct block *b = &plan->blocks[plan->count++];
            *b = (struct block){ .kind = "model", .threads = rates->threads };
            n = pass_group(e->specs + done, e->count - done, tests, count, rates->threads,
                           paper_plan_memory(run));
            b->passes.spec_count = n;
            b->passes.test_count = count;
            memcpy(b->passes.specs, e->specs + done, (size_t)n * sizeof *e->specs);
            memcpy(b->passes.tests, tests, (size_t)count * sizeof *tests);
            predict_block(rates, &b->passes);
        }
    }
}

/* The prompt of a block of --quick. NULL: it has none. */
static struct pass_test *prompt_of(struct block *b)
{
    for (int t = 0; t < b->passes.test_count; t++)
        if (b->passes.tests[t].n_prompt)
            return &b->passes.tests[t];
    return NULL;
}

/* Halves the dearest prefill again and again; at 16 tokens it takes fewer samples, unless the user
 * has said how many. */
void paper_plan_again(struct paper_plan *plan, int first, const struct rates *rates,
                      const struct config *c, double left_ns)
{
    for (int i = first; i < plan->count; i++)
        if (prompt_of(&plan->blocks[i])) {
            *prompt_of(&plan->blocks[i]) = plan_prefill(c, prompt_wanted(c));
            predict_block(rates, &plan->blocks[i].passes);
        }
    while (paper_plan_ns(plan, first) > paper_plan_share * left_ns) {
        struct block *dearest = NULL;
        int64_t most = 0;
        for (int i = first; i < plan->count; i++) {
            const struct pass_test *t = prompt_of(&plan->blocks[i]);
            const bool can = t && (t->n_prompt > 16 || (t->repetitions > 1 && !c->repetitions));
            int64_t cost = 0;
            for (int s = 0; can && s < plan->blocks[i].passes.spec_count; s++)
                cost += plan->blocks[i].passes.predicted_ns[t - plan->blocks[i].passes.tests][s] *
                        (t->repetitions + 1);
            if (can && cost > most) {
                most = cost;
                dearest = &plan->blocks[i];
            }
        }
        if (!dearest)
            return;
        struct pass_test *t = prompt_of(dearest);
        if (t->n_prompt > 16)
            t->n_prompt /= 2;
        else
            t->repetitions--;
        predict_block(rates, &dearest->passes);
    }
}

static bool in_items(const struct config *c, const char *model)
{
    const bool small = !strcmp(model, "700M") || !strcmp(model, "3.9B");
    const bool both = !strcmp(model, "1.3B") || !strcmp(model, "3B");
    const bool table1 = text_list_wants(&c->only, "table1");
    const bool fig2 = text_list_wants(&c->only, "fig2");

    return (table1 && (small || both)) || (fig2 && !small);
}

void paper_plan_make(struct paper_plan *plan, const struct run *run, const struct rates *rates)
{
    const struct config *c = run->config;
    const char *const *names = c->full ? full_models : quick_models;
    struct entry e;

    plan->count = 0;
    for (int i = 0; c->models.count ? i < c->models.count : names[i] != NULL; i++) {
        const char *name = c->models.count ? c->models.values[i] : names[i];
        if (!in_items(c, name))
            continue;
        e.shape = shape_find(name);
        plan_tests(&e, rates, c);
        plan_specs(&e, run, rates->threads);
        add_blocks(plan, &e, run, rates);
    }
    const int first = plan->count;
    plan->count +=
        paper_cycled_plan(plan->blocks + first, PAPER_BLOCKS_MAX - first, run, rates->threads);
    for (int i = first; i < plan->count; i++)
        predict_block(rates, &plan->blocks[i].passes);
    table3_plan(plan, run, rates);
    if (!c->full)
        paper_plan_again(plan, 0, rates, c, paper_quick_ns);
}

/* ---- for reading ---- */

/* Of Table 3, where not even one sequence may fit: the block then only says so. */
static bool fits(const struct block *block)
{
    return !block->passes.budget_bytes || block_bytes(block) <= block->passes.budget_bytes;
}

void paper_plan_print(const struct run *run, const struct paper_plan *plan,
                      const struct rates *rates)
{
    run_progress(run,
                 "%d threads, %.1f GB/s to read, %.0f Gflop/s, %.0f and %.0f Gop/s; %.1f GB to use",
                 rates->threads, rates->value[ROOF_READ], rates->value[ROOF_F32],
                 rates->value[ROOF_I8], rates->value[ROOF_TERNARY], (double)run_memory(run) / 1e9);
    for (int i = 0; i < plan->count; i++) {
        const struct pass_block *b = &plan->blocks[i].passes;
        for (int s = 0; s < b->spec_count; s++) {
            const struct pass_spec *spec = &b->specs[s];
            run_progress(run, "plan: %-5s %-9s %6.2f GB %s, KV cache %s", spec->shape->name,
                         spec->family->name,
                         (double)pass_bytes(spec, b->tests, b->test_count, rates->threads) / 1e9,
                         !fits(&plan->blocks[i])                 ? "does not fit"
                         : spec->resident == spec->shape->layers ? "whole"
                                                                 : "cycled",
                         kv_names[spec->kv]);
            for (int t = 0; t < b->test_count; t++)
                run_progress(run,
                             "plan:   %2d x %s of %d tokens at depth %d, %d at once, %.2f s each",
                             b->tests[t].repetitions, b->tests[t].n_gen ? "decode" : "prefill",
                             b->tests[t].n_gen + b->tests[t].n_prompt, b->tests[t].n_depth,
                             b->tests[t].parallel, (double)b->predicted_ns[t][s] / 1e9);
        }
    }
    run_progress(run, "plan: %d blocks, %d times, %.1f minutes", plan->count,
                 (int)run->config->invocations,
                 (double)run->config->invocations * paper_plan_ns(plan, 0) / 60e9);
}

static json_t *cell_row(const struct block *block, int s, int t, bool known, double invocations)
{
    const struct pass_block *b = &block->passes;
    const struct pass_spec *spec = &b->specs[s];
    const struct pass_test *test = &b->tests[t];
    const double samples = (test->repetitions + test->warmup_min) * invocations;

    return json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:i, s:s, s:i, s:i, s:I, s:o, s:I}",
        "model", spec->shape->name, "format", spec->family->name, "kv", kv_names[spec->kv], "phase",
        test->n_gen ? "decode" : "prefill", "n_prompt", test->n_prompt, "n_gen", test->n_gen,
        "n_depth", test->n_depth, "parallel", test->parallel, "threads", block->threads,
        "invocations", (json_int_t)invocations, "repetitions", test->repetitions, "provenance",
        !fits(block) || !test->repetitions      ? "skipped"
        : spec->resident == spec->shape->layers ? "measured"
                                                : "cycled",
        "layers_resident", spec->resident, "layers", spec->shape->layers, "predicted_bytes",
        (json_int_t)pass_bytes(spec, b->tests, b->test_count, block->threads), "predicted_s",
        table_real(known ? ((double)b->predicted_ns[t][s] * samples +
                            (t ? 0 : (double)b->build_ns[s] * invocations)) *
                               1e-9
                         : NAN),
        "disk_bytes", (json_int_t)(CELL_BYTES + SAMPLE_BYTES * samples));
}

int paper_plan_rows(struct outputs *o, const struct run *run, const struct paper_plan *plan,
                    bool known)
{
    static const struct column columns[] = {
        { "model", "model", "%s" },
        { "format", "format", "%s" },
        { "kv", "KV", "%s" },
        { "phase", "phase", "%s" },
        { "n_prompt", "p", "%.0f" },
        { "n_gen", "n", "%.0f" },
        { "n_depth", "depth", "%.0f" },
        { "parallel", "seq", "%.0f" },
        { "repetitions", "samples", "%.0f" },
        { "provenance", "provenance", "%s" },
        { "predicted_bytes", "memory", "bytes" },
        { "predicted_s", "s", "%.1f" },
        { "disk_bytes", "disk", "bytes" },
        { NULL, NULL, NULL },
    };
    const double invocations = (double)run->config->invocations;
    json_t *rows = json_array(), *row;
    char heading[300], minutes[120] = "time not known: no roof of this machine at so many threads "
                                      "is in the database";
    double disk = 0;
    int64_t most = 0;
    size_t at;

    for (int i = 0; i < plan->count; i++) {
        const struct pass_block *b = &plan->blocks[i].passes;
        if (fits(&plan->blocks[i]) && block_bytes(&plan->blocks[i]) > most)
            most = block_bytes(&plan->blocks[i]);
        for (int s = 0; s < b->spec_count; s++)
            for (int t = 0; t < b->test_count; t++)
                json_array_append_new(rows, cell_row(&plan->blocks[i], s, t, known, invocations));
    }
    json_array_foreach(rows, at, row) disk +=
        (double)json_integer_value(json_object_get(row, "disk_bytes"));
    if (known)
        snprintf(minutes, sizeof minutes, "%.1f minutes",
                 invocations * paper_plan_ns(plan, 0) / 60e9);
    snprintf(heading, sizeof heading,
             "%zu cells in %d blocks; at most %.2f GB at once; %.2f MB of disk; %s",
             json_array_size(rows), plan->count, (double)most / 1e9, disk / 1e6, minutes);
    const int error = outputs_rows(o, rows, columns, heading, NULL);
    json_decref(rows);
    return error;
}
