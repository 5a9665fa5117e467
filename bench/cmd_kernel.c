/* SPDX-License-Identifier: MIT
 *
 * `kernel`: GEMV and GEMM, a row per format x ISA x shape x batch x threads. All formats of a shape
 * and a batch are measured in the same rounds, with the roof's bandwidth among them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/command.h"
#include "bench/roof.h"
#include "bench/rows.h"
#include "bench/verify.h"
#include "kernels/cpu.h"
#include "kernels/pages.h"
#include "model/model.h"

enum { SLOTS_MAX = 48, SHAPES_MAX = 256, CACHE_FACTOR = 8, SAMPLE_NS = 4000000 };

struct matrix_shape {
    const char *model; /* the first that has it; NULL: --shape */
    struct dims dims;
};

/* One format and ISA at one shape: copies of a packed matrix, used in turn when the cache is to be
 * cold, so that a copy has left the cache before it comes again. */
struct slot {
    struct run *run;
    const struct family *family;
    const struct kernel *kernel;
    struct wmat *copies;
    char *data;
    size_t bytes; /* of all copies */
    float *row_scale;
    int count, next, calls;
    const struct acts *acts;
    float *y;
};

static const struct column columns[] = {
    { "model", "model", "%s" },   { "rows", "rows", "%.0f" },   { "cols", "cols", "%.0f" },
    { "op", "op", "%s" },         { "batch", "batch", "%.0f" }, { "threads", "threads", "%.0f" },
    { "format", "format", "%s" }, { "isa", "ISA", "%s" },       { "median_ns", "median", "ns" },
    { "gbps", "GB/s", "%.1f" },   { "gops", "Gop/s", "%.0f" },  { "roof_share", "of roof", "%.2f" },
    { "status", "status", "%s" }, { "note", "note", "%s" },     { NULL, NULL, NULL },
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
                              shape_linear(shape_find(config->models.values[m]), (enum linear)i));
    return count;
}

/* The formats and ISAs of the command line; an ISA that a family does not have is left out. */
static int list_slots(const struct config *config, unsigned cpu, struct slot *slots)
{
    int count = 0;

    for (int f = 0; families[f]; f++) {
        int wanted = config->formats.count == 0;
        for (int i = 0; i < config->formats.count; i++)
            wanted |= !strcmp(config->formats.values[i], families[f]->name);
        if (!wanted)
            continue;
        for (int i = 0; i < (config->isas.count ? config->isas.count : 1); i++) {
            const struct kernel *k = config->isas.count
                                         ? kernel_find(families[f], config->isas.values[i], cpu)
                                         : kernel_pick(families[f], cpu);
            if (k && count < SLOTS_MAX)
                slots[count++] = (struct slot){ .family = families[f], .kernel = k };
        }
    }
    return count;
}

/* ---- matrices ---- */

static int copies_of(const struct slot *s, struct dims d, const struct run *run)
{
    const size_t one = packed_bytes(s->family, d.rows, d.cols);
    const size_t wanted = CACHE_FACTOR * (size_t)run->host.llc_bytes;

    if (run->config->warm || one >= wanted)
        return 1;
    return (int)((wanted + one - 1) / one);
}

static int64_t slot_bytes(const struct slot *s, struct dims d, const struct run *run)
{
    return (int64_t)copies_of(s, d, run) * (int64_t)packed_bytes(s->family, d.rows, d.cols);
}

/* One row panel of random elements; about a third of the trits are 0. */
static void random_elements(const struct family *f, void *dst, size_t n, uint64_t seed)
{
    uint16_t *half = dst;
    int8_t *byte = dst;

    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const uint32_t r = (uint32_t)(seed >> 32);
        if (f->element == ELEMENT_F16)
            half[i] = (uint16_t)(0x2000 | (r & 0x9fff)); /* 2^-7 to 2, either sign */
        else if (f->element == ELEMENT_I8)
            byte[i] = (int8_t)((int)(r % 255) - 127);
        else
            byte[i] = (int8_t)((int)(r % 3) - 1);
    }
}

struct fill_job {
    struct slot *slot;
    struct dims dims;
    uint64_t seed;
    int error;
};

/* A thread packs its own panels of the first copy, and copies them to the others: it touches first
 * what it will read. */
