/* SPDX-License-Identifier: MIT */
#include "bench/slot.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/gemm.h"
#include "kernels/pages.h"
#include "kernels/split.h"

/* A sample is long enough for the meters' reading around it to be half a percent of it. */
enum { CACHE_FACTOR = 8, SAMPLE_NS = 4000000, OVERHEAD_FACTOR = 250, TRIES = 3 };
/* No sample is made longer than this for a meter: it is left out then (meter_set_fit). */
enum { SAMPLE_LONGEST_NS = 50000000 };

/* ---- matrices ---- */

static int copies_of(const struct slot *s, const struct run *run, struct dims d)
{
    const size_t one = packed_bytes(s->family, d.rows, d.cols);
    const size_t wanted = CACHE_FACTOR * (size_t)run->host.llc_bytes;

    if (run->config->warm || one >= wanted)
        return 1;
    return (int)((wanted + one - 1) / one);
}

int64_t slot_bytes(const struct slot *s, const struct run *run, struct dims d)
{
    if (s->shares)
        return 0;
    return (int64_t)copies_of(s, run, d) * (int64_t)packed_bytes(s->family, d.rows, d.cols);
}

void slot_elements(const struct family *f, void *dst, size_t n, uint64_t seed)
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

static bool is_zero(const struct family *f, const void *elements, size_t i)
{
    return f->element == ELEMENT_F16 ? (((const uint16_t *)elements)[i] & 0x7fff) == 0
                                     : ((const int8_t *)elements)[i] == 0;
}

/* Makes `percent` of random elements 0, and no other. */
static void set_zeros(const struct family *f, void *elements, size_t n, int percent, uint64_t seed)
{
    uint16_t *half = elements;
    int8_t *byte = elements;

    for (size_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const bool zero = (seed >> 33) % 100 < (uint64_t)percent;
        if (f->element == ELEMENT_F16)
            half[i] = zero ? 0 : half[i];
        else if (zero)
            byte[i] = 0;
        else if (!byte[i])
            byte[i] = seed >> 32 & 1 ? 1 : -1;
    }
}

struct fill_job {
    struct slot *slot;
    uint64_t seed;
    atomic_int error;
    atomic_llong zeros;
};

/* A thread packs its own panels of the first copy, and copies them to the others: it touches first
 * what it will read. */
static void fill_share(void *arg, int index, int count)
{
    struct fill_job *job = arg;
    const struct slot *s = job->slot;
    const struct range rows = threads_share(s->dims.rows, PANEL_ROWS, index, count);
    const size_t one = packed_bytes(s->family, s->dims.rows, s->dims.cols);
    const size_t panel = panel_bytes(s->family, s->dims.cols);
    const size_t n = (size_t)PANEL_ROWS * (size_t)s->dims.cols;
    void *elements = malloc(n * sizeof(uint16_t));
    long long zeros = 0;

    if (!elements) {
        job->error = -ENOMEM;
        return;
    }
    for (int row = rows.first; row < rows.last; row += PANEL_ROWS) {
        char *to = s->data + (size_t)(row / PANEL_ROWS) * panel;
        const int left = rows.last - row < PANEL_ROWS ? rows.last - row : PANEL_ROWS;
        slot_elements(s->family, elements, n, job->seed + (uint64_t)row);
        if (s->zeros >= 0)
            set_zeros(s->family, elements, n, s->zeros, job->seed - (uint64_t)row);
        for (size_t i = 0; i < (size_t)left * (size_t)s->dims.cols; i++)
            zeros += is_zero(s->family, elements, i);
        s->family->pack(to, elements, left, s->dims.cols);
        for (int i = 1; i < s->count; i++)
            memcpy(to + (size_t)i * one, to, panel);
    }
    atomic_fetch_add(&job->zeros, zeros);
    free(elements);
}

static int by_row(const void *a, const void *b)
{
    const int x = ((const struct outlier *)a)->row, y = ((const struct outlier *)b)->row;

    return (x > y) - (x < y);
}

