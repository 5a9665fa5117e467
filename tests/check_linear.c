/* SPDX-License-Identifier: MIT */
#include "tests/check_linear.h"
#include <math.h>
#include <string.h>
#include "kernels/act/act.h"
#include "kernels/cpu.h"
#include "tests/check_isa.h"

const char *const weights_names[WEIGHTS_COUNT] = {
    "random", "+1", "-1", "0", "max", "min", "tiny"
};
const char *const inputs_names[INPUTS_COUNT] = { "random",      "+127",    "-127",
                                                 "alternating", "outlier", "zeros" };

/* ---- weights ---- */

bool matrix_has(const struct family *f, enum weights fill)
{
    switch (fill) {
    case WEIGHTS_MAX:
    case WEIGHTS_MIN:
        return f->element != ELEMENT_TRIT;
    case WEIGHTS_TINY:
        return f->element == ELEMENT_F16;
    default:
        return true;
    }
}

static int8_t small_weight(enum element_kind element, enum weights fill)
{
    const int largest = element == ELEMENT_TRIT ? 1 : 127;

    switch (fill) {
    case WEIGHTS_PLUS:
        return 1;
    case WEIGHTS_MINUS:
        return -1;
    case WEIGHTS_ZERO:
        return 0;
    case WEIGHTS_MAX:
        return (int8_t)largest;
    case WEIGHTS_MIN:
        return (int8_t)-largest;
    default:
        return (int8_t)(check_below(2 * largest + 1) - largest);
    }
}

static uint16_t half_weight(enum weights fill)
{
    const uint16_t one = 0x3c00, largest = 0x7bff, sign = 0x8000;

    switch (fill) {
    case WEIGHTS_PLUS:
        return one;
    case WEIGHTS_MINUS:
        return sign | one;
    case WEIGHTS_ZERO:
        return 0;
    case WEIGHTS_MAX:
        return largest;
    case WEIGHTS_MIN:
        return sign | largest;
    case WEIGHTS_TINY:
        return (uint16_t)(check_random() & (sign | 0x7ff));
    default:
        return f32_to_f16((float)check_real());
    }
}

static float positive_scale(void)
{
    return (float)(0.001 + fabs(check_real()));
}

static void scale_make(struct wmat *w)
{
    w->scale = positive_scale();
    if (check_below(2))
        return;
    float *scale = check_alloc((size_t)w->rows * sizeof *scale);
    for (int r = 0; r < w->rows; r++)
        scale[r] = positive_scale();
    w->row_scale = scale;
    w->scale = 0; /* nobody may read it */
}

double matrix_at(const struct matrix *m, int row, int col)
{
    const size_t i = (size_t)row * (size_t)m->w.cols + (size_t)col;

    if (m->family->element == ELEMENT_F16)
        return (double)f16_to_f32(((const uint16_t *)m->latent)[i]);
    return ((const int8_t *)m->latent)[i];
}

struct matrix matrix_make(const struct family *f, int rows, int cols, enum weights fill)
{
    const size_t elements = (size_t)rows * (size_t)cols;
    const size_t size = f->element == ELEMENT_F16 ? sizeof(uint16_t) : sizeof(int8_t);
    struct matrix m = { .family = f, .w = { .rows = rows, .cols = cols, .scale = 1 } };
    char *latent = check_alloc(elements * size), *data = check_alloc(packed_bytes(f, rows, cols));

    for (size_t i = 0; i < elements; i++)
        if (f->element == ELEMENT_F16)
            ((uint16_t *)latent)[i] = half_weight(fill);
        else
            ((int8_t *)latent)[i] = small_weight(f->element, fill);
    for (int row = 0; row < rows; row += PANEL_ROWS)
        f->pack(data + (size_t)(row / PANEL_ROWS) * panel_bytes(f, cols),
                latent + (size_t)row * (size_t)cols * size,
                rows - row < PANEL_ROWS ? rows - row : PANEL_ROWS, cols);
    if (f->act == ACT_I8)
        scale_make(&m.w);
    m.w.data = data;
    m.latent = latent;
    if (f->error_per_column > 0) {
        m.magnitude = check_alloc(elements * sizeof *m.magnitude);
        for (int r = 0, i = 0; r < rows; r++)
            for (int c = 0; c < cols; c++)
                m.magnitude[i++] = fabs(matrix_at(&m, r, c));
    }
    return m;
}

