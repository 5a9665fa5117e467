/* SPDX-License-Identifier: MIT */
#include "bench/passes.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/ceilings.h"
#include "bench/child.h"
#include "bench/profile.h"
#include "bench/table3_values.h"
#include "bench/verify.h"

enum { ROOF_PASSES = 8 };

/* ---- one model in memory ---- */

struct loaded {
    const struct pass_spec *spec;
    const struct pass_test *test; /* the one under way */
    struct model *model;
    struct session *session;
    float *logits;
    int *token, *sequence; /* (max_tokens) */
    uint64_t random;
    struct reading rss_peak, huge_share; /* huge_share: of the weights */
    struct locality locality;            /* of the layers' matrices and the head */
    int64_t predicted_bytes;             /* of the whole model and the session of all tests */
    char why[300];                       /* why it could not be built, or is wrong */
    const char *status;
    char region[80]; /* the workload's name: model, format, test */
};

static int next_token(struct loaded *l)
{
    l->random = l->random * 6364136223846793005u + 1442695040888963407u;
    return (int)((l->random >> 33) % (uint64_t)l->model->shape->vocab);
}

/* The prompt of each sequence, in passes of `batch` tokens; the head for its last one. From the
 * test's depth on, however often it is called in a row. */
static int run_prompt(void *arg)
{
    struct loaded *l = arg;
    const struct pass_test *t = l->test;

    session_rewind(l->session, t->n_depth);
    for (int s = 0; s < t->parallel; s++)
        for (int done = 0; done < t->n_prompt;) {
            const int left = t->n_prompt - done, n = left < t->batch ? left : t->batch;
            const struct batch batch = { n, l->token, l->sequence };
            for (int i = 0; i < n; i++) {
                l->token[i] = next_token(l);
                l->sequence[i] = s;
            }
            done += n;
            const int error = forward(l->session, &batch, done == t->n_prompt ? l->logits : NULL);
            if (error)
                return error;
        }
    return 0;
}

static int run_steps(void *arg)
{
    struct loaded *l = arg;
    const struct pass_test *t = l->test;

    session_rewind(l->session, t->n_depth);
    for (int step = 0; step < t->n_gen; step++) {
        const struct batch batch = { t->parallel, l->token, l->sequence };
        for (int s = 0; s < t->parallel; s++) {
            l->token[s] = next_token(l);
            l->sequence[s] = s;
        }
        const int error = forward(l->session, &batch, l->logits);
        if (error)
            return error;
    }
    return 0;
}

static void unload(struct loaded *l)
{
    session_close(l->session);
    model_close(l->model);
    free(l->logits);
    free(l->token);
    free(l->sequence);
    l->session = NULL;
    l->model = NULL;
    l->logits = NULL;
    l->token = l->sequence = NULL;
}

/* Every linear matrix of the first layer, and the head. */
static int check_kernels(struct loaded *l, uint64_t seed)
{
    const struct model *m = l->model;
    int error =
        verify_matrix(m->head_family, m->head_kernel, &m->head, seed, l->why, sizeof l->why);

    for (int i = 0; i < shape_linears(m->shape) && !error; i++)
        error = verify_matrix(m->family, m->kernel, &m->layers[0].linear[i], seed, l->why,
                              sizeof l->why);
    return error;
}

/* What the cache holds before the test. A cache that is to be full is filled once: it may be most
 * of the memory. */
static void fill(struct loaded *l, const struct pass_test *test, uint64_t seed)
{
    bool there = test->positions > 0;

    for (int i = 0; i < l->session->plan.sequences; i++)
        there &= l->session->length[i] >= test->n_depth;
    if (!there && test->n_depth)
        session_fill(l->session, test->positions ? test->positions : test->n_depth, seed);
}

/* Every prompt once, and the steps of a batch that the whole cache is for, so that all of the
 * memory is touched and its peak can be read. Their time is not a sample. A cycled model's peak
 * means nothing, and its prompts are long: it goes without. */
static int touch(struct loaded *l, const struct pass_test *tests, int count)
{
    int error = 0;

    for (int i = 0; i < count && !error; i++) {
        l->test = &tests[i];
        if (!tests[i].positions)
            session_rewind(l->session, 0);
        fill(l, &tests[i], l->random);
        if (tests[i].n_prompt && l->spec->resident == l->spec->shape->layers)
            error = run_prompt(l);
        else if (tests[i].positions && tests[i].parallel == l->session->plan.sequences)
            error = run_steps(l);
    }
    return error;
}