/* Anywhere in the matrix; two may fall on one weight. */
static int make_outliers(struct slot *s, uint64_t seed)
{
    s->restored = calloc((size_t)s->outliers, sizeof *s->restored);
    if (!s->restored)
        return -ENOMEM;
    for (int i = 0; i < s->outliers; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        s->restored[i].row = (int)((seed >> 33) % (uint64_t)s->dims.rows);
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        s->restored[i].col = (int)((seed >> 33) % (uint64_t)s->dims.cols);
        s->restored[i].delta = seed >> 32 & 1 ? 8 : -8;
    }
    qsort(s->restored, (size_t)s->outliers, sizeof *s->restored, by_row);
    return 0;
}

int slot_open(struct slot *s, struct run *run, struct dims d, int batch_max)
{
    const size_t one = packed_bytes(s->family, d.rows, d.cols);
    struct fill_job job = { s, run->config->seed, 0, 0 };
    struct slot *from = s->shares;

    s->run = run;
    s->dims = d;
    s->next = 0;
    s->count = copies_of(s, run, d);
    s->bytes = one * (size_t)s->count;
    s->data = from ? from->data : pages_alloc(s->bytes);
    s->copies = calloc((size_t)s->count, sizeof *s->copies);
    s->row_scale = malloc((size_t)d.rows * sizeof(float));
    s->y = malloc((size_t)d.rows * (size_t)batch_max * sizeof(float));
    s->packed_bytes = gemm_share_bytes(d.cols, batch_max);
    s->packed = pages_alloc(s->packed_bytes);
    if (!s->data || !s->copies || !s->row_scale || !s->y || !s->packed)
        return -ENOMEM;
    if (s->outliers && make_outliers(s, run->config->seed))
        return -ENOMEM;
    for (int r = 0; r < d.rows; r++)
        s->row_scale[r] = 1;
    for (int i = 0; i < s->count; i++)
        s->copies[i] =
            (struct wmat){ .data = s->data + (size_t)i * one,
                           .row_scale = s->family->element == ELEMENT_I8 ? s->row_scale : NULL,
                           .scale = 1,
                           .rows = d.rows,
                           .cols = d.cols,
                           .outliers = s->restored,
                           .outlier_count = s->outliers };
    if (!from)
        threads_run(run->pool, fill_share, &job);
    s->zero_share = from ? from->zero_share : (double)job.zeros / ((double)d.rows * d.cols);
    s->huge_share = memory_huge_share(run->config->sysroot, s->data, s->bytes);
    locality_add(&s->locality, run->pool, s->family, &s->copies[0], NULL);
    return job.error;
}

void slot_close(struct slot *s)
{
    if (!s->shares)
        pages_free(s->data, s->bytes);
    free(s->restored);
    s->restored = NULL;
    free(s->copies);
    free(s->row_scale);
    free(s->y);
    pages_free(s->packed, s->packed_bytes);
    s->data = NULL;
    s->copies = NULL;
    s->row_scale = s->y = NULL;
    s->packed = NULL;
}

/* ---- calls ---- */

struct call {
    const struct slot *slot;
    const struct wmat *w;
    struct acts x;
};

static void call_part(void *arg, int item, struct range rows)
{
    const struct call *call = arg;
    const struct slot *s = call->slot;

    (void)item; /* the only one */
    kernel_run(s->kernel, s->y, call->w->rows, call->w, &call->x, rows.first, rows.last);
}

static int run_calls(void *arg)
{
    const struct slot_calls *c = arg;
    struct slot *s = c->slot;
    struct slot *turn = s->shares ? s->shares : s; /* the copies go round once, for both */
    const struct split split = { &s->dims.rows, 1, PANEL_ROWS,
                                 kernel_part(s->family, s->dims.cols, c->acts->count) };

    threads_use(s->run->pool, c->threads);
    for (int i = 0; i < c->calls; i++) {
        struct call call = { s, &s->copies[turn->next],
                             gemm_share(c->acts, s->packed, s->dims.cols) };
        turn->next = (turn->next + 1) % turn->count;
        split_run(s->run->pool, &split, call_part, &call);
    }
    return run_stop ? -EINTR : 0;
}

