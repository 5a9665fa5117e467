/* SPDX-License-Identifier: MIT */
#include "bench/simulate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench/rows.h"
#include "bench/verify.h"
#include "harness/cachegrind.h"
#include "kernels/cpu.h"
#include "kernels/pages.h"

/* Calls of the two runs. Each is on a copy of its own where the cache is cold. */
enum { CALLS_FEW = 1, CALLS_MANY = 3, WORDS = 7 };

/* ---- above cachegrind ---- */

static int copies_of(const struct slot_calls *c)
{
    return c->slot->run->config->warm ? 1 : CALLS_MANY;
}

/* One run of so many calls. 0 or -errno with why. */
static int simulate(const struct slot_calls *c, int calls, struct cachegrind_counts *counts,
                    char *why, size_t why_size)
{
    const struct slot *s = c->slot;
    char program[4096], shape[32], batch[16], copies[16], count[16], seed[32];
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

    if (n < 0) {
        snprintf(why, why_size, "/proc/self/exe: %s", strerror(errno));
        return -errno;
    }
    program[n] = '\0';
    snprintf(shape, sizeof shape, "%dx%d", s->dims.rows, s->dims.cols);
    snprintf(batch, sizeof batch, "%d", c->acts->count);
    snprintf(copies, sizeof copies, "%d", copies_of(c));
    snprintf(count, sizeof count, "%d", calls);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->run->config->seed);
    const char *const argv[] = { program, "simulate", s->family->name, s->kernel->isa, shape,
                                 batch,   copies,     count,           seed,           NULL };
    return cachegrind_run(argv, &run_stop, counts, why, why_size);
}

void simulate_calls(const struct slot_calls *c, struct simulation *out)
{
    const struct slot *s = c->slot;
    const double calls = CALLS_MANY - CALLS_FEW;
    const int64_t bytes =
        (int64_t)packed_bytes(s->family, s->dims.rows, s->dims.cols) * copies_of(c) +
        2 * (int64_t)CACHEGRIND_LL_BYTES;
    struct cachegrind_counts few, many;

    *out = (struct simulation){ 0 };
    if (strcmp(build_read().sanitizers, "none") != 0) {
        snprintf(out->why, sizeof out->why, "valgrind runs no program with sanitizers in it");
        return;
    }
    if (bytes > run_memory(s->run)) {
        snprintf(out->why, sizeof out->why, "%lld bytes are needed below cachegrind, %lld are free",
                 (long long)bytes, (long long)run_memory(s->run));
        return;
    }
    if (simulate(c, CALLS_FEW, &few, out->why, sizeof out->why) ||
        simulate(c, CALLS_MANY, &many, out->why, sizeof out->why))
        return;
    out->instructions = (double)(many.instructions - few.instructions) / calls;
    out->d1_misses = (double)(many.d1_misses - few.d1_misses) / calls;
    out->ll_misses = (double)(many.ll_misses - few.ll_misses) / calls;
    if (out->instructions <= 0 || out->d1_misses < 0 || out->ll_misses < 0)
        snprintf(out->why, sizeof out->why, "cachegrind: more calls cost less than fewer");
}

void simulate_store(struct run *run, int64_t cell, const struct simulation *s)
{
    const char *why = s->why[0] ? s->why : NULL;

    run_value(run, cell, "instructions_per_call", s->instructions, "count", PROVENANCE_SIMULATED,
              why);
    run_value(run, cell, "d1_misses_per_call", s->d1_misses, "count", PROVENANCE_SIMULATED, why);
    run_value(run, cell, "ll_misses_per_call", s->ll_misses, "count", PROVENANCE_SIMULATED, why);
}

/* ---- rows ---- */

json_t *simulate_object(sqlite3 *db, int64_t cell)
{
    static const char *const metrics[] = { "instructions_per_call", "d1_misses_per_call",
                                           "ll_misses_per_call", NULL };
    char reason[ROWS_REASON_MAX];
    json_t *object = json_object(), *why = json_null();

    for (const char *const *metric = metrics; *metric; metric++) {
        const double value = rows_value(db, cell, *metric, reason);
        if (isnan(value) && !strcmp(reason, rows_not_recorded)) {
            json_decref(object);
            return json_null();
        }
        json_object_set_new(object, *metric, table_real(value));
        if (isnan(value) && json_is_null(why))
            why = json_string(reason);
    }
    json_object_set_new(object, "reason", why);
    return object;
}

static const struct column columns[] = {
    { "model", "model", "%s" },
    { "rows", "rows", "%.0f" },
    { "cols", "cols", "%.0f" },
    { "op", "op", "%s" },
    { "batch", "batch", "%.0f" },
    { "format", "format", "%s" },
    { "isa", "ISA", "%s" },
    { "instructions_per_call", "instructions", "%.0f" },
    { "d1_misses_per_call", "D1 misses", "%.0f" },
    { "ll_misses_per_call", "LL misses", "%.0f" },
    { "reason", "note", "%s" },
    { NULL, NULL, NULL },
};