static void find_pages(struct loaded *l, struct threads *pool)
{
    const struct model *m = l->model;
    const int count = m->layers_resident * shape_linears(m->shape);

    for (int i = 0; i < count; i++)
        locality_add(&l->locality, pool, m->family, &m->linears[i], NULL);
    locality_add(&l->locality, pool, m->head_family, &m->head, NULL);
}

static void load(struct run *run, struct loaded *l, const struct pass_spec *spec,
                 const struct pass_test *tests, int count)
{
    const struct session_plan plan = pass_session(spec, tests, count);
    const uint64_t seed = run->config->seed;
    const char *sysroot = run->config->sysroot;
    const bool reset = !memory_reset_peak(sysroot);
    const struct reading before = memory_read(sysroot).rss_peak_bytes;

    *l = (struct loaded){ .spec = spec, .random = seed | 1, .status = "failed" };
    l->predicted_bytes = pass_whole_bytes(spec, tests, count, threads_count(run->pool));
    run_progress(run, "%s %s: building %d of %d layers", spec->shape->name, spec->family->name,
                 spec->resident, spec->shape->layers);
    int error = model_build(&l->model, spec->shape, spec->family, spec->head, spec->isa, run->cpu,
                            spec->resident, seed, run->pool, l->why, sizeof l->why);
    if (!error)
        error = session_open(&l->session, l->model, run->pool, &plan, l->why, sizeof l->why);
    if (!error) {
        l->session->cancel = &run_stop;
        l->logits = malloc((size_t)plan.sequences * (size_t)spec->shape->vocab * sizeof(float));
        l->token = calloc((size_t)plan.max_tokens, sizeof *l->token);
        l->sequence = calloc((size_t)plan.max_tokens, sizeof *l->sequence);
        if (!l->logits || !l->token || !l->sequence) {
            snprintf(l->why, sizeof l->why, "no memory for the logits of %s", spec->shape->name);
            error = -ENOMEM;
        }
    }
    if (!error && (error = check_kernels(l, seed)) == -EILSEQ)
        l->status = "invalid";
    if (!error && (error = touch(l, tests, count)))
        snprintf(l->why, sizeof l->why, "%s",
                 error == -EINTR ? "stopped by a signal" : strerror(-error));
    if (error) {
        l->status = error == -EINTR ? "interrupted" : l->status;
        run->failed |= error != -EINTR;
        unload(l);
        return;
    }
    l->status = "ok";
    find_pages(l, run->pool);
    l->rss_peak = memory_read(sysroot).rss_peak_bytes;
    l->huge_share = memory_huge_share(sysroot, l->model->memory, l->model->memory_bytes);
    if (!reset || before.reason || l->rss_peak.reason)
        l->rss_peak = (struct reading){ .reason = "VmHWM could not be reset or read" };
    else
        l->rss_peak.value -= before.value;
}

/* ---- cells ---- */

static const char *provenance_of(const struct pass_spec *spec)
{
    return spec->resident < spec->shape->layers ? PROVENANCE_CYCLED : PROVENANCE_MEASURED;
}

const char *pass_isa(const struct pass_spec *spec, unsigned cpu)
{
    return spec->isa ? spec->isa : kernel_pick(spec->family, cpu)->isa;
}

int64_t pass_cell(struct run *run, const struct pass_spec *spec, const struct pass_test *test,
                  int threads, int64_t predicted_ns, int64_t partner, const char *item)
{
    const struct shape *s = spec->shape;
    const struct cell cell = {
        .kind = "model",
        .item = item,
        .model = s->name,
        .format = spec->family->name,
        .isa = pass_isa(spec, run->cpu),
        .phase = test->n_gen ? "decode" : "prefill",
        .n_prompt = test->n_prompt,
        .n_gen = test->n_gen,
        .n_depth = test->n_depth,
        .batch = test->batch,
        .parallel = test->parallel,
        .threads = threads,
        .layers_resident = spec->resident,
        .layers = s->layers,
        .tokens = (int64_t)test->parallel * (test->n_prompt + test->n_gen),
        .work_bytes = pass_work_bytes(spec, test),
        .work_ops = pass_work_ops(spec, test),
        .predicted_bytes = pass_bytes(spec, test, 1, threads),
        .predicted_ns = predicted_ns,
        .kv = kv_names[spec->kv],
        .head = spec->head->name,
        .provenance = provenance_of(spec),
        .partner = partner,
    };
    return run_cell(run, &cell);
}

