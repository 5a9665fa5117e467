/* SPDX-License-Identifier: MIT
 *
 * `paper`: the paper's tables and figures on this machine. A short look at the roof gives the rates
 * from which memory and time of every cell are predicted; then models are measured, small ones
 * first, whole where they fit and cycled where they do not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/command.h"
#include "bench/paper_cells.h"
#include "bench/paper_energy.h"
#include "bench/paper_rows.h"
#include "bench/paper_sparsity.h"
#include "bench/passes.h"
#include "bench/rows.h"
#include "harness/stats.h"
#include "kernels/cpu.h"

enum { MODELS_MAX = OPTION_LIST_MAX, SPECS_MAX = 8, TESTS = 2 };

/* --quick ends within QUICK_NS; what is predicted must fit into PLAN_SHARE of what is left of them.
 */
static const double QUICK_NS = 480e9, PLAN_SHARE = 0.9;

/* Shares of the roof that predictions assume; and what building takes of a thread: ns for each byte
 * that the system has to clear, and for each weight that is drawn and packed. */
static const double READ_SHARE = 0.8, COMPUTE_SHARE = 0.42, CLEAR_NS = 2.0;
static const double PACK_NS[] = { [ELEMENT_F16] = 2.0, [ELEMENT_I8] = 1.2, [ELEMENT_TRIT] = 0.5 };

static const char *const quick_models[] = {
    "700M", "1.3B", "3B", "3.9B", "7B", "13B", "70B", NULL
};
static const char *const full_models[] = { "700M", "1.3B", "3B",  "3.9B", "7B",
                                           "13B",  "30B",  "65B", "70B",  NULL };

struct rates {
    double value[ROOF_METRICS]; /* GB/s or Gop/s */
    int threads;
};

/* One model's cells. */
struct entry {
    const struct shape *shape;
    int count;
    struct pass_spec specs[SPECS_MAX];
    struct pass_test tests[TESTS]; /* decode, prefill */
};

struct paper_plan {
    int count;
    struct entry entries[MODELS_MAX];
};

/* ---- predictions ---- */

static double rate_of(const struct rates *rates, const struct family *f)
{
    return rates->value[f->act == ACT_F32            ? ROOF_F32
                        : f->element == ELEMENT_TRIT ? ROOF_TERNARY
                                                     : ROOF_I8];
}

/* ns of one sample. */
static double predict(const void *arg, const struct pass_spec *spec, const struct pass_test *test)
{
    const struct rates *rates = arg;
    const double compute =
        (double)pass_work_ops(spec, test) / (rate_of(rates, spec->family) * COMPUTE_SHARE);
    const double read =
        (double)pass_work_bytes(spec, test) / (rates->value[ROOF_READ] * READ_SHARE);

    return test->n_prompt ? compute : read;
}

static double predict_build(const struct rates *rates, const struct pass_spec *spec)
{
    const struct shape *s = spec->shape;
    const double linear = shape_linear_weights(s) * spec->resident / s->layers;
    const double outer = shape_parameters(s) - shape_linear_weights(s);

    return (linear * PACK_NS[spec->family->element] + outer * PACK_NS[ELEMENT_F16] +
            (double)model_bytes(s, spec->family, spec->head, spec->resident) * CLEAR_NS) /
           rates->threads;
}

static double predict_test(const struct rates *rates, const struct entry *e, int t)
{
    double sum = 0;

    for (int i = 0; i < e->count; i++)
        sum += predict(rates, &e->specs[i], &e->tests[t]) *
               (e->tests[t].repetitions + e->tests[t].warmup_min +
                (e->tests[t].n_prompt && e->specs[i].resident == e->shape->layers));
    return sum;
}

static double predict_entry(const struct rates *rates, const struct entry *e)
{
    double sum = 0;

    for (int i = 0; i < e->count; i++)
        sum += predict_build(rates, &e->specs[i]);
    for (int t = 0; t < TESTS; t++)
        sum += predict_test(rates, e, t);
    return sum;
}