/* ---- activations ---- */

static int input(enum inputs fill, int col, int outlier)
{
    switch (fill) {
    case INPUTS_PLUS:
        return 127;
    case INPUTS_MINUS:
        return -127;
    case INPUTS_ALTERNATING:
        return col % 2 ? -127 : 127;
    case INPUTS_OUTLIER:
        return col == outlier ? 127 : check_below(2);
    case INPUTS_ZERO:
        return 0;
    default:
        return check_below(255) - 127;
    }
}

static void fill_token(const struct family *f, float *f32, int8_t *q8, int32_t *sum, int cols,
                       enum inputs fill)
{
    const int outlier = check_below(cols), padded = padded_cols(cols);

    if (sum)
        *sum = 0;
    for (int c = 0; c < padded; c++) {
        const int value = c < cols ? input(fill, c, outlier) : 0;
        if (f->act == ACT_F32) {
            f32[c] = (float)(fill == INPUTS_RANDOM && c < cols ? 4 * check_real() : value);
        } else {
            q8[c] = (int8_t)value;
            *sum += value;
        }
    }
}

struct acts inputs_make(const struct family *f, int cols, int count, enum inputs fill)
{
    const int stride = padded_cols(cols) + 7 * check_below(3);
    const size_t elements = (size_t)(count - 1) * (size_t)stride + (size_t)padded_cols(cols);
    float *f32 = NULL, *scale = NULL;
    int8_t *q8 = NULL;
    int32_t *sum = NULL;

    if (f->act == ACT_F32) {
        f32 = check_alloc(elements * sizeof *f32);
    } else {
        q8 = check_alloc(elements);
        scale = check_alloc((size_t)count * sizeof *scale);
        sum = check_alloc((size_t)count * sizeof *sum);
    }
    for (int t = 0; t < count; t++) {
        const size_t at = (size_t)t * (size_t)stride;
        if (scale)
            scale[t] = positive_scale();
        fill_token(f, f32 ? f32 + at : NULL, q8 ? q8 + at : NULL, sum ? sum + t : NULL, cols,
                   (enum inputs)(((int)fill + t) % INPUTS_COUNT));
    }
    return (struct acts){
        .f32 = f32, .q8 = q8, .scale = scale, .sum = sum, .count = count, .stride = stride
    };
}

double inputs_at(const struct acts *x, int token, int col)
{
    const size_t i = (size_t)token * (size_t)x->stride + (size_t)col;

    return x->f32 ? (double)x->f32[i] : x->q8[i];
}

/* ---- the bound ---- */

double *linear_bound(const struct matrix *m, const struct acts *x)
{
    const size_t rows = (size_t)m->w.rows, cols = (size_t)m->w.cols;

    if (!m->magnitude)
        return NULL;
    double *bound = check_alloc((size_t)x->count * rows * sizeof *bound);
    for (size_t t = 0; t < (size_t)x->count; t++)
        for (size_t r = 0; r < rows; r++) {
            const float *xt = x->f32 + t * (size_t)x->stride;
            double sum = 0;
            for (size_t c = 0; c < cols; c++)
                sum += m->magnitude[r * cols + c] * fabs((double)xt[c]);
            bound[t * rows + r] = m->family->error_per_column * (double)cols * sum;
        }
    return bound;
}

/* ---- all kernels ---- */

void check_kernels(const char *op, check_body *body)
{
    for (const struct family *const *f = families; *f; f++)
        for (const struct kernel *k = (*f)->kernels;; k++) {
            const struct suspect s = { *f, k };
            const char *why_not = check_why_not(k->needs);
            if (check_emulator() && !k->needs && k != kernel_pick(*f, cpu_detect()))
                break; /* C against itself, and not what this CPU would run */
            if (why_not)
                check_skip(why_not, "%s_%s_%s", (*f)->name, op, k->isa);
            else
                check_run(CHECK_PASSES, body, &s, "%s_%s_%s", (*f)->name, op, k->isa);
            if (!k->needs)
                break;
        }
}
