/* SPDX-License-Identifier: MIT */
#include "tests/oracle_model.h"
#include <math.h>
#include <string.h>
#include "tests/check.h"

/* ---- for the reference ---- */

static double *doubles(size_t n)
{
    return check_alloc(n * sizeof(double));
}

static const double *gains(const float *gain, int n)
{
    double *d = gain ? doubles((size_t)n) : NULL;

    for (int i = 0; d && i < n; i++)
        d[i] = (double)gain[i];
    return d;
}

/* A row of a linear matrix, or of the head (layer < 0). */
static void latent_row_of(const struct model *m, int layer, int which, int row, void *dst,
                          float *scale)
{
    if (layer < 0)
        model_latent_head(m->shape, m->head_family, m->seed, row, dst, scale);
    else
        model_latent_row(m->shape, m->family, m->seed, layer, which, row, dst, scale);
}

static struct ref_matrix matrix(const struct model *m, int layer, int which)
{
    const struct dims d = layer < 0 ? (struct dims){ m->shape->vocab, m->shape->hidden }
                                    : shape_linear(m->shape, which);
    const struct family *f = layer < 0 ? m->head_family : m->family;
    const size_t rows = (size_t)d.rows, cols = (size_t)d.cols;
    const bool halves = f->element == ELEMENT_F16;
    double *real = halves ? doubles(rows * cols) : NULL, *scale = doubles(rows);
    int8_t *code = halves ? NULL : check_alloc(rows * cols);
    uint16_t *half = check_alloc(cols * sizeof *half);

    for (int r = 0; r < d.rows; r++) {
        float row_scale;
        latent_row_of(m, layer, which, r, halves ? (void *)half : code + (size_t)r * cols,
                      &row_scale);
        scale[r] = (double)row_scale;
        for (size_t c = 0; halves && c < cols; c++)
            real[(size_t)r * cols + c] = ref_f16_decode(half[c]);
    }
    return (struct ref_matrix){ d.rows, d.cols, real, code, scale };
}

static struct ref_matrix router(const struct model *m, int layer)
{
    const int rows = m->shape->experts, cols = m->shape->hidden;
    double *real = doubles((size_t)(rows * cols));
    uint16_t *half = check_alloc((size_t)cols * sizeof *half);

    for (int r = 0; r < rows; r++) {
        model_latent_router(m->shape, m->seed, layer, r, half);
        for (int c = 0; c < cols; c++)
            real[r * cols + c] = ref_f16_decode(half[c]);
    }
    return (struct ref_matrix){ rows, cols, real, NULL, NULL };
}

static const struct ref_expert *experts(const struct model *m, int l)
{
    const struct shape *s = m->shape;
    const float *sub_norm = m->layers[l].ffn_sub_norm;
    struct ref_expert *expert = check_alloc((size_t)s->experts * sizeof *expert);

    for (int e = 0; e < s->experts; e++)
        expert[e] = (struct ref_expert){
            .gate = matrix(m, l, LINEAR_GATE + EXPERT_LINEARS * e),
            .up = matrix(m, l, LINEAR_UP + EXPERT_LINEARS * e),
            .down = matrix(m, l, LINEAR_DOWN + EXPERT_LINEARS * e),
            .sub_norm = gains(sub_norm ? sub_norm + e * s->intermediate : NULL, s->intermediate),
        };
    return expert;
}

static const double *embedding(const struct model *m)
{
    const size_t rows = (size_t)m->shape->vocab, cols = (size_t)m->shape->hidden;
    double *d = doubles(rows * cols);
    uint16_t *half = check_alloc(cols * sizeof *half);

    for (size_t r = 0; r < rows; r++) {
        model_latent_embedding(m->shape, m->seed, (int)r, half);
        for (size_t c = 0; c < cols; c++)
            d[r * cols + c] = ref_f16_decode(half[c]);
    }
    return d;
}

static struct ref_layer layer(const struct model *m, int l)
{
    const struct shape *s = m->shape;
    const struct layer *w = &m->layers[l];

    return (struct ref_layer){
        .q = matrix(m, l, LINEAR_Q),
        .k = matrix(m, l, LINEAR_K),
        .v = matrix(m, l, LINEAR_V),
        .o = matrix(m, l, LINEAR_O),
        .router = router(m, l),
        .expert = experts(m, l),
        .attn_norm = gains(w->attn_norm, s->hidden),
        .attn_sub_norm = gains(w->attn_sub_norm, s->heads * s->head_dim),
        .ffn_norm = gains(w->ffn_norm, s->hidden),
    };
}

const struct ref_model *oracle_model(const struct model *m, enum kv_type kv)
{
    const struct shape *s = m->shape;
    struct ref_model *ref = check_alloc(sizeof *ref);
    struct ref_layer *layers = check_alloc((size_t)s->layers * sizeof *layers);

    for (int l = 0; l < s->layers; l++)
        layers[l] = l < m->layers_resident ? layer(m, l) : layers[l % m->layers_resident];
    *ref = (struct ref_model){
        .hidden = s->hidden,
        .intermediate = s->intermediate,
        .layers = s->layers,
        .heads = s->heads,
        .kv_heads = s->kv_heads,
        .head_dim = s->head_dim,
        .vocab = s->vocab,
        .experts = s->experts,
        .experts_used = s->experts_used,
        .rope_theta = s->rope_theta,
        .norm_eps = 1e-5,
        .relu2 = s->activation == RELU2,
        .cache = kv == KV_F16 ? REF_CACHE_F16 : REF_CACHE_I8,
        .layer = layers,
        .embedding = embedding(m),
        .head = matrix(m, -1, LINEAR_Q),
        .final_norm = gains(m->final_norm, s->hidden),
    };
    return ref;
}