static double predict_from(const struct rates *rates, const struct paper_plan *plan, int first)
{
    double sum = 0;

    for (int i = first; i < plan->count; i++)
        sum += predict_entry(rates, &plan->entries[i]);
    return sum;
}

/* ---- the plan ---- */

static void plan_specs(struct entry *e, const struct run *run, int threads)
{
    const struct config *c = run->config;

    e->count = 0;
    for (int f = 0; families[f]; f++) {
        bool wanted = !c->formats.count && (c->full || paper_is_quick(families[f]->name));
        for (int i = 0; i < c->formats.count; i++)
            wanted |= !strcmp(c->formats.values[i], families[f]->name);
        const char *isa = c->isas.count ? c->isas.values[0] : NULL;
        if (!wanted || e->count == SPECS_MAX || (isa && !kernel_find(families[f], isa, run->cpu)))
            continue;
        struct pass_spec *spec = &e->specs[e->count++];
        *spec = pass_spec(c, e->shape, families[f], isa);
        if (pass_bytes(spec, e->tests, TESTS, threads) > run_memory(run))
            spec->resident = pass_cycled_layers(spec, run->host.llc_bytes);
    }
}

/* The prefill that is wanted: --quick may have to make do with less. */
static struct pass_test plan_prefill(const struct config *c)
{
    const int standard = c->full ? 10 : 3;

    return (struct pass_test){ .n_prompt = c->full ? 512 : 128,
                               .batch = 512,
                               .parallel = 1,
                               .repetitions = c->repetitions ? (int)c->repetitions : standard };
}

/* Decode steps of a sample: as many as take about 0.4 s in the slowest format, at most 8. */
static void plan_tests(struct entry *e, const struct rates *rates, const struct config *c)
{
    const struct pass_test one = { .n_gen = 1, .batch = 512, .parallel = 1 };
    const struct pass_spec f16_spec = pass_spec(c, e->shape, &f16, NULL);
    const double steps = 4e8 / predict(rates, &f16_spec, &one);
    const int quick_steps = steps < 1 ? 1 : steps > 8 ? 8 : (int)steps;
    const int standard = c->full ? 20 : steps < 0.25 ? 6 : 8;

    e->tests[0] =
        (struct pass_test){ .n_gen = c->full ? 32 : quick_steps,
                            .batch = 512,
                            .parallel = 1,
                            .repetitions = c->repetitions ? (int)c->repetitions : standard,
                            .warmup_min = 1,
                            .warmup_max = 2 };
    e->tests[1] = plan_prefill(c);
}

/* Makes the quick plan from entry `first` on fit into left_ns: again and again halves the dearest
 * prefill; at 16 tokens it takes fewer samples, unless the user has said how many. */
static void plan_again(struct paper_plan *plan, int first, const struct rates *rates,
                       const struct config *c, double left_ns)
{
    for (int i = first; i < plan->count; i++)
        plan->entries[i].tests[1] = plan_prefill(c);
    while (predict_from(rates, plan, first) > PLAN_SHARE * left_ns) {
        struct pass_test *dearest = NULL;
        double most = 0;
        for (int i = first; i < plan->count; i++) {
            struct pass_test *t = &plan->entries[i].tests[1];
            const double cost = predict_test(rates, &plan->entries[i], 1);
            const bool can = t->n_prompt > 16 || (t->repetitions > 1 && !c->repetitions);
            if (can && cost > most) {
                most = cost;
                dearest = t;
            }
        }
        if (!dearest)
            return;
        if (dearest->n_prompt > 16)
            dearest->n_prompt /= 2;
        else
            dearest->repetitions--;
    }
}

static bool in_items(const struct config *c, const char *model)
{
    const bool small = !strcmp(model, "700M") || !strcmp(model, "3.9B");
    const bool both = !strcmp(model, "1.3B") || !strcmp(model, "3B");
    bool table1 = !c->only.count, fig2 = !c->only.count;

    for (int i = 0; i < c->only.count; i++) {
        table1 |= !strcmp(c->only.values[i], "table1");
        fig2 |= !strcmp(c->only.values[i], "fig2");
    }
    return (table1 && (small || both)) || (fig2 && !small);
}