static void store_footprint(struct run *run, int64_t cell, const struct loaded *l)
{
    const bool whole = l->spec->resident == l->spec->shape->layers;
    const char *cycled = "cycled: not all layers are in memory";
    const char *why = whole ? l->rss_peak.reason : cycled;
    const struct model *m = l->model;
    const struct pass_test *test = l->test;
    size_t kv, scratch;

    /* Of this test alone: the session may be larger, for the others. */
    const struct session_plan plan = pass_session(l->spec, test, 1);
    session_bytes(m->shape, &plan, threads_count(run->pool), &kv, &scratch);
    run_derived(run, cell, "weights_bytes", (double)m->weights_bytes, "B",
                "sum over the shape: linear layers, embedding, head, norms, scales");
    run_derived(run, cell, "kv_bytes", (double)kv, "B",
                "parallel * positions of a sequence * bytes of a position, rounded up");
    run_derived(run, cell, "scratch_bytes", (double)scratch, "B",
                "sum over the shape: activations of a pass, for the most tokens and all threads");
    run_derived(run, cell, "session_kv_bytes", (double)l->session->kv_bytes, "B",
                "kv_bytes of the session that serves all tests of the block");
    run_derived(run, cell, "session_scratch_bytes", (double)l->session->scratch_bytes, "B",
                "scratch_bytes of that session");
    run_derived(run, cell, "predicted_peak_bytes", (double)l->predicted_bytes, "B",
                "weights_bytes + session_kv_bytes + session_scratch_bytes + logits");
    run_value(run, cell, "rss_peak_bytes", l->rss_peak.value, "B", PROVENANCE_MEASURED, why);
    run_locality(run, cell, &l->locality);
    run_value(run, cell, "huge_page_share", l->huge_share.value, "1", PROVENANCE_COUNTED,
              l->huge_share.reason);
    run_value(run, cell, "zero_share", m->zero_share, "1", PROVENANCE_MEASURED,
              m->family->element == ELEMENT_TRIT ? NULL : "not a ternary format");
}

/* How many experts a layer read, in the mean over all passes of the cell, warm-up included. */
static void store_experts(struct run *run, int64_t cell, const struct loaded *l)
{
    const struct session *s = l->session;

    if (l->model->shape->experts > 1 && s->layers_run)
        run_value(run, cell, "experts_read", (double)s->experts_read / (double)s->layers_run, "1",
                  PROVENANCE_MEASURED, NULL);
}

/* As many passes as there were samples, the formats in turn, apart from the samples. */
static void profile_test(struct run *run, const struct workload *workloads, const int64_t *cells,
                         int count, int repetitions)
{
    struct profile profiles[PASS_SPECS_MAX];
    int64_t total[PASS_SPECS_MAX] = { 0 };
    int error = 0;

    for (int i = 0; i < count; i++)
        profiles[i] = (struct profile){ .clock_ns = clock_ns };
    for (int round = 0; round < repetitions; round++)
        for (int i = 0; i < count && !error && !run_stop; i++) {
            struct loaded *l = workloads[i].arg;
            run_step(run, cells[i], -1, 0);
            l->session->profile = &profiles[i];
            const int64_t start = clock_ns();
            error = workloads[i].run(l);
            total[i] += clock_ns() - start;
            l->session->profile = NULL;
        }
    for (int i = 0; i < count && !error && !run_stop; i++)
        profile_store(run, cells[i], &profiles[i], total[i], repetitions,
                      provenance_of(((const struct loaded *)workloads[i].arg)->spec));
}

/* The cells of a block: of each test the ceilings' (0: not met), then one for each spec; that which
 * compares KV caches (0: none). */
struct cells {
    int64_t roof[PASS_TESTS_MAX][CEILINGS_MAX];
    int64_t model[PASS_TESTS_MAX][PASS_SPECS_MAX];
    int64_t compare;
};

