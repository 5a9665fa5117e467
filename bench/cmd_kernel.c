/* SPDX-License-Identifier: MIT
 *
 * `kernel`: GEMV and GEMM, a row per format x ISA x shape x batch x threads. All formats and thread
 * counts of a shape and a batch are measured in the same rounds, and the roof of each among them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/ceilings.h"
#include "bench/command.h"
#include "bench/energy_rows.h"
#include "bench/roof.h"
#include "bench/rows.h"
#include "bench/simulate.h"
#include "bench/slot.h"
#include "bench/verify.h"
#include "kernels/cpu.h"
#include "model/model.h"

enum { SLOTS_MAX = 48, SHAPES_MAX = 256, SLOW_NS = 20000000, WHY_MAX = 300 };

struct matrix_shape {
    const char *model; /* the first that has it; NULL: --shape */
    struct dims dims;
};

/* What the check before timing said of a slot; error 0: it may be timed. */
struct verdict {
    int error;
    char why[WHY_MAX];
};

/* What is measured together: thread counts on one pool, and their ceilings. */
struct group {
    struct run *run;
    const int64_t *threads; /* (thread_count) */
    int thread_count;
    struct slot *slots; /* (slot_count) */
    struct verdict *verdicts;
    int slot_count;
    struct roof_memory memory;
    struct ceilings ceilings[OPTION_LIST_MAX]; /* (thread_count) */
};

/* The workloads of one shape and batch, with what they point to. */
struct table {
    int count;
    struct workload workloads[RUN_WORKLOADS_MAX];
    int64_t cells[RUN_WORKLOADS_MAX];
    const struct slot_calls *calls[RUN_WORKLOADS_MAX]; /* NULL: a roof */
    union {
        struct roof_arg roof;
        struct slot_calls calls;
    } args[RUN_WORKLOADS_MAX];
};

static const struct column columns[] = {
    { "model", "model", "%s" },
    { "rows", "rows", "%.0f" },
    { "cols", "cols", "%.0f" },
    { "op", "op", "%s" },
    { "batch", "batch", "%.0f" },
    { "threads", "threads", "%.0f" },
    { "format", "format", "%s" },
    { "isa", "ISA", "%s" },
    { "median_ns", "median", "ns" },
    { "gbps", "GB/s", "%.1f" },
    { "gops", "Gop/s", "%.0f" },
    { "roof_share", "of roof", "%.2f" },
    { "bound", "bound", "%s" },
    { "scaling", "scaling", "%.2f" },
    { "zero_share", "zeros", "%.3f" },
    { "outliers", "outliers", "%.0f" },
    { "time_ratio", "time", "%.3fx" },
    { "time_ratio_low", "95% from", "%.3f" },
    { "time_ratio_high", "to", "%.3f" },
    { "huge_page_share", "huge pages", "%.2f" },
    { "status", "status", "%s" },
    { "note", "note", "%s" },
    { NULL, NULL, NULL },
};

/* ---- what to measure ---- */

static int add_shape(struct matrix_shape *list, int count, const char *model, struct dims d)
{
    for (int i = 0; i < count; i++)
        if (list[i].dims.rows == d.rows && list[i].dims.cols == d.cols)
            return count;
    if (count < SHAPES_MAX)
        list[count++] = (struct matrix_shape){ model, d };
    return count;
}

static int list_shapes(const struct config *config, struct matrix_shape *list)
{
    int count = 0;

    if (config->rows)
        count = add_shape(list, count, NULL, (struct dims){ (int)config->rows, (int)config->cols });
    for (int m = 0; m < config->models.count; m++)
        for (int i = 0; i < LINEARS; i++)
            count = add_shape(list, count, config->models.values[m],
                              shape_linear(shape_find(config->models.values[m]), i));
    return count;
}

/* Counts on behind SLOTS_MAX: refuse() says how many there are. */
static int add_slot(struct slot *slots, int count, struct slot slot)
{
    if (count < SLOTS_MAX)
        slots[count] = slot;
    return count + 1;
}

