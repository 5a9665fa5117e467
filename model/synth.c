/* SPDX-License-Identifier: MIT
 *
 * Seeded synthetic weights, made in packed form, panel by panel, in parallel.
 *
 * A latent weight is one random byte u; its value is the quantile (u + 1/2) / 256 of a normal
 * distribution. Every format quantises the same latent matrix: f16 rounds the value to FP16, i8
 * rounds it by its row's largest, the ternary families apply absmean (b1.58, equations 1 to 3),
 * with the distribution's own mean magnitude for the tensor's. All of it is a table of 256 entries.
 */
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/cpu.h"
#include "kernels/pages.h"
#include "model/arena.h"
#include "model/model.h"

enum { LEVELS = 256 };

/* Which matrix a random stream belongs to: linear matrices first, then these, and a router for
 * each layer. */
enum { STREAM_EMBEDDING = 1 << 24, STREAM_HEAD, STREAM_NORMS, STREAM_ROUTER = 1 << 25 };

struct levels {
    float z[LEVELS];      /* quantiles of the standard normal distribution */
    uint8_t low, high;    /* absmean: a byte below low is -1, from high on +1 */
    float mean_magnitude; /* of z */
};

/* z with Phi(z) = p, by Newton's method from 0: Phi is concave right of 0, so it converges. */
static double normal_quantile(double p)
{
    double z = 0, step = 1;

    for (int i = 0; i < 60 && fabs(step) > 1e-15; i++) {
        step = (0.5 * erfc(-z / sqrt(2)) - p) / (exp(-z * z / 2) / sqrt(2 * acos(-1)));
        z -= step;
    }
    return z;
}

static void levels_make(struct levels *levels)
{
    double sum = 0;

    for (int u = LEVELS / 2; u < LEVELS; u++) {
        const double z = normal_quantile((u + 0.5) / LEVELS);
        levels->z[u] = (float)z;
        levels->z[LEVELS - 1 - u] = (float)-z;
        sum += z;
    }
    levels->mean_magnitude = (float)(sum / (LEVELS / 2));
    levels->low = 0;
    while (rintf(levels->z[levels->low] / levels->mean_magnitude) <= -1)
        levels->low++;
    levels->high = (uint8_t)(LEVELS - levels->low);
}