/* A cell that the plan has left out says so. */
static void leave_out(struct run *run, const struct pass_block *b, int t, int s, int64_t cell)
{
    char reason[120];

    if (b->tests[t].repetitions || run->broken || !run_cell_open(run, cell, 0))
        return;
    snprintf(reason, sizeof reason, "left out for want of time: predicted %.1f s a sample",
             (double)b->predicted_ns[t][s] * 1e-9);
    run_status(run, cell, "skipped", reason);
}

/* Decode of one sequence is held against the memory alone, others and prompts also against the
 * peaks of their multiply-adds. */
static void add_cells(struct run *run, struct ceilings *ceilings, const struct pass_block *b,
                      int threads, struct cells *cells)
{
    memset(cells, 0, sizeof *cells);
    for (int t = 0; t < b->test_count && !run->broken; t++) {
        const bool peaks = b->tests[t].n_prompt || b->tests[t].parallel > 1;
        int64_t partner = 0;
        for (int i = 0; i < (peaks ? ceilings->count : ceilings->count > 0) && !run->broken; i++) {
            cells->roof[t][i] = roof_cell(&ceilings->roofs[i], ceilings->metrics[i], partner);
            partner = cells->roof[t][0];
        }
        for (int s = 0; s < b->spec_count && !run->broken; s++) {
            cells->model[t][s] = pass_cell(run, &b->specs[s], &b->tests[t], threads,
                                           b->predicted_ns[t][s], partner, b->item);
            leave_out(run, b, t, s, cells->model[t][s]);
            if (!partner)
                partner = cells->model[t][s]; /* no roof: the first cell stands for the rounds */
        }
    }
    if (b->compare_tokens && !run->broken)
        cells->compare = table3_compare_cell(run, b, threads);
}

static bool has_left(struct run *run, const struct pass_block *b, const struct cells *cells, int s)
{
    for (int t = 0; t < b->test_count; t++)
        if (run_cell_open(run, cells->model[t][s], b->tests[t].repetitions))
            return true;
    return cells->compare && run_cell_open(run, cells->compare, 0);
}

/* Of the cells of spec s that have no status yet. */
static void set_left(struct run *run, const struct pass_block *b, const struct cells *cells, int s,
                     const char *status, const char *reason)
{
    for (int t = 0; t < b->test_count && !run->broken; t++)
        if (run_cell_open(run, cells->model[t][s], b->tests[t].repetitions))
            run_status(run, cells->model[t][s], status, reason);
    if (cells->compare && !run->broken && run_cell_open(run, cells->compare, 0))
        run_status(run, cells->compare, status, reason);
}

void pass_skip(struct run *run, const struct pass_block *b, int threads, const char *reason)
{
    static struct cells cells;
    struct ceilings none = { .count = 0 };

    add_cells(run, &none, b, threads, &cells);
    for (int s = 0; s < b->spec_count && !run->broken; s++)
        set_left(run, b, &cells, s, "skipped", reason);
}