/* A kernel at each share of zeros, or without outliers and then with each number of them. */
static int add_variants(const struct config *config, const struct family *f, const struct kernel *k,
                        struct slot *slots, int count)
{
    struct slot slot = { .family = f, .kernel = k, .zeros = -1 };
    struct slot *plain = &slots[count < SLOTS_MAX ? count : 0];

    if (!config->zeros.count)
        count = add_slot(slots, count, slot);
    for (int i = 0; i < config->zeros.count; i++) {
        slot.zeros = (int)config->zeros.values[i];
        count = add_slot(slots, count, slot);
    }
    for (int i = 0; i < config->outliers.count && f->element == ELEMENT_TRIT; i++) {
        slot.outliers = (int)config->outliers.values[i];
        slot.shares = plain;
        count = add_slot(slots, count, slot);
    }
    return count;
}

/* The formats and ISAs of the command line; an ISA that a family does not have is left out. */
static int list_slots(const struct config *config, unsigned cpu, struct slot *slots)
{
    int count = 0;

    for (int f = 0; families[f]; f++) {
        if (!text_list_wants(&config->formats, families[f]->name))
            continue;
        for (int i = 0; i < (config->isas.count ? config->isas.count : 1); i++) {
            const struct kernel *k = config->isas.count
                                         ? kernel_find(families[f], config->isas.values[i], cpu)
                                         : kernel_pick(families[f], cpu);
            if (k)
                count = add_variants(config, families[f], k, slots, count);
        }
    }
    return count;
}

/* ---- groups ---- */

static int most_threads(const struct group *g)
{
    int64_t most = 1;

    for (int i = 0; i < g->thread_count; i++)
        most = g->threads[i] > most ? g->threads[i] : most;
    return (int)most;
}

/* Of one thread count: of its roof's read, and of the slots' peaks. */
static void list_ceilings(struct group *g, int index, const struct roof *roof)
{
    struct ceilings *c = &g->ceilings[index];

    ceilings_begin(c, roof);
    for (int i = 0; i < g->slot_count; i++)
        ceilings_add(c, g->slots[i].family, g->slots[i].kernel->isa);
}

/* How many of `count` thread counts share their rounds. On a machine with several memory nodes each
 * goes alone, with weights where its own threads first touched them. */
static int group_size(const struct group *g, int count)
{
    const int each = g->ceilings[0].count + g->slot_count;
    const int fit = RUN_WORKLOADS_MAX / each;

    if (run_nodes(g->run) > 1)
        return 1;
    return count < fit ? count : fit;
}

/* ---- measuring ---- */

static void add_roof(struct table *t, struct roof *roof, enum roof_metric metric, int64_t partner)
{
    const int i = t->count++;

    t->args[i].roof = (struct roof_arg){ roof, metric };
    t->workloads[i] = roof_workload(&t->args[i].roof);
    t->calls[i] = NULL;
    t->cells[i] = roof_cell(roof, metric, partner);
}

/* The roofs and the kernels at one thread count. The read of the first count leads the rounds. */
static void add_threads(struct group *g, struct table *t, int index,
                        const struct matrix_shape *shape, const struct acts *acts)
{
    struct run *run = g->run;
    struct ceilings *c = &g->ceilings[index];
    const int read = t->count;

    for (int i = 0; i < c->count; i++)
        add_roof(t, &c->roofs[i], c->metrics[i], t->count ? t->cells[i ? read : 0] : 0);
    for (int i = 0; i < g->slot_count && !run->broken && !run_stop; i++) {
        const int n = t->count;
        const struct verdict *verdict = &g->verdicts[i];
        struct slot_calls *calls = &t->args[n].calls;
        *calls = (struct slot_calls){
            .slot = &g->slots[i], .acts = acts, .threads = (int)g->threads[index], .calls = 1
        };
        if (!verdict->error)
            slot_calls_begin(calls);
        t->cells[n] = slot_cell(calls, shape->model, t->cells[read]);
        if (verdict->error && !run->broken) {
            run_status(run, t->cells[n], verdict->error == -EILSEQ ? "invalid" : "failed",
                       verdict->why);
            continue;
        }
        t->calls[n] = calls;
        t->workloads[n] = slot_workload(calls);
        /* Long samples are few: they even out what disturbs them. */
        if (!run->config->repetitions && calls->call_ns > SLOW_NS)
            t->workloads[n].repetitions = 7;
        t->count++;
    }
}

