/* SPDX-License-Identifier: MIT */
#include "bench/roof.h"
#include <errno.h>
#include <string.h>
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

/* The least of three: a neighbour that takes the CPU away only ever adds. */
static int64_t timed(struct roof *roof, enum roof_metric metric)
{
    struct roof_arg arg = { roof, metric };
    int64_t least = INT64_MAX;

    for (int i = 0; i < 3; i++) {
        const int64_t start = clock_ns();
        run_metric(&arg);
        const int64_t time = clock_ns() - start;
        least = time < least ? time : least;
    }
    return least;
}

/* The fastest of all ways to read; they take turns, twice. */
static void find_read(struct roof *roof)
{
    static const int streams[] = { 1, 2, 4, 8 };
    static const size_t ahead[] = { 0, 1024, 2048, 4096, 8192 };
    int64_t best = INT64_MAX;
    int best_streams = 1;
    size_t best_ahead = 0;

    for (int pass = 0; pass < 2; pass++)
        for (size_t s = 0; s < sizeof streams / sizeof *streams; s++)
            for (size_t a = 0; a < sizeof ahead / sizeof *ahead; a++) {
                roof->streams = streams[s];
                roof->prefetch = ahead[a];
                const int64_t time = timed(roof, ROOF_READ);
                if (time < best) {
                    best = time;
                    best_streams = streams[s];
                    best_ahead = ahead[a];
                }
            }
    roof->streams = best_streams;
    roof->prefetch = best_ahead;
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
    for (int m = ROOF_F32; m < ROOF_METRICS; m++) { /* rounds that take COMPUTE_NS */
        int64_t time;
        for (roof->rounds[m] = 1000; (time = timed(roof, (enum roof_metric)m)) < COMPUTE_NS / 4;)
            roof->rounds[m] *= 2;
        roof->rounds[m] = roof->rounds[m] * COMPUTE_NS / (uint64_t)time;
    }
    find_read(roof);
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
        return (double)(roof->bytes / (size_t)threads / PART * PART) * threads;
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