/* Before a sample: its threads, for meters that must know them; and one call where the cache is to
 * be warm, because the roof and the other formats have emptied it. */
static int prepare_calls(void *arg)
{
    struct slot_calls once = *(const struct slot_calls *)arg;

    threads_use(once.slot->run->pool, once.threads);
    once.calls = 1;
    return once.slot->run->config->warm ? run_calls(&once) : 0;
}

/* The least time of a few tries: one interruption does not make a call look long. */
static int64_t least_time(struct slot_calls *c, int64_t enough)
{
    int64_t least = INT64_MAX;

    for (int i = 0; i < TRIES && least >= enough && !run_stop; i++) {
        const int64_t start = clock_ns();
        run_calls(c);
        const int64_t time = clock_ns() - start;
        least = time < least ? time : least;
    }
    return least;
}

void slot_calls_begin(struct slot_calls *c)
{
    struct meter_set *set = c->slot->run->meters;
    const int64_t overhead = set ? OVERHEAD_FACTOR * meter_set_fit(set, SAMPLE_LONGEST_NS) : 0;
    const int64_t enough = overhead > SAMPLE_NS / 2 ? overhead : SAMPLE_NS / 2;
    int64_t time;

    c->calls = 1;
    run_calls(c); /* once for the page tables */
    while ((time = least_time(c, enough)) < enough && !run_stop)
        c->calls *= 2;
    c->call_ns = time / c->calls;
}

struct workload slot_workload(struct slot_calls *c)
{
    const struct slot *s = c->slot;

    snprintf(c->name, sizeof c->name, "%s_%s_%s_%dx%d_b%d_t%d", s->family->name, s->kernel->isa,
             c->acts->count == 1 ? "gemv" : "gemm", s->dims.rows, s->dims.cols, c->acts->count,
             c->threads);
    return (
        struct workload){ .name = c->name, .prepare = prepare_calls, .run = run_calls, .arg = c };
}

int64_t slot_cell(const struct slot_calls *c, const char *model, int64_t partner)
{
    const struct slot *s = c->slot;
    struct run *run = s->run;
    const struct dims d = s->dims;
    const int batch = c->acts->count;
    const size_t bytes =
        packed_bytes(s->family, d.rows, d.cols) + (size_t)s->outliers * sizeof *s->restored;
    char variant[32] = "";
    if (s->zeros >= 0)
        snprintf(variant, sizeof variant, "zeros=%d", s->zeros);
    else if (s->outliers)
        snprintf(variant, sizeof variant, "outliers=%d", s->outliers);
    const struct cell cell = { .kind = "kernel",
                               .item = variant[0] ? variant : NULL,
                               .model = model,
                               .format = s->family->name,
                               .isa = s->kernel->isa,
                               .phase = batch == 1 ? "gemv" : "gemm",
                               .rows = d.rows,
                               .cols = d.cols,
                               .batch = batch,
                               .threads = c->threads,
                               .tokens = (int64_t)c->calls * batch,
                               .work_bytes = (int64_t)bytes * c->calls,
                               .work_ops = 2 * (int64_t)d.rows * d.cols * batch * c->calls,
                               .cache = run->config->warm ? "warm" : "cold",
                               .provenance = PROVENANCE_MEASURED,
                               .partner = partner };
    const int64_t id = run_cell(run, &cell);

    if (id > 0) {
        run_derived(run, id, "bits_per_weight", 8.0 * (double)bytes / ((double)d.rows * d.cols),
                    "bit", "8 * packed bytes / (rows * cols)");
        run_value(run, id, "zero_share", s->zero_share, "1", PROVENANCE_MEASURED, NULL);
        run_value(run, id, "outliers", s->outliers, "1", PROVENANCE_MEASURED, NULL);
        run_value(run, id, "huge_page_share", s->huge_share.value, "1", PROVENANCE_COUNTED,
                  s->huge_share.reason);
        run_locality(run, id, &s->locality);
    }
    return id;
}