static void plan_make(struct paper_plan *plan, const struct run *run, const struct rates *rates)
{
    const struct config *c = run->config;
    const char *const *names = c->full ? full_models : quick_models;

    plan->count = 0;
    for (int i = 0; c->models.count ? i < c->models.count : names[i] != NULL; i++) {
        const char *name = c->models.count ? c->models.values[i] : names[i];
        struct entry *e = &plan->entries[plan->count];
        if (plan->count == MODELS_MAX || !in_items(c, name))
            continue;
        e->shape = shape_find(name);
        plan_tests(e, rates, c);
        plan_specs(e, run, rates->threads);
        plan->count += e->count > 0;
    }
    if (!c->full)
        plan_again(plan, 0, rates, c, QUICK_NS);
}

static void print_plan(const struct run *run, const struct paper_plan *plan,
                       const struct rates *rates)
{
    run_progress(run,
                 "%d threads, %.1f GB/s to read, %.0f Gflop/s, %.0f and %.0f Gop/s; %.1f GB to use",
                 rates->threads, rates->value[ROOF_READ], rates->value[ROOF_F32],
                 rates->value[ROOF_I8], rates->value[ROOF_TERNARY], (double)run_memory(run) / 1e9);
    for (int i = 0; i < plan->count; i++) {
        const struct entry *e = &plan->entries[i];
        for (int s = 0; s < e->count; s++) {
            const struct pass_spec *spec = &e->specs[s];
            const bool whole = spec->resident == e->shape->layers;
            run_progress(run,
                         "plan: %-5s %-9s %6.2f GB %s, %d x %d tokens decode %.2f s each, "
                         "%d x %d prefill %.1f s each",
                         e->shape->name, spec->family->name,
                         (double)pass_bytes(spec, e->tests, TESTS, rates->threads) / 1e9,
                         whole ? "whole" : "cycled", e->tests[0].repetitions, e->tests[0].n_gen,
                         predict(rates, spec, &e->tests[0]) / 1e9, e->tests[1].repetitions,
                         e->tests[1].n_prompt, predict(rates, spec, &e->tests[1]) / 1e9);
        }
    }
    run_progress(run, "plan: %.1f minutes", predict_from(rates, plan, 0) / 60e9);
}

/* ---- running it ---- */

static int measure_rates(struct run *run, struct roof *roof, struct rates *rates)
{
    const struct plan plan = { .repetitions = 7,
                               .warmup_min = 1,
                               .warmup_max = 3,
                               .steady_slope = 0.02,
                               .steady_deviation = 0.05,
                               .seed = run->config->seed };
    struct roof_arg args[ROOF_METRICS];
    struct workload workloads[ROOF_METRICS];
    int64_t cells[ROOF_METRICS];

    for (int m = 0; m < ROOF_METRICS; m++) {
        args[m] = (struct roof_arg){ roof, (enum roof_metric)m };
        workloads[m] = roof_workload(&args[m]);
        cells[m] = roof_cell(roof, (enum roof_metric)m, 0);
    }
    if (run->broken || run_measure(run, workloads, cells, ROOF_METRICS, &plan))
        return -1;
    for (int m = 0; m < ROOF_METRICS; m++) {
        int n;
        double *ns = rows_samples(store_db(run->store), cells[m], &n);
        rates->value[m] = roof_work(roof, (enum roof_metric)m) / stats_median(ns, n);
        free(ns);
    }
    rates->threads = threads_count(run->pool);
    return 0;
}

/* A model that does not fit even cycled, or for which no time is left: its cells with the reason.
 */