/* Eight random bytes: the k-th word of a stream (splitmix64's finaliser of a counter). */
static uint64_t random_word(uint64_t stream, uint64_t k)
{
    uint64_t x = stream + k * 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint32_t stream_of(const struct shape *s, int layer, int which)
{
    return (uint32_t)(layer * shape_linears(s) + which);
}

static uint32_t stream_of_router(int layer)
{
    return (uint32_t)(STREAM_ROUTER + layer);
}

/* One row of latent bytes; bytes has room for n rounded up to 8. */
static void latent_row(uint8_t *bytes, uint64_t seed, uint32_t matrix, int row, int n)
{
    const uint64_t stream = random_word(seed, (uint64_t)matrix << 32 | (uint32_t)row);

    for (int i = 0; i < n; i += 8) {
        const uint64_t word = random_word(stream, (uint64_t)i);
        memcpy(bytes + i, &word, sizeof word);
    }
}

static float sigma(int cols)
{
    return 1 / sqrtf((float)cols);
}

static void row_f16(uint16_t *dst, const uint8_t *bytes, int n, float s, const struct levels *lv)
{
    uint16_t table[LEVELS];

    for (int u = 0; u < LEVELS; u++)
        table[u] = f32_to_f16(lv->z[u] * s);
    for (int i = 0; i < n; i++)
        dst[i] = table[bytes[i]];
}

/* Absmax by row: q = round(w * 127 / max|w|). Levels are symmetric, so the largest magnitude is
 * that of the byte furthest from the middle. */
static float row_i8(int8_t *dst, const uint8_t *bytes, int n, float s, const struct levels *lv)
{
    int8_t table[LEVELS] = { 0 };
    uint8_t furthest = LEVELS / 2;

    for (int i = 0; i < n; i++) {
        const uint8_t u = bytes[i] ^ (bytes[i] < LEVELS / 2 ? 0xff : 0);
        furthest = u > furthest ? u : furthest;
    }
    const float max = lv->z[furthest];
    for (int u = LEVELS - 1 - furthest; u <= furthest; u++)
        table[u] = (int8_t)rintf(lv->z[u] / max * 127);
    for (int i = 0; i < n; i++)
        dst[i] = table[bytes[i]];
    return max * s / 127;
}

/* Levels rise with the byte: -1 below `low`, +1 from `high` on. */
static void row_trits(int8_t *dst, const uint8_t *bytes, int n, const struct levels *lv)
{
    const uint8_t low = lv->low, high = lv->high;

    for (int i = 0; i < n; i++)
        dst[i] = (int8_t)((bytes[i] >= high) - (bytes[i] < low));
}

/* One row as elements of the family; returns its scale. */
static float row_of(const struct family *f, void *dst, const uint8_t *bytes, int n,
                    const struct levels *lv)
{
    switch (f->element) {
    case ELEMENT_F16:
        row_f16(dst, bytes, n, sigma(n), lv);
        return 1;
    case ELEMENT_I8:
        return row_i8(dst, bytes, n, sigma(n), lv);
    case ELEMENT_TRIT:
        row_trits(dst, bytes, n, lv);
    }
    return lv->mean_magnitude * sigma(n);
}

/* The embedding has deviation 1, or is the head's when they are tied. */
static void embedding_row(uint16_t *dst, const struct shape *s, uint64_t seed, int row,
                          uint8_t *bytes, const struct levels *lv)
{
    const bool tied = s->tied_embeddings;

    latent_row(bytes, seed, tied ? STREAM_HEAD : STREAM_EMBEDDING, row, s->hidden);
    row_f16(dst, bytes, s->hidden, tied ? sigma(s->hidden) : 1, lv);
}

/* ---- layout: one walk, for the size and for the pointers ---- */

static struct wmat carve_matrix(struct arena *a, const struct family *f, struct dims d)
{
    struct wmat w = { .rows = d.rows, .cols = d.cols, .scale = 1 };

    w.data = arena_take(a, packed_bytes(f, d.rows, d.cols));
    if (f->element == ELEMENT_I8)
        w.row_scale = arena_take(a, (size_t)d.rows * sizeof(float));
    return w;
}

/* The matrices of one expert. */
static void carve_expert(struct arena *a, const struct shape *s, const struct family *f,
                         struct wmat *linear)
{
    for (int i = 0; i < EXPERT_LINEARS; i++)
        linear[i] = carve_matrix(a, f, shape_linear(s, LINEAR_GATE + i));
}

static bool has_sub_norms(const struct shape *s, const struct family *f)
{
    return s->sub_norms && f->element == ELEMENT_TRIT;
}

/* linear is (shape_linears), or (LINEARS) while only counting. */
static void carve_layer(struct arena *a, const struct shape *s, const struct family *f,
                        struct wmat *linear, struct layer *l)
{
    const size_t q = (size_t)(s->heads * s->head_dim);
    const size_t gains = (size_t)s->experts * (size_t)s->intermediate;

    *l = (struct layer){ .linear = linear };
    for (int i = 0; i < LINEAR_GATE; i++)
        linear[i] = carve_matrix(a, f, shape_linear(s, i));
    for (int e = 0; e < s->experts; e++)
        carve_expert(a, s, f, linear + LINEAR_GATE + (a->base ? EXPERT_LINEARS * e : 0));
    if (s->experts > 1)
        l->router = carve_matrix(a, &f16, (struct dims){ s->experts, s->hidden });
    l->attn_norm = arena_take(a, (size_t)s->hidden * sizeof(float));
    l->ffn_norm = arena_take(a, (size_t)s->hidden * sizeof(float));
    l->attn_sub_norm = has_sub_norms(s, f) ? arena_take(a, q * sizeof(float)) : NULL;
    l->ffn_sub_norm = has_sub_norms(s, f) ? arena_take(a, gains * sizeof(float)) : NULL;
}

static void carve_model(struct arena *a, struct model *m)
{
    const struct shape *s = m->shape;

    m->head = carve_matrix(a, m->head_family, (struct dims){ s->vocab, s->hidden });
    m->embedding = s->tied_embeddings && m->head_family == &f16
                       ? NULL
                       : arena_take(a, (size_t)s->vocab * (size_t)s->hidden * sizeof(uint16_t));
    m->final_norm = arena_take(a, (size_t)s->hidden * sizeof(float));
    m->rope = arena_take(a, (size_t)(s->head_dim / 2) * sizeof(float));
    for (int l = 0; l < m->layers_resident; l++) {
        struct wmat counted_linear[LINEARS];
        struct layer counted;
        carve_layer(a, s, m->family, a->base ? m->linears + l * shape_linears(s) : counted_linear,
                    a->base ? &m->layers[l] : &counted);
    }
}

size_t model_bytes(const struct shape *s, const struct family *f, const struct family *head,
                   int resident)
{
    struct arena a = { NULL, 0 };
    struct model m = { .shape = s, .family = f, .head_family = head, .layers_resident = resident };

    carve_model(&a, &m);
    return a.used;
}

size_t model_expert_bytes(const struct shape *s, const struct family *f)
{
    const size_t gains = has_sub_norms(s, f) ? (size_t)s->intermediate * sizeof(float) : 0;
    struct wmat counted[EXPERT_LINEARS];
    struct arena a = { NULL, 0 };

    carve_expert(&a, s, f, counted);
    return a.used + gains;
}

/* ---- filling, in parallel ---- */

struct fill {
    struct model *model;
    struct levels levels;
    atomic_int error;
    atomic_llong zeros, trits;
};

struct worker_scratch {
    uint8_t *bytes;
    void *elements; /* (PANEL_ROWS, cols) */
};

static int count_zeros(const int8_t *trits, int n)
{
    int zeros = 0;

    for (int i = 0; i < n; i++)
        zeros += trits[i] == 0;
    return zeros;
}

/* A thread's own panels of one matrix. */
static void fill_matrix(struct fill *fill, const struct worker_scratch *scratch,
                        const struct family *f, const struct wmat *w, uint32_t matrix, int index,
                        int count)
{
    const size_t size = f->element == ELEMENT_F16 ? sizeof(uint16_t) : sizeof(int8_t);
    const struct range rows = threads_share(w->rows, PANEL_ROWS, index, count);
    char *data = (char *)(uintptr_t)w->data;
    float *scales = (float *)(uintptr_t)w->row_scale;
    long long zeros = 0;

    for (int row = rows.first; row < rows.last; row += PANEL_ROWS) {
        const int n = rows.last - row < PANEL_ROWS ? rows.last - row : PANEL_ROWS;
        for (int r = 0; r < n; r++) {
            int8_t *to = (int8_t *)scratch->elements + (size_t)r * (size_t)w->cols * size;
            latent_row(scratch->bytes, fill->model->seed, matrix, row + r, w->cols);
            const float scale = row_of(f, to, scratch->bytes, w->cols, &fill->levels);
            if (scales)
                scales[row + r] = scale;
            if (f->element == ELEMENT_TRIT)
                zeros += count_zeros(to, w->cols);
        }
        f->pack(data + (size_t)(row / PANEL_ROWS) * panel_bytes(f, w->cols), scratch->elements, n,
                w->cols);
    }
    if (f->element == ELEMENT_TRIT) {
        atomic_fetch_add(&fill->zeros, zeros);
        atomic_fetch_add(&fill->trits, (long long)(rows.last - rows.first) * w->cols);
    }
}

static void fill_embedding(struct fill *fill, const struct worker_scratch *scratch, int index,
                           int count)
{
    const struct shape *s = fill->model->shape;
    const struct range rows = threads_share(s->vocab, 1, index, count);

    for (int row = rows.first; row < rows.last; row++) {
        uint16_t *to =
            (uint16_t *)(uintptr_t)fill->model->embedding + (size_t)row * (size_t)s->hidden;
        embedding_row(to, s, fill->model->seed, row, scratch->bytes, &fill->levels);
    }
}

static int widest(const struct shape *s)
{
    const int q = s->heads * s->head_dim;
    const int ffn = s->intermediate > s->hidden ? s->intermediate : s->hidden;

    return q > ffn ? q : ffn;
}

static void fill_share(void *arg, int index, int count)
{
    struct fill *fill = arg;
    const struct model *m = fill->model;
    const size_t cols = (size_t)widest(m->shape) + 8;
    struct worker_scratch scratch = { malloc(cols), malloc(PANEL_ROWS * cols * sizeof(uint16_t)) };

    if (!scratch.bytes || !scratch.elements) {
        atomic_store(&fill->error, -ENOMEM);
    } else {
        fill_matrix(fill, &scratch, m->head_family, &m->head, STREAM_HEAD, index, count);
        if (m->embedding)
            fill_embedding(fill, &scratch, index, count);
        for (int l = 0; l < m->layers_resident; l++) {
            for (int i = 0; i < shape_linears(m->shape); i++)
                fill_matrix(fill, &scratch, m->family, &m->layers[l].linear[i],
                            stream_of(m->shape, l, i), index, count);
            if (m->layers[l].router.data)
                fill_matrix(fill, &scratch, &f16, &m->layers[l].router, stream_of_router(l), index,
                            count);
        }
    }
    free(scratch.bytes);
    free(scratch.elements);
}

/* Gains around 1, so that a norm without its gain is noticed. */
static void fill_norm(const float *norm, int n, uint64_t seed, int which)
{
    const uint64_t stream = random_word(seed, (uint64_t)STREAM_NORMS << 32 | (uint32_t)which);
    float *gain = (float *)(uintptr_t)norm;

    for (int i = 0; norm && i < n; i++)
        gain[i] = 0.9f + 0.2f * (float)(random_word(stream, (uint64_t)i) >> 40) * 0x1p-24f;
}

static void fill_small(struct model *m, const struct levels *levels)
{
    const struct shape *s = m->shape;
    float *rope = (float *)(uintptr_t)m->rope;

    for (int i = 0; i < s->head_dim / 2; i++)
        rope[i] = (float)pow(s->rope_theta, -2.0 * i / s->head_dim);
    fill_norm(m->final_norm, s->hidden, m->seed, 0);
    for (int l = 0; l < m->layers_resident; l++) {
        struct layer *layer = &m->layers[l];
        fill_norm(layer->attn_norm, s->hidden, m->seed, 4 * l + 1);
        fill_norm(layer->ffn_norm, s->hidden, m->seed, 4 * l + 2);
        fill_norm(layer->attn_sub_norm, s->heads * s->head_dim, m->seed, 4 * l + 3);
        fill_norm(layer->ffn_sub_norm, s->experts * s->intermediate, m->seed, 4 * l + 4);
        for (int i = 0; m->family->element == ELEMENT_TRIT && i < shape_linears(s); i++)
            layer->linear[i].scale = levels->mean_magnitude * sigma(layer->linear[i].cols);
    }
}

static int fill_model(struct model *m, struct threads *pool)
{
    struct fill fill = { .model = m };

    levels_make(&fill.levels);
    fill_small(m, &fill.levels);
    threads_run(pool, fill_share, &fill);
    const long long trits = atomic_load(&fill.trits);
    m->zero_share = trits ? (double)atomic_load(&fill.zeros) / (double)trits : 0;
    return atomic_load(&fill.error);
}

/* ---- public ---- */

static int choose_kernels(struct model *m, const char *isa, unsigned cpu, char *why,
                          size_t why_size)
{
    m->kernel = isa ? kernel_find(m->family, isa, cpu) : kernel_pick(m->family, cpu);
    if (!m->kernel) {
        snprintf(why, why_size, "%s has no kernel '%s' for this CPU", m->family->name, isa);
        return -ENOTSUP;
    }
    /* A forced instruction set holds for the whole pass, whose other parts may know older ones
     * only. */
    const unsigned mask = isa ? cpu_with_older(m->kernel->needs) : cpu;
    m->head_kernel = kernel_pick(m->head_family, mask);
    m->router_kernel = kernel_pick(&f16, mask);
    m->act = act_pick(mask);
    return 0;
}

int model_build(struct model **out, const struct shape *s, const struct family *f,
                const struct family *head, const char *isa, unsigned cpu, int resident,
                uint64_t seed, struct threads *pool, char *why, size_t why_size)
{
    struct model *m = calloc(1, sizeof *m);
    struct arena arena = { NULL, 0 };
    int error = m ? 0 : -ENOMEM;

    if (error)
        goto out;
    *m = (struct model){
        .shape = s, .family = f, .head_family = head, .seed = seed, .layers_resident = resident
    };
    error = choose_kernels(m, isa, cpu, why, why_size);
    if (error)
        goto out;
    m->weights_bytes = model_bytes(s, f, head, s->layers);
    m->resident_bytes = m->memory_bytes = model_bytes(s, f, head, resident);
    m->layers = calloc((size_t)resident, sizeof *m->layers);
    m->linears = calloc((size_t)resident * (size_t)shape_linears(s), sizeof *m->linears);
    m->memory = arena.base = pages_alloc(m->memory_bytes);
    error = m->layers && m->linears && m->memory ? 0 : -ENOMEM;
    if (error)
        goto out;
    carve_model(&arena, m);
    error = fill_model(m, pool);
out:
    if (error == -ENOMEM)
        snprintf(why, why_size, "no memory for %s %s: %zu bytes", s->name, f->name,
                 model_bytes(s, f, head, resident));
    if (error) {
        model_close(m);
        return error;
    }
    *out = m;
    return 0;
}

void model_close(struct model *m)
{
    if (!m)
        return;
    pages_free(m->memory, m->memory_bytes);
    free(m->layers);
    free(m->linears);
    free(m);
}

static void latent(const struct family *f, uint64_t seed, uint32_t matrix, int row, int cols,
                   void *dst, float *scale)
{
    struct levels levels;
    uint8_t *bytes = malloc((size_t)cols + 8);

    *scale = 0;
    if (!bytes)
        return;
    levels_make(&levels);
    latent_row(bytes, seed, matrix, row, cols);
    *scale = row_of(f, dst, bytes, cols, &levels);
    free(bytes);
}

void model_latent_row(const struct shape *s, const struct family *f, uint64_t seed, int layer,
                      int which, int row, void *dst, float *scale)
{
    latent(f, seed, stream_of(s, layer, which), row, shape_linear(s, which).cols, dst, scale);
}

void model_latent_router(const struct shape *s, uint64_t seed, int layer, int row, uint16_t *dst)
{
    float none;

    latent(&f16, seed, stream_of_router(layer), row, s->hidden, dst, &none);
}

void model_latent_head(const struct shape *s, const struct family *head, uint64_t seed, int row,
                       void *dst, float *scale)
{
    latent(head, seed, STREAM_HEAD, row, s->hidden, dst, scale);
}

void model_latent_embedding(const struct shape *s, uint64_t seed, int row, uint16_t *dst)
{
    struct levels levels;
    uint8_t *bytes = malloc((size_t)s->hidden + 8);

    if (!bytes)
        return;
    levels_make(&levels);
    embedding_row(dst, s, seed, row, bytes, &levels);
    free(bytes);
}