void simulate_show(struct outputs *outputs, const json_t *rows)
{
    json_t *table = json_array(), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        json_t *simulated = json_object_get(row, "simulated");
        const json_t *threads = json_object_get(json_array_get(rows, 0), "threads");
        if (!json_is_object(simulated) || !json_equal(json_object_get(row, "threads"), threads))
            continue;
        json_t *flat = json_copy(row);
        json_object_update(flat, simulated);
        json_array_append_new(table, flat);
    }
    if (json_array_size(table))
        outputs_table(outputs, table, columns, "Simulated by cachegrind",
                      "Of one call on one thread, simulated: first-level caches of "
                      "32 KiB, 8 ways; last level of 32 MiB, 16 ways; lines of 64 bytes.");
    json_decref(table);
}

/* ---- below cachegrind ---- */

/* What is simulated: the words of simulate_main. */
struct task {
    const struct family *family;
    const struct kernel *kernel;
    struct dims dims;
    int batch, copies, calls;
    uint64_t seed;
};

static int fail(const char *what)
{
    fprintf(stderr, "tritbench simulate: %s\n", what);
    return 1;
}

static int read_task(struct task *t, int argc, char **argv)
{
    char *end;

    if (argc != WORDS || sscanf(argv[2], "%dx%d", &t->dims.rows, &t->dims.cols) != 2)
        return fail("expected FORMAT ISA ROWSxCOLS BATCH COPIES CALLS SEED");
    t->batch = atoi(argv[3]);
    t->copies = atoi(argv[4]);
    t->calls = atoi(argv[5]);
    t->seed = strtoull(argv[6], &end, 10);
    if (t->dims.rows < 1 || t->dims.cols < 1 || t->batch < 1 || t->copies < 1 || t->calls < 1)
        return fail("a number is out of range");
    for (int f = 0; families[f]; f++)
        if (!strcmp(families[f]->name, argv[0]))
            t->family = families[f];
    if (!t->family)
        return fail("no such format");
    t->kernel = kernel_find(t->family, argv[1], cpu_detect());
    if (!t->kernel || strcmp(t->kernel->isa, argv[1]) != 0)
        return fail("the CPU that valgrind shows lacks this instruction set");
    return 0;
}

/* All panels are the same: no kernel's work depends on the weights. 0 or 1: no memory. */
static int fill(const struct task *t, char *data, size_t one)
{
    const size_t panel = panel_bytes(t->family, t->dims.cols);
    const int rows = t->dims.rows < PANEL_ROWS ? t->dims.rows : PANEL_ROWS;
    const size_t n = (size_t)PANEL_ROWS * (size_t)t->dims.cols;
    void *elements = malloc(n * sizeof(uint16_t));

    if (!elements)
        return 1;
    slot_elements(t->family, elements, n, t->seed);
    t->family->pack(data, elements, rows, t->dims.cols);
    free(elements);
    for (size_t at = panel; at < one * (size_t)t->copies; at += panel)
        memcpy(data + at, data, panel);
    return 0;
}

/* Leaves nothing in the last-level cache of what was written before. 0 or 1: no memory. */
static int empty_cache(void)
{
    const size_t bytes = 2 * (size_t)CACHEGRIND_LL_BYTES;
    const volatile char *memory = calloc(1, bytes);

    if (!memory)
        return 1;
    for (size_t i = 0; i < bytes; i += 64)
        (void)memory[i];
    free((void *)(uintptr_t)memory);
    return 0;
}

static void call(const struct task *t, char *data, const float *row_scale, const struct acts *x,
                 float *y)
{
    const struct wmat w = { .data = data,
                            .row_scale = t->family->element == ELEMENT_I8 ? row_scale : NULL,
                            .scale = 1,
                            .rows = t->dims.rows,
                            .cols = t->dims.cols };

    if (t->batch == 1)
        t->kernel->gemv(y, &w, x, 0, t->dims.rows);
    else
        t->kernel->gemm(y, t->dims.rows, &w, x, 0, t->dims.rows);
}

int simulate_main(int argc, char **argv)
{
    struct task t = { 0 };
    struct verify_acts x;
    struct threads *pool;
    char why[200];

    if (read_task(&t, argc, argv))
        return 1;
    /* For GEMM's blocks, which are cut for this machine's caches; the pool has one thread: this. */
    if (threads_open(&pool, 1, why, sizeof why))
        return fail(why);
    const size_t one = packed_bytes(t.family, t.dims.rows, t.dims.cols);
    const size_t bytes = one * (size_t)t.copies;
    char *data = pages_alloc(bytes);
    float *y = calloc((size_t)t.dims.rows * (size_t)t.batch, sizeof *y);
    float *row_scale = calloc((size_t)t.dims.rows, sizeof *row_scale);
    if (!data || !y || !row_scale || verify_acts(&x, t.batch, t.dims.cols, t.seed) ||
        fill(&t, data, one) || (t.copies > 1 && empty_cache()))
        return fail("no memory");
    for (int i = 0; i < t.calls; i++)
        call(&t, data + (size_t)(i % t.copies) * one, row_scale, &x.acts, y);
    free(x.memory);
    free(row_scale);
    free(y);
    pages_free(data, bytes);
    threads_close(pool);
    return 0;
}