static void skip(struct run *run, const struct entry *e, int from, int count,
                 const struct rates *rates, const char *reason)
{
    for (int s = from; s < from + count; s++)
        for (int t = 0; t < TESTS && !run->broken; t++) {
            const int64_t cell = pass_cell(run, &e->specs[s], &e->tests[t], rates->threads,
                                           (int64_t)predict(rates, &e->specs[s], &e->tests[t]), 0);
            if (!run->broken)
                run_status(run, cell, "skipped", reason);
        }
}

static void measure_entry(struct run *run, struct roof *roof, const struct entry *e,
                          const struct rates *rates)
{
    char reason[200];

    for (int done = 0; done < e->count && !run->broken && !run_stop;) {
        const int64_t memory = run_memory(run);
        const int64_t bytes = pass_bytes(&e->specs[done], e->tests, TESTS, rates->threads);
        const int n =
            pass_group(e->specs + done, e->count - done, e->tests, TESTS, rates->threads, memory);
        if (bytes > memory) {
            snprintf(reason, sizeof reason, "%lld bytes are needed, and %lld are there",
                     (long long)bytes, (long long)memory);
            skip(run, e, done, 1, rates, reason);
            done++;
            continue;
        }
        if (run->deadline_ns && clock_ns() > run->deadline_ns)
            skip(run, e, done, n, rates, "no time left of --quick's 8 minutes");
        else
            pass_measure(run, roof, e->specs + done, n, e->tests, TESTS, predict, rates);
        done += n;
    }
}

static void measure_models(struct run *run)
{
    static struct paper_plan plan;
    const struct config *c = run->config;
    struct roof roof;
    struct rates rates;
    const int64_t start = clock_ns();

    if (!run_threads(run, c->threads.count ? (int)c->threads.values[0] : threads_cores()))
        return;
    if (roof_open(&roof, run, run->pool)) {
        run_refuse("paper", "no memory for %zu bytes to read", roof.memory.bytes);
        run->failed = true;
        return;
    }
    if (!measure_rates(run, &roof, &rates)) {
        plan_make(&plan, run, &rates);
        print_plan(run, &plan, &rates);
        run->deadline_ns = c->full ? 0 : start + (int64_t)QUICK_NS;
        for (int i = 0; i < plan.count && !run->broken && !run_stop; i++) {
            if (!c->full) /* the machine may have become slower, or faster, than it was */
                plan_again(&plan, i, &rates, c, (double)(run->deadline_ns - clock_ns()));
            run_progress(run, "%s: about %.1f minutes left", plan.entries[i].shape->name,
                         predict_from(&rates, &plan, i) / 60e9);
            measure_entry(run, &roof, &plan.entries[i], &rates);
        }
    }
    roof_close(&roof);
}

static bool only(const struct config *c, const char *item)
{
    for (int i = 0; i < c->only.count; i++)
        if (!strcmp(c->only.values[i], item))
            return true;
    return false;
}

int cmd_paper(const struct config *config)
{
    struct run run;

    if (config->quick && config->full)
        return run_refuse("paper", "--quick and --full exclude each other");
    if (only(config, "table3"))
        return run_refuse("paper", "--only table3: not measured by this version");
    if (only(config, "power"))
        return run_refuse("paper", "--only power: `tritbench report --only power` prints it");
    if (config->threads.count > 1 || config->isas.count > 1)
        return run_refuse("paper", "--%s: one, please: the paper's tables have room for no more",
                          config->threads.count > 1 ? "threads" : "isa");
    int status = run_open(&run, config, "paper");
    if (status)
        return status;
    if (!config->only.count || only(config, "fig3"))
        paper_energy_store(&run);
    if (!run.broken && (!config->only.count || only(config, "sparsity")))
        paper_sparsity_store(&run);
    if (!run.broken && (!config->only.count || only(config, "table1") || only(config, "fig2")))
        measure_models(&run);
    if (!run.broken && (!config->only.count || only(config, "fig3")))
        paper_energy_measured(&run);
    if (paper_rows_write(run.outputs, store_db(run.store), run.id, &config->only))
        run.broken = run_refuse("paper", "%s: cannot be read", config->db);
    return run_close(&run);
}
