/* SPDX-License-Identifier: MIT */
#include "bench/roof.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "harness/stats.h"
#include "kernels/pages.h"
#include "kernels/split.h"

const char *const roof_names[ROOF_METRICS] = { "read_gbps", "f32_gflops", "i8_gops",
                                               "ternary_gops" };

enum { CACHE_FACTOR = 8, BYTES_MIN = 256 << 20, COMPUTE_NS = 5000000 };

/* Threads take reads in blocks, and rounds in slices, of which each has so many: as kernels' rows,
 * for what a thread that lost its CPU cost them must not be the roof's alone. */
enum { BLOCK = 4096, LEAST_BLOCKS = 256, SLICES = 64, LEAST_SLICES = 4 };

static const int page_bytes[ROOF_PAGES] = { [ROOF_SMALL] = 4096, [ROOF_HUGE] = 2 << 20 };

static _Thread_local volatile uint64_t keep; /* results go somewhere, or the loops would not run */

enum roof_metric roof_metric_of(const struct family *f)
{
    static const enum roof_metric metrics[] = {
        [ELEMENT_F16] = ROOF_F32, [ELEMENT_I8] = ROOF_I8, [ELEMENT_TRIT] = ROOF_TERNARY
    };
    return metrics[f->element];
}

const struct roof_kernels *roof_loops(const char *isa, unsigned cpu)
{
    for (const struct roof_kernels *k = roof_kernels;; k++) {
        if (!strcmp(k->isa, isa) && (k->needs & cpu) == k->needs)
            return k;
        if (!k->needs)
            return roof_pick(cpu);
    }
}

/* ---- memory ---- */

static int blocks_of(const struct roof_memory *memory)
{
    return (int)(memory->bytes / BLOCK);
}

static void touch_share(void *arg, int index, int count)
{
    const struct roof_memory *memory = arg;
    const struct range blocks = threads_share(blocks_of(memory), 1, index, count);

    for (int page = 0; page < ROOF_PAGES; page++)
        memset(memory->data[page] + (size_t)blocks.first * BLOCK, 0x5a,
               (size_t)(blocks.last - blocks.first) * BLOCK);
}

int roof_memory_open(struct roof_memory *memory, const struct run *run, struct threads *pool)
{
    const size_t wanted = CACHE_FACTOR * (size_t)run->host.llc_bytes;

    memory->bytes = (wanted > BYTES_MIN ? wanted : BYTES_MIN) / BLOCK * BLOCK;
    memory->data[ROOF_SMALL] = pages_alloc_small(memory->bytes);
    memory->data[ROOF_HUGE] = pages_alloc(memory->bytes);
    if (!memory->data[ROOF_SMALL] || !memory->data[ROOF_HUGE]) {
        roof_memory_close(memory);
        return -ENOMEM;
    }
    threads_run(pool, touch_share, memory);
    return 0;
}

void roof_memory_close(struct roof_memory *memory)
{
    for (int page = 0; page < ROOF_PAGES; page++) {
        pages_free(memory->data[page], memory->bytes);
        memory->data[page] = NULL;
    }
}

/* ---- one sample ---- */

static void read_part(void *arg, int item, struct range blocks)
{
    const struct roof *r = ((const struct roof_arg *)arg)->roof;
    const size_t bytes = (size_t)(blocks.last - blocks.first) * BLOCK;

    (void)item; /* the only one */
    keep = r->kernels->read(r->memory.data[r->page] + (size_t)blocks.first * BLOCK, bytes,
                            r->streams, r->prefetch);
}

static void compute_part(void *arg, int item, struct range slices)
{
    const struct roof_arg *a = arg;
    const struct roof_kernels *k = a->roof->kernels;
    const uint64_t all = a->roof->rounds[a->metric]; /* in SLICES slices, equal but for one round */
    const uint64_t rounds =
        all * (uint64_t)slices.last / SLICES - all * (uint64_t)slices.first / SLICES;

    (void)item;
    if (a->metric == ROOF_F32)
        keep = k->f32(rounds);
    else if (a->metric == ROOF_I8)
        keep = k->i8(rounds);
    else
        keep = k->ternary(rounds);
}