/* ---- the latent weights themselves ---- */

static size_t element_size(const struct family *f)
{
    return f->element == ELEMENT_F16 ? sizeof(uint16_t) : sizeof(int8_t);
}

/* Row `row` of a packed matrix against `want`. */
static void packed_row(const struct family *f, const struct wmat *w, int row, const void *want)
{
    const size_t mark = check_mark(), bytes = (size_t)w->cols * element_size(f);
    char *panel = check_alloc(PANEL_ROWS * bytes);

    f->unpack(panel, (const char *)w->data + (size_t)(row / PANEL_ROWS) * panel_bytes(f, w->cols),
              PANEL_ROWS, w->cols);
    if (memcmp(panel + (size_t)(row % PANEL_ROWS) * bytes, want, bytes))
        check_fail("the packed row is not the latent one");
    check_release(mark);
}

/* FP16 has rounded the weight that the codes were made of, which matters beside a tie. */
static void codes_of(const int8_t *code, double scale, const uint16_t *half, int cols, int largest)
{
    for (int c = 0; c < cols; c++) {
        const double exact = ref_f16_decode(half[c]) / scale, slack = 1e-3 * (1 + fabs(exact));
        const double beyond = fabs(exact) > largest ? fabs(exact) - largest : 0;
        if (fabs(exact - code[c]) > 0.5 + beyond + slack)
            check_fail("weight %d is %g of the scale, its code %d", c, exact, code[c]);
    }
}

static void latent_matrix(const struct model *m, int l, int which)
{
    const struct family *f = m->family;
    const struct wmat *w = &m->layers[l].linear[which];
    const struct dims d = shape_linear(m->shape, which);
    const size_t mark = check_mark(), cols = (size_t)d.cols;
    uint16_t *half = check_alloc(cols * sizeof *half);
    int8_t *row = check_alloc(cols * element_size(f));
    const int expert = which < LINEARS ? 0 : (which - LINEAR_GATE) / EXPERT_LINEARS;
    const char *name = linear_names[which - EXPERT_LINEARS * expert];

    check_that(w->rows == d.rows && w->cols == d.cols);
    for (int r = 0; r < d.rows; r++) {
        float scale, none;
        check_context("layer %d, %s of expert %d, row %d", l, name, expert, r);
        model_latent_row(m->shape, &f16, m->seed, l, which, r, half, &none);
        model_latent_row(m->shape, f, m->seed, l, which, r, row, &scale);
        packed_row(f, w, r, row);
        check_that((w->row_scale ? w->row_scale[r] : w->scale) == scale);
        if (f->element != ELEMENT_F16)
            codes_of(row, (double)scale, half, d.cols, f->element == ELEMENT_TRIT ? 1 : 127);
    }
    check_release(mark);
}

/* The tensor's scale is its distribution's mean magnitude: about that of the rows there are. */
static void latent_scale(const struct model *m)
{
    const struct dims d = shape_linear(m->shape, LINEAR_GATE);
    const size_t mark = check_mark(), rows = (size_t)d.rows, cols = (size_t)d.cols;
    uint16_t *half = check_alloc(cols * sizeof *half);
    double *w = doubles(rows * cols), scale;
    int8_t *code = check_alloc(rows * cols);
    float none;

    for (size_t r = 0; r < rows; r++) {
        model_latent_row(m->shape, &f16, m->seed, 0, LINEAR_GATE, (int)r, half, &none);
        for (size_t c = 0; c < cols; c++)
            w[r * cols + c] = ref_f16_decode(half[c]);
    }
    ref_quantize_absmean(code, &scale, w, rows * cols);
    check_context("gate: scale %g, by absmean %g", (double)m->layers[0].linear[LINEAR_GATE].scale,
                  scale);
    check_that(fabs((double)m->layers[0].linear[LINEAR_GATE].scale / scale - 1) < 0.05);
    check_release(mark);
}

void oracle_latent(const struct model *m)
{
    const struct shape *s = m->shape;
    uint16_t *half = check_alloc((size_t)s->hidden * sizeof *half);
    check_that(!m->embedding == (s->tied_embeddings && m->head_family == &f16));
    uint16_t *element = check_alloc((size_t)s->hidden * sizeof *element); /* of any family */

    for (int l = 0; l < m->layers_resident; l++)
        for (int which = 0; which < shape_linears(s); which++)
            latent_matrix(m, l, which);
    for (int l = 0; l < m->layers_resident && s->experts > 1; l++)
        for (int r = 0; r < s->experts; r++) {
            model_latent_router(s, m->seed, l, r, half);
            packed_row(&f16, &m->layers[l].router, r, half);
        }
    if (m->family->element == ELEMENT_TRIT)
        latent_scale(m);
    for (int r = 0; r < s->vocab; r++) {
        float scale;
        check_context("head, row %d", r);
        model_latent_head(s, m->head_family, m->seed, r, element, &scale);
        packed_row(m->head_family, &m->head, r, element);
        check_that(!m->head.row_scale || m->head.row_scale[r] == scale);
        model_latent_embedding(s, m->seed, r, half);
        if (s->tied_embeddings && m->head_family->element == ELEMENT_I8)
            codes_of((const int8_t *)element, (double)scale, half, s->hidden, 127);
        check_context("embedding, row %d", r);
        if (m->embedding)
            check_that(!memcmp(m->embedding + (size_t)r * (size_t)s->hidden, half,
                               (size_t)s->hidden * sizeof *half));
        else
            check_that(!memcmp(element, half, (size_t)s->hidden * sizeof *half));
    }
}