static void fill_share(void *arg, int index, int count)
{
    struct fill_job *job = arg;
    const struct slot *s = job->slot;
    const struct range rows = threads_share(job->dims.rows, PANEL_ROWS, index, count);
    const size_t one = packed_bytes(s->family, job->dims.rows, job->dims.cols);
    const size_t panel = panel_bytes(s->family, job->dims.cols);
    const size_t n = (size_t)PANEL_ROWS * (size_t)job->dims.cols;
    void *elements = malloc(n * sizeof(uint16_t));

    if (!elements) {
        job->error = -ENOMEM; /* any thread may say so */
        return;
    }
    for (int row = rows.first; row < rows.last; row += PANEL_ROWS) {
        char *to = s->data + (size_t)(row / PANEL_ROWS) * panel;
        const int left = rows.last - row < PANEL_ROWS ? rows.last - row : PANEL_ROWS;
        random_elements(s->family, elements, n, job->seed + (uint64_t)row);
        s->family->pack(to, elements, left, job->dims.cols);
        for (int i = 1; i < s->count; i++)
            memcpy(to + (size_t)i * one, to, panel);
    }
    free(elements);
}

static void close_slot(struct slot *s)
{
    pages_free(s->data, s->bytes);
    free(s->copies);
    free(s->row_scale);
    free(s->y);
    s->data = NULL;
    s->copies = NULL;
    s->row_scale = s->y = NULL;
}

static int open_slot(struct slot *s, struct run *run, struct dims d, int batch_max)
{
    const size_t one = packed_bytes(s->family, d.rows, d.cols);
    struct fill_job job = { s, d, run->config->seed, 0 };

    s->run = run;
    s->next = 0;
    s->count = copies_of(s, d, run);
    s->bytes = one * (size_t)s->count;
    s->data = pages_alloc(s->bytes);
    s->copies = calloc((size_t)s->count, sizeof *s->copies);
    s->row_scale = malloc((size_t)d.rows * sizeof(float));
    s->y = malloc((size_t)d.rows * (size_t)batch_max * sizeof(float));
    if (!s->data || !s->copies || !s->row_scale || !s->y)
        return -ENOMEM;
    for (int r = 0; r < d.rows; r++)
        s->row_scale[r] = 1;
    for (int i = 0; i < s->count; i++)
        s->copies[i] =
            (struct wmat){ .data = s->data + (size_t)i * one,
                           .row_scale = s->family->element == ELEMENT_I8 ? s->row_scale : NULL,
                           .scale = 1,
                           .rows = d.rows,
                           .cols = d.cols };
    threads_run(run->pool, fill_share, &job);
    return job.error;
}

/* ---- measuring ---- */

struct call {
    const struct slot *slot;
    const struct wmat *w;
};

static void call_share(void *arg, int index, int count)
{
    const struct call *call = arg;
    const struct slot *s = call->slot;
    const struct range rows = threads_share(call->w->rows, PANEL_ROWS, index, count);

    if (s->acts->count == 1)
        s->kernel->gemv(s->y, call->w, s->acts, rows.first, rows.last);
    else
        s->kernel->gemm(s->y, call->w->rows, call->w, s->acts, rows.first, rows.last);
}

static int run_calls(void *arg)
{
    struct slot *s = arg;

    for (int i = 0; i < s->calls; i++) {
        struct call call = { s, &s->copies[s->next] };
        s->next = (s->next + 1) % s->count;
        threads_run(s->run->pool, call_share, &call);
    }
    return run_stop ? -EINTR : 0;
}

/* Calls of one sample: enough to take SAMPLE_NS. */
static void set_calls(struct slot *s)
{
    s->calls = 1;
    run_calls(s); /* once for the page tables */
    for (int64_t time = 0; time < SAMPLE_NS / 2 && !run_stop; s->calls *= 2) {
        const int64_t start = clock_ns();
        run_calls(s);
        time = clock_ns() - start;
    }
    s->calls = s->calls / 2 > 0 ? s->calls / 2 : 1;
}

static int64_t slot_cell(struct slot *s, const struct matrix_shape *shape, int64_t partner)
{
    struct run *run = s->run;
    const struct dims d = shape->dims;
    const int batch = s->acts->count;
    const size_t bytes = packed_bytes(s->family, d.rows, d.cols);
    const struct cell cell = { .kind = "kernel",
                               .model = shape->model,
                               .format = s->family->name,
                               .isa = s->kernel->isa,
                               .phase = batch == 1 ? "gemv" : "gemm",
                               .rows = d.rows,
                               .cols = d.cols,
                               .batch = batch,
                               .threads = threads_count(run->pool),
                               .tokens = (int64_t)s->calls * batch,
                               .work_bytes = (int64_t)bytes * s->calls,
                               .work_ops = 2 * (int64_t)d.rows * d.cols * batch * s->calls,
                               .cache = run->config->warm ? "warm" : "cold",
                               .provenance = PROVENANCE_MEASURED,
                               .partner = partner };
    const int64_t id = run_cell(run, &cell);

    if (id > 0) {
        run_value(run, id, "bits_per_weight", 8.0 * (double)bytes / ((double)d.rows * d.cols),
                  "bit", PROVENANCE_DERIVED, NULL);
        run_value(run, id, "energy_j", 0, "J", PROVENANCE_MEASURED, run_no_energy);
    }
    return id;
}

