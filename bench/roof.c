/* SPDX-License-Identifier: MIT */
#include "bench/roof.h"
#include <errno.h>
#include <math.h>
#include <string.h>
#include "harness/stats.h"
#include "kernels/pages.h"

const char *const roof_names[ROOF_METRICS] = { "read_gbps", "f32_gflops", "i8_gops",
                                               "ternary_gops" };

enum { CACHE_FACTOR = 8, BYTES_MIN = 256 << 20, PART = 4096, COMPUTE_NS = 10000000 };

static _Thread_local volatile uint64_t keep; /* results go somewhere, or the loops would not run */

struct job {
    const struct roof *roof;
    enum roof_metric metric;
    bool touch;
};

static void share(void *arg, int index, int count)
{
    const struct job *job = arg;
    const struct roof *r = job->roof;
    const size_t part = r->bytes / (size_t)count / PART * PART;
    char *data = r->data + (size_t)index * part;

    if (job->touch) {
        memset(data, 0x5a, part);
        return;
    }
    switch (job->metric) {
    case ROOF_READ:
        for (int pass = 0; pass < r->passes; pass++)
            keep = r->kernels->read(data, part, r->streams, r->prefetch);
        break;
    case ROOF_F32:
        keep = r->kernels->f32(r->rounds[ROOF_F32]);
        break;
    case ROOF_I8:
        keep = r->kernels->i8(r->rounds[ROOF_I8]);
        break;
    default:
        keep = r->kernels->ternary(r->rounds[ROOF_TERNARY]);
    }
}

static int run_metric(void *arg)
{
    const struct roof_arg *a = arg;
    struct job job = { a->roof, a->metric, false };

    threads_run(a->roof->pool, share, &job);
    return 0;
}

static int64_t timed(struct roof *roof, enum roof_metric metric)
{
    struct roof_arg arg = { roof, metric };
    const int64_t start = clock_ns();

    run_metric(&arg);
    return clock_ns() - start;
}

/* The way to read with the least median time, all ways taking turns. */
void roof_tune(struct roof *roof, int passes)
{
    static const int streams[] = { 1, 2, 4, 8 };
    static const size_t ahead[] = { 0, 1024, 2048, 4096, 8192 };
    enum { WAYS = 20, TURNS = 7, AHEADS = 5 };
    double time[WAYS][TURNS], best = INFINITY;
    int fastest = 0;

    roof->passes = 1;
    for (int turn = 0; turn < TURNS; turn++)
        for (int way = 0; way < WAYS; way++) {
            roof->streams = streams[way / AHEADS];
            roof->prefetch = ahead[way % AHEADS];
            time[way][turn] = (double)timed(roof, ROOF_READ);
        }
    for (int way = 0; way < WAYS; way++) {
        const double median = stats_median(time[way], TURNS);
        if (median < best) {
            best = median;
            fastest = way;
        }
    }
    roof->streams = streams[fastest / AHEADS];
    roof->prefetch = ahead[fastest % AHEADS];
    roof->passes = passes;
}

/* Rounds that take about COMPUTE_NS. The least of three times counts: a neighbour that takes the
 * CPU away only ever adds. */
static void find_rounds(struct roof *roof, enum roof_metric metric)
{
    int64_t least = 0;

    for (roof->rounds[metric] = 1000; least < COMPUTE_NS / 4; roof->rounds[metric] *= 2) {
        least = timed(roof, metric);
        for (int i = 0; i < 2; i++) {
            const int64_t time = timed(roof, metric);
            least = time < least ? time : least;
        }
    }
    roof->rounds[metric] = roof->rounds[metric] / 2 * COMPUTE_NS / (uint64_t)least;
}

int roof_open(struct roof *roof, struct run *run, struct threads *pool)
{
    const size_t wanted = CACHE_FACTOR * (size_t)run->host.llc_bytes;
    struct job touch = { .roof = roof, .touch = true };

    *roof = (struct roof){ .run = run, .pool = pool, .kernels = roof_pick(run->cpu) };
    roof->bytes = wanted > BYTES_MIN ? wanted : BYTES_MIN;
    roof->data = pages_alloc(roof->bytes);
    if (!roof->data)
        return -ENOMEM;
    threads_run(pool, share, &touch);
    for (int m = ROOF_F32; m < ROOF_METRICS; m++)
        find_rounds(roof, (enum roof_metric)m);
    roof_tune(roof, 1);
    return 0;
}

void roof_close(struct roof *roof)
{
    pages_free(roof->data, roof->bytes);
    roof->data = NULL;
}

struct workload roof_workload(struct roof_arg *arg)
{
    return (struct workload){ .name = roof_names[arg->metric], .run = run_metric, .arg = arg };
}

double roof_work(const struct roof *roof, enum roof_metric metric)
{
    const double threads = threads_count(roof->pool);
    const int ops[] = { 0, roof->kernels->f32_ops, roof->kernels->i8_ops,
                        roof->kernels->ternary_ops };

    if (metric == ROOF_READ)
        return (double)(roof->bytes / (size_t)threads / PART * PART) * threads * roof->passes;
    return threads * (double)roof->rounds[metric] * ops[metric];
}

int64_t roof_cell(struct roof *roof, enum roof_metric metric)
{
    const double work = roof_work(roof, metric);
    struct cell cell = { .kind = "roof",
                         .item = roof_names[metric],
                         .isa = roof->kernels->isa,
                         .phase = metric == ROOF_READ ? "read" : "compute",
                         .threads = threads_count(roof->pool),
                         .provenance = PROVENANCE_MEASURED };

    if (metric == ROOF_READ)
        cell.work_bytes = (int64_t)work;
    else
        cell.work_ops = (int64_t)work;
    const int64_t id = run_cell(roof->run, &cell);
    if (id > 0 && metric == ROOF_READ) {
        run_value(roof->run, id, "streams", roof->streams, "streams a thread", PROVENANCE_MEASURED,
                  NULL);
        run_value(roof->run, id, "prefetch", (double)roof->prefetch, "B", PROVENANCE_MEASURED,
                  NULL);
    }
    return id;
}