/* Before a sample: its threads, for meters that must know them. */
static int prepare_metric(void *arg)
{
    const struct roof_arg *a = arg;

    threads_use(a->roof->pool, a->roof->threads);
    return 0;
}

static int run_metric(void *arg)
{
    const struct roof_arg *a = arg;
    struct threads *pool = a->roof->pool;
    const int blocks = blocks_of(&a->roof->memory), slices = SLICES * a->roof->threads;
    const struct split read = { &blocks, 1, 1, LEAST_BLOCKS };
    const struct split compute = { &slices, 1, 1, LEAST_SLICES };

    threads_use(pool, a->roof->threads);
    if (a->metric == ROOF_READ)
        for (int pass = 0; pass < a->roof->passes; pass++)
            split_run(pool, &read, read_part, arg);
    else
        split_run(pool, &compute, compute_part, arg);
    return 0;
}

static int64_t timed(struct roof *roof, enum roof_metric metric)
{
    struct roof_arg arg = { roof, metric };
    const int64_t start = clock_ns();

    run_metric(&arg);
    return clock_ns() - start;
}

/* ---- the fastest read ---- */

enum { TURNS = 7, FIRST_TURNS = 2, FINALISTS = 8, WAYS_MAX = 64 };
static const int64_t TUNE_NS = 3000000000;

/* A way to read, and how long it took. */
struct way {
    enum roof_page page;
    int streams;
    size_t prefetch;
    double time[TURNS], median;
};

static int list_ways(const struct roof *roof, struct way *ways)
{
    static const int streams[] = { 1, 2, 4, 8 };
    static const size_t ahead[] = { 0, 1024, 2048, 4096, 8192 };
    int count = 0;

    for (int page = 0; page < ROOF_PAGES; page++)
        for (size_t s = 0; s < sizeof streams / sizeof *streams && roof->memory.data[page]; s++)
            for (size_t a = 0; a < sizeof ahead / sizeof *ahead; a++)
                ways[count++] =
                    (struct way){ (enum roof_page)page, streams[s], ahead[a], { 0 }, 0 };
    return count;
}

static int by_median(const void *a, const void *b)
{
    const struct way *x = a, *y = b;

    return (x->median > y->median) - (x->median < y->median);
}

static void take_way(struct roof *roof, const struct way *way)
{
    roof->page = way->page;
    roof->streams = way->streams;
    roof->prefetch = way->prefetch;
}

/* The way with the least median time: all ways take turns, then the fastest of them some more,
 * while there is time. */
void roof_tune(struct roof *roof, int passes)
{
    struct way ways[WAYS_MAX];
    const int count = list_ways(roof, ways);
    const int64_t late = clock_ns() + TUNE_NS;

    roof->passes = 1;
    for (int turn = 0; turn < TURNS && (!turn || clock_ns() < late); turn++) {
        const int left = turn < FIRST_TURNS ? count : FINALISTS;
        for (int i = 0; i < left; i++) {
            take_way(roof, &ways[i]);
            ways[i].time[turn] = (double)timed(roof, ROOF_READ);
            ways[i].median = stats_median(ways[i].time, turn + 1);
        }
        qsort(ways, (size_t)left, sizeof *ways, by_median);
    }
    take_way(roof, &ways[0]);
    roof->passes = passes;
}

/* ---- a roof ---- */

/* Rounds that take about COMPUTE_NS for each pass of the read. The least of three times counts: a
 * neighbour that takes the CPU away only ever adds. */
static void find_rounds(struct roof *roof, enum roof_metric metric)
{
    const uint64_t passes = roof->passes > 1 ? (uint64_t)roof->passes : 1;
    int64_t least = 0;

    for (roof->rounds[metric] = 1000; least < COMPUTE_NS / 4; roof->rounds[metric] *= 2) {
        least = timed(roof, metric);
        for (int i = 0; i < 2; i++) {
            const int64_t time = timed(roof, metric);
            least = time < least ? time : least;
        }
    }
    roof->rounds[metric] = roof->rounds[metric] / 2 * passes * COMPUTE_NS / (uint64_t)least;
}