/* All slots at one shape and batch. */
static int measure_batch(struct run *run, struct roof *roof, struct slot *slots, int count,
                         const struct matrix_shape *shape, const struct acts *acts)
{
    struct workload workloads[SLOTS_MAX + 1];
    int64_t cells[SLOTS_MAX + 1];
    struct roof_arg read = { roof, ROOF_READ };
    char why[300];
    int n = 0;
    const struct plan plan = { .repetitions =
                                   run->config->repetitions ? (int)run->config->repetitions : 11,
                               .warmup_min = 2,
                               .warmup_max = 8,
                               .steady_slope = 0.02,
                               .steady_deviation = 0.05,
                               .seed = run->config->seed };

    cells[n] = roof_cell(roof, ROOF_READ);
    workloads[n++] = roof_workload(&read);
    for (int i = 0; i < count && !run->broken && !run_stop; i++) {
        struct slot *s = &slots[i];
        s->acts = acts;
        const int wrong =
            verify_matrix(s->family, s->kernel, &s->copies[0], run->config->seed, why, sizeof why);
        if (!wrong)
            set_calls(s);
        const int64_t cell = slot_cell(s, shape, acts->count == 1 ? cells[0] : 0);
        if (wrong && !run->broken) {
            run_status(run, cell, wrong == -EILSEQ ? "invalid" : "failed", why);
            run->failed = true;
            continue;
        }
        cells[n] = cell;
        workloads[n++] = (struct workload){ .name = s->family->name, .run = run_calls, .arg = s };
    }
    return run->broken ? run->broken : run_measure(run, workloads, cells, n, &plan);
}

static int batch_max(const struct config *config)
{
    int64_t max = 1;

    for (int i = 0; i < config->batches.count; i++)
        max = config->batches.values[i] > max ? config->batches.values[i] : max;
    return (int)max;
}

static int measure_shape(struct run *run, struct roof *roof, struct slot *slots, int count,
                         const struct matrix_shape *shape)
{
    const struct config *config = run->config;
    struct verify_acts x = { .memory = NULL };
    int error = verify_acts(&x, batch_max(config), shape->dims.cols, config->seed);

    run_progress(run, "%d x %d", shape->dims.rows, shape->dims.cols);
    for (int i = 0; i < count && !error; i++)
        error = open_slot(&slots[i], run, shape->dims, batch_max(config));
    if (error)
        run->broken =
            run_refuse(run->command, "no memory for %d x %d", shape->dims.rows, shape->dims.cols);
    for (int i = 0; !error && i < (config->batches.count ? config->batches.count : 1); i++) {
        struct acts acts = x.acts;
        acts.count = config->batches.count ? (int)config->batches.values[i] : 1;
        error = measure_batch(run, roof, slots, count, shape, &acts);
    }
    for (int i = 0; i < count; i++)
        close_slot(&slots[i]);
    free(x.memory);
    return error;
}

static int measure_threads(struct run *run, int threads, struct slot *slots, int slot_count,
                           const struct matrix_shape *list, int shape_count)
{
    struct threads *pool = run_threads(run, threads);
    struct roof roof;
    int error = 0;

    if (!pool)
        return run->broken;
    if (roof_open(&roof, run, pool)) {
        run_refuse(run->command, "no memory for %zu bytes to read", roof.bytes);
        return run->broken = -ENOMEM;
    }
    for (int i = 0; i < shape_count && !error; i++)
        error = measure_shape(run, &roof, slots, slot_count, &list[i]);
    roof_close(&roof);
    return error;
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
    for (int i = 0; i < count; i++) {
        const struct dims d = list[i].dims;
        int64_t bytes =
            (int64_t)d.rows * batch_max(config) * 4 + (int64_t)d.cols * batch_max(config) * 5;
        for (int s = 0; s < slot_count; s++)
            bytes += slot_bytes(&slots[s], d, &probe);
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
    const struct int_list standard = { .count = 1, .values = { threads_cores() } };
    const struct int_list *threads = config->threads.count ? &config->threads : &standard;
    struct run run = { .cpu = 0 };
    const int shape_count = list_shapes(config, list);
    const int slot_count = list_slots(config, cpu_detect(), slots);
    int status = refuse(config, slots, slot_count, list, shape_count);

    if (!status)
        status = run_open(&run, config, "kernel");
    if (status)
        return status;
    for (int i = 0; i < threads->count; i++)
        if (measure_threads(&run, (int)threads->values[i], slots, slot_count, list, shape_count))
            break;
    json_t *rows = rows_kernel(store_db(run.store), run.id);
    outputs_rows(
        run.outputs, rows, columns, NULL,
        "Medians of one call. `of roof`: the median over rounds of a GEMV's bandwidth by the "
        "read-only bandwidth of the same round.");
    json_decref(rows);
    return run_close(&run);
}