/* --meter cachegrind: once a slot, for its cells at every thread count. */
static void simulate_table(struct group *g, const struct table *t)
{
    for (int s = 0; s < g->slot_count; s++) {
        struct simulation simulation;
        bool done = false;
        for (int i = 0; i < t->count && !g->run->broken && !run_stop; i++) {
            if (!t->calls[i] || t->calls[i]->slot != &g->slots[s])
                continue;
            if (!done) {
                run_progress(g->run, "%s below cachegrind", t->workloads[i].name);
                simulate_calls(t->calls[i], &simulation);
            }
            done = true;
            simulate_store(g->run, t->cells[i], &simulation);
        }
    }
}

/* All slots and thread counts at one shape and batch. */
static int measure_batch(struct group *g, const struct matrix_shape *shape, const struct acts *acts)
{
    static struct table table;
    struct run *run = g->run;
    const struct plan plan = { .repetitions =
                                   run->config->repetitions ? (int)run->config->repetitions : 11,
                               .warmup_min = 1,
                               .warmup_max = 4,
                               .steady_slope = 0.02,
                               .steady_deviation = 0.05,
                               .seed = run->config->seed };

    table.count = 0;
    run_progress(run, "%d x %d, batch %d", shape->dims.rows, shape->dims.cols, acts->count);
    for (int t = 0; t < g->thread_count && !run->broken && !run_stop; t++)
        add_threads(g, &table, t, shape, acts);
    if (run->broken)
        return run->broken;
    const int error = run_measure(run, table.workloads, table.cells, table.count, &plan);
    if (!error && meter_asked(&run->context, SIMULATE_METER))
        simulate_table(g, &table);
    return run->broken ? run->broken : error;
}

static int batch_max(const struct config *config)
{
    int64_t max = 1;

    for (int i = 0; i < config->batches.count; i++)
        max = config->batches.values[i] > max ? config->batches.values[i] : max;
    return (int)max;
}

/* Copies of every slot, and whether its kernel is right. 0 or -ENOMEM. */
static int open_slots(struct group *g, struct dims d)
{
    struct run *run = g->run;
    int error = 0;

    threads_use(run->pool, most_threads(g));
    for (int i = 0; i < g->slot_count && !error; i++) {
        struct slot *s = &g->slots[i];
        struct verdict *v = &g->verdicts[i];
        error = slot_open(s, run, d, batch_max(run->config));
        if (error)
            break;
        v->error = verify_matrix(s->family, s->kernel, &s->copies[0], run->config->seed, v->why,
                                 sizeof v->why);
        run->failed |= v->error != 0;
    }
    return error;
}

static int measure_shape(struct group *g, const struct matrix_shape *shape)
{
    struct run *run = g->run;
    const struct config *config = run->config;
    struct verify_acts x = { .memory = NULL };
    int error = verify_acts(&x, batch_max(config), shape->dims.cols, config->seed);

    if (!error)
        error = open_slots(g, shape->dims);
    if (error)
        run->broken =
            run_refuse(run->command, "no memory for %d x %d", shape->dims.rows, shape->dims.cols);
    for (int i = 0; !error && i < (config->batches.count ? config->batches.count : 1); i++) {
        struct acts acts = x.acts;
        acts.count = config->batches.count ? (int)config->batches.values[i] : 1;
        error = measure_batch(g, shape, &acts);
    }
    for (int i = 0; i < g->slot_count; i++)
        slot_close(&g->slots[i]);
    free(x.memory);
    return error;
}