/* One test on all models that were built. */
static void measure_test(struct run *run, struct ceilings *ceilings, const struct pass_block *b,
                         int t, const struct cells *all, struct loaded *models)
{
    const struct pass_test *test = &b->tests[t];
    struct workload workloads[PASS_SPECS_MAX + CEILINGS_MAX];
    int64_t cells[PASS_SPECS_MAX + CEILINGS_MAX];
    struct roof_arg args[CEILINGS_MAX];
    int n = 0, error = 0;

    for (int i = 0; i < ceilings->count; i++) {
        if (!all->roof[t][i] || !run_cell_open(run, all->roof[t][i], INT_MAX / 128))
            continue;
        args[i] = (struct roof_arg){ &ceilings->roofs[i], ceilings->metrics[i] };
        cells[n] = all->roof[t][i];
        workloads[n++] = roof_workload(&args[i]);
    }
    const int roofs = n;
    for (int i = 0; i < b->spec_count; i++) {
        struct loaded *l = &models[i];
        const int64_t cell = all->model[t][i];
        if (!l->model || !run_cell_open(run, cell, test->repetitions))
            continue;
        l->test = test;
        snprintf(l->region, sizeof l->region, "%s_%s_p%d_n%d_d%d_b%d_x%d", l->spec->shape->name,
                 l->spec->family->name, test->n_prompt, test->n_gen, test->n_depth, test->batch,
                 test->parallel);
        l->session->experts_read = l->session->layers_run = 0;
        store_footprint(run, cell, l);
        fill(l, test, run->config->seed);
        cells[n] = cell;
        workloads[n++] = (struct workload){ .name = l->region,
                                            .run = test->n_gen ? run_steps : run_prompt,
                                            .arg = l };
    }
    const struct plan plan = { .repetitions = test->repetitions,
                               .warmup_min = test->warmup_min,
                               .warmup_max = test->warmup_max,
                               .steady_slope = 0.02,
                               .steady_deviation = 0.05,
                               .seed = run->config->seed + (uint64_t)run->process };
    if (n > roofs && !run->broken)
        error = run_measure(run, workloads, cells, n, &plan);
    for (int i = 0; i < roofs && n == roofs && !run->broken; i++)
        if (run_cell_open(run, cells[i], test->repetitions))
            run_status(run, cells[i], run_stop ? "interrupted" : "skipped",
                       run_stop ? "stopped by a signal" : "nothing to compare with");
    for (int i = roofs; i < n && !error && !run->broken; i++)
        store_experts(run, cells[i], workloads[i].arg);
    if (run->config->profile && !error && !run->broken)
        profile_test(run, workloads + roofs, cells + roofs, n - roofs, test->repetitions);
}

/* Builds what has something left to do, as far as there is memory. */
static void load_all(struct run *run, const struct pass_block *b, const struct cells *cells,
                     struct loaded *models)
{
    const int threads = threads_count(run->pool);
    int64_t left = run_memory(run);
    char reason[200];

    if (b->budget_bytes && b->budget_bytes < left)
        left = b->budget_bytes;
    for (int s = 0; s < b->spec_count && !run->broken; s++) {
        const int64_t bytes = pass_bytes(&b->specs[s], b->tests, b->test_count, threads);
        models[s] = (struct loaded){ .model = NULL };
        if (!has_left(run, b, cells, s))
            continue;
        if (bytes > left) {
            snprintf(reason, sizeof reason, "%lld bytes are needed, and %lld are there",
                     (long long)bytes, (long long)left);
            set_left(run, b, cells, s, "skipped", reason);
            continue;
        }
        left -= bytes;
        run_step(run, 0, s, b->build_ns[s]);
        child_inject_build(run, b->specs[s].family->name);
        load(run, &models[s], &b->specs[s], b->tests, b->test_count);
        if (!models[s].model)
            set_left(run, b, cells, s, models[s].status, models[s].why);
    }
}

void pass_measure(struct run *run, struct roof *roof, const struct pass_block *b)
{
    static struct loaded models[PASS_SPECS_MAX]; /* too large for a stack */
    static struct cells cells;
    static struct ceilings ceilings;

    ceilings.count = 0;
    if (roof) {
        roof->passes = ROOF_PASSES;
        ceilings_begin(&ceilings, roof);
        for (int s = 0; s < b->spec_count; s++)
            ceilings_add(&ceilings, b->specs[s].family, pass_isa(&b->specs[s], run->cpu));
    }
    add_cells(run, &ceilings, b, threads_count(run->pool), &cells);
    load_all(run, b, &cells, models);
    for (int s = 0; s < b->spec_count && b->budget_bytes && !run->broken; s++)
        table3_store_batch(run, b, s, cells.model[0][s], models[s].model != NULL);
    for (int i = 0; i < b->test_count && !run->broken; i++) {
        const struct pass_test *t = &b->tests[i];
        run_progress(run, "%s: %s of %d tokens, %d at once", b->specs[0].shape->name,
                     t->n_gen ? "decode" : "prefill", t->n_gen ? t->n_gen : t->n_prompt,
                     t->parallel);
        measure_test(run, &ceilings, b, i, &cells, models);
    }
    for (int i = 0; i < b->spec_count; i++) {
        session_close(models[i].session); /* a large one leaves no room for another */
        models[i].session = NULL;
        if (cells.compare && models[i].model && !run->broken)
            table3_compare(run, b, models[i].model, cells.compare);
        unload(&models[i]);
    }
}