void roof_begin(struct roof *roof, struct run *run, struct threads *pool, int threads,
                const struct roof_kernels *kernels, const struct roof_memory *memory)
{
    *roof = (struct roof){
        .run = run, .pool = pool, .threads = threads, .kernels = kernels, .memory = *memory
    };
}

int roof_open(struct roof *roof, struct run *run, struct threads *pool)
{
    struct roof_memory memory;
    const int error = roof_memory_open(&memory, run, pool);

    roof_begin(roof, run, pool, threads_count(pool), roof_pick(run->cpu), &memory);
    if (error)
        return error;
    roof_tune(roof, 1);
    const enum roof_page slower = roof->page == ROOF_HUGE ? ROOF_SMALL : ROOF_HUGE;
    pages_free(roof->memory.data[slower], memory.bytes);
    roof->memory.data[slower] = NULL;
    return 0;
}

void roof_close(struct roof *roof)
{
    roof_memory_close(&roof->memory);
}

struct workload roof_workload(struct roof_arg *arg)
{
    return (struct workload){
        .name = roof_names[arg->metric], .prepare = prepare_metric, .run = run_metric, .arg = arg
    };
}

static int ops_of(const struct roof *roof, enum roof_metric metric)
{
    const struct roof_kernels *k = roof->kernels;

    return metric == ROOF_F32 ? k->f32_ops : metric == ROOF_I8 ? k->i8_ops : k->ternary_ops;
}

double roof_work(const struct roof *roof, enum roof_metric metric)
{
    if (metric == ROOF_READ)
        return (double)roof->memory.bytes * roof->passes;
    return (double)roof->threads * (double)roof->rounds[metric] * ops_of(roof, metric);
}

static void store_way(const struct roof *roof, int64_t cell)
{
    struct run *run = roof->run;
    const struct reading huge =
        memory_huge_share(run->config->sysroot, roof->memory.data[roof->page], roof->memory.bytes);

    run_value(run, cell, "streams", roof->streams, "streams a thread", PROVENANCE_MEASURED, NULL);
    run_value(run, cell, "prefetch", (double)roof->prefetch, "B", PROVENANCE_MEASURED, NULL);
    run_value(run, cell, "page_bytes", page_bytes[roof->page], "B", PROVENANCE_MEASURED, NULL);
    run_value(run, cell, "huge_page_share", huge.value, "1", PROVENANCE_COUNTED, huge.reason);
}

/* An earlier process may have begun the cell: then its rounds are this one's. */
static void take_rounds(struct roof *roof, enum roof_metric metric, int64_t cell)
{
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(store_db(roof->run->store), "SELECT work_ops FROM cell WHERE id = ?1",
                           -1, &s, NULL))
        return;
    sqlite3_bind_int64(s, 1, cell);
    if (sqlite3_step(s) == SQLITE_ROW)
        roof->rounds[metric] =
            (uint64_t)sqlite3_column_int64(s, 0) / (uint64_t)(roof->threads * ops_of(roof, metric));
    sqlite3_finalize(s);
}

int64_t roof_cell(struct roof *roof, enum roof_metric metric, int64_t partner)
{
    struct cell cell = { .kind = "roof",
                         .item = roof_names[metric],
                         .isa = roof->kernels->isa,
                         .phase = metric == ROOF_READ ? "read" : "compute",
                         .threads = roof->threads,
                         .provenance = PROVENANCE_MEASURED,
                         .partner = partner };

    if (metric != ROOF_READ && !roof->rounds[metric])
        find_rounds(roof, metric);
    const int64_t work = (int64_t)roof_work(roof, metric);
    if (metric == ROOF_READ)
        cell.work_bytes = work;
    else
        cell.work_ops = work;
    const int64_t id = run_cell(roof->run, &cell);
    if (id > 0 && metric == ROOF_READ && run_cell_open(roof->run, id, INT_MAX / 128))
        store_way(roof, id);
    if (id > 0 && metric != ROOF_READ)
        take_rounds(roof, metric, id);
    return id;
}