/* The thread counts of the group: its pool, its roofs, and all shapes. */
static int measure_group(struct group *g, const struct matrix_shape *list, int shape_count)
{
    struct run *run = g->run;
    int error = 0;

    if (!run_threads(run, most_threads(g)))
        return run->broken;
    if (roof_memory_open(&g->memory, run, run->pool)) {
        run_refuse(run->command, "no memory for %zu bytes to read", g->memory.bytes);
        return run->broken = -ENOMEM;
    }
    for (int t = 0; t < g->thread_count; t++) {
        struct roof roof;
        roof_begin(&roof, run, run->pool, (int)g->threads[t], roof_pick(run->cpu), &g->memory);
        run_progress(run, "%d thread%s: looking for the fastest read", (int)g->threads[t],
                     g->threads[t] > 1 ? "s" : "");
        roof_tune(&roof, 1);
        list_ceilings(g, t, &roof);
    }
    for (int i = 0; i < shape_count && !error; i++)
        error = measure_shape(g, &list[i]);
    roof_memory_close(&g->memory);
    return error;
}

static bool any_outliers(const struct slot *slots, int count)
{
    for (int i = 0; i < count; i++)
        if (slots[i].outliers)
            return true;
    return false;
}

/* Everything that can be refused before the database is opened. 0 or the exit status. */
static int refuse(const struct config *config, const struct slot *slots, int slot_count,
                  const struct matrix_shape *list, int count)
{
    struct run probe = { .config = config };
    const struct reading available = memory_available(config->sysroot);

    if (!count)
        return run_refuse("kernel", "no shape: give --shape ROWSxCOLS or -m MODEL");
    if (!slot_count)
        return run_refuse("kernel",
                          "no kernel: none of the formats has one of these instruction sets");
    if (slot_count > SLOTS_MAX)
        return run_refuse("kernel", "%d kernels and variants of them: at most %d in one run",
                          slot_count, SLOTS_MAX);
    if (config->outliers.count && !any_outliers(slots, slot_count))
        return run_refuse("kernel", "--outliers: none of the formats is ternary");
    for (int i = 0; i < count; i++) {
        const struct dims d = list[i].dims;
        int64_t bytes =
            (int64_t)d.rows * batch_max(config) * 4 + (int64_t)d.cols * batch_max(config) * 5;
        for (int s = 0; s < slot_count; s++)
            bytes += slot_bytes(&slots[s], &probe, d);
        if (bytes > run_memory(&probe))
            return run_refuse("kernel",
                              "%d x %d in %d format%s needs %lld bytes, and %lld of %.0f are "
                              "for use",
                              d.rows, d.cols, slot_count, slot_count > 1 ? "s" : "",
                              (long long)bytes, (long long)run_memory(&probe), available.value);
    }
    return 0;
}

int cmd_kernel(const struct config *config)
{
    static struct matrix_shape list[SHAPES_MAX];
    static struct slot slots[SLOTS_MAX];
    static struct verdict verdicts[SLOTS_MAX];
    static struct group group;
    const struct int_list standard = { .count = 1, .values = { threads_cores() } };
    const struct int_list *threads = config->threads.count ? &config->threads : &standard;
    struct run run;
    const int shape_count = list_shapes(config, list);
    const int slot_count = list_slots(config, cpu_detect(), slots);
    int status = refuse(config, slots, slot_count, list, shape_count);

    if (!status)
        status = run_open(&run, config, "kernel");
    if (status)
        return status;
    group = (struct group){
        .run = &run, .slots = slots, .verdicts = verdicts, .slot_count = slot_count
    };
    list_ceilings(&group, 0,
                  &(struct roof){ .run = group.run, .kernels = roof_pick(group.run->cpu) });
    for (int done = 0; done < threads->count; done += group.thread_count) {
        group.threads = threads->values + done;
        group.thread_count = group_size(&group, threads->count - done);
        if (measure_group(&group, list, shape_count))
            break;
    }
    json_t *rows = rows_kernel(store_db(run.store), run.id);
    energy_rows(
        run.outputs, rows, columns,
        "Medians of one call. `of roof`: the least time that the roof of the same round "
        "allows (the weights' bytes by the read-only bandwidth, or the operations by the "
        "peak, whichever is longer: `bound`) by the time of the call; its median over "
        "rounds. `scaling`: against the fewest threads of the same rounds. `J/call`: gross, of the "
        "whole machine's counted domains, with the standard uncertainty. `time`: with --zeros or "
        "--outliers, against the first of the kernel's rows, paired by round.",
        "J/call", NULL);
    simulate_show(run.outputs, rows);
    json_decref(rows);
    return run_close(&run);
}
