/* SPDX-License-Identifier: MIT
 *
 * The checker is checked: each kernel here is a family's C kernel with one thing wrong with it, and
 * must be caught by the same bodies that check the real ones. A flaw is a change of the call. */
#include "tests/check_self.h"
#include <math.h>
#include <signal.h>
#include <string.h>
#include "kernels/act/act.h"
#include "tests/check_act.h"
#include "tests/check_linear.h"

/* ---- linear kernels ---- */

typedef gemm_fn flaw_fn;

static const struct family *family; /* whose C kernel is being spoilt */
static flaw_fn *flaw;

static void honest(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                   int last)
{
    kernel_pick(family, 0)->gemm(y, ldy, w, x, first, last);
}

static void broken_gemm(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    flaw(y, ldy, w, x, first, last);
}

static void broken_gemv(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    struct acts one = *x;

    one.count = 1;
    flaw(y, w->rows, w, &one, first, last);
}

static void silent(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                   int last)
{
    (void)y, (void)ldy, (void)w, (void)x, (void)first, (void)last;
}

static void writes_left(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    honest(y, ldy, w, x, first, last);
    y[first - 1] = 0;
}

static void writes_right(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                         int last)
{
    honest(y, ldy, w, x, first, last);
    y[(x->count - 1) * ldy + last] = 0;
}

static void skips_last_row(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                           int last)
{
    honest(y, ldy, w, x, first, last - 1);
}

/* Stops at the last whole 32 columns. */
static void skips_column_tail(float *y, int ldy, const struct wmat *w, const struct acts *x,
                              int first, int last)
{
    const size_t mark = check_mark(), size = x->f32 ? sizeof(float) : 1;
    const size_t row = (size_t)padded_cols(w->cols) * size, whole = (size_t)(w->cols / 32 * 32);
    char *short_x = check_alloc((size_t)x->count * row);
    struct acts cut = *x;

    cut.stride = padded_cols(w->cols);
    cut.f32 = x->f32 ? (const float *)(void *)short_x : NULL;
    cut.q8 = x->f32 ? NULL : (const int8_t *)short_x;
    memset(short_x, 0, (size_t)x->count * row);
    for (size_t t = 0; t < (size_t)x->count; t++)
        memcpy(short_x + t * row,
               (x->f32 ? (const char *)x->f32 : (const char *)x->q8) + t * (size_t)x->stride * size,
               whole * size);
    honest(y, ldy, w, &cut, first, last);
    check_release(mark);
}

static int saturate16(int sum)
{
    return sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum;
}

/* Adds products up in 16 bits: wrong where they saturate, and only there. */
static void sums_in_16_bits(float *y, int ldy, const struct wmat *w, const struct acts *x,
                            int first, int last)
{
    const size_t mark = check_mark(), one = panel_bytes(family, w->cols);
    int8_t *panel = check_alloc((size_t)PANEL_ROWS * (size_t)w->cols);

    honest(y, ldy, w, x, first, last);
    for (int r = first; r < last; r++) {
        family->unpack(panel, (const char *)w->data + (size_t)(r / PANEL_ROWS) * one, PANEL_ROWS,
                       w->cols);
        for (int t = 0; t < x->count; t++) {
            int sum = 0, narrow = 0;
            for (int c = 0; c < w->cols; c++) {
                const int product = panel[r % PANEL_ROWS * w->cols + c] * x->q8[t * x->stride + c];
                sum += product;
                narrow = saturate16(narrow + product);
            }
            if (narrow != sum)
                y[t * ldy + r] *= (float)narrow / (float)sum;
        }
    }
    check_release(mark);
}

static void ignores_weight_scale(float *y, int ldy, const struct wmat *w, const struct acts *x,
                                 int first, int last)
{
    struct wmat plain = *w;

    plain.scale = 1;
    plain.row_scale = NULL;
    honest(y, ldy, &plain, x, first, last);
}

static void ignores_row_scale(float *y, int ldy, const struct wmat *w, const struct acts *x,
                              int first, int last)
{
    struct wmat plain = *w;

    plain.scale = w->row_scale ? w->row_scale[0] : w->scale;
    plain.row_scale = NULL;
    honest(y, ldy, &plain, x, first, last);
}

/* Every panel but the first is taken for the one before it. */
static void one_panel_behind(float *y, int ldy, const struct wmat *w, const struct acts *x,
                             int first, int last)
{
    const int second = first > PANEL_ROWS ? first : PANEL_ROWS;
    struct wmat behind = *w;

    if (first < PANEL_ROWS)
        honest(y, ldy, w, x, first, last < PANEL_ROWS ? last : PANEL_ROWS);
    behind.data = (const char *)w->data - panel_bytes(family, w->cols);
    if (second < last)
        honest(y, ldy, &behind, x, second, last);
}

static void reads_past_weights(float *y, int ldy, const struct wmat *w, const struct acts *x,
                               int first, int last)
{
    const volatile char *data = w->data;

    honest(y, ldy, w, x, first, last);
    (void)data[packed_bytes(family, w->rows, w->cols)];
}

static void last_bit_wrong(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                           int last)
{
    honest(y, ldy, w, x, first, last);
    if (first < last)
        y[first] = nextafterf(y[first], INFINITY);
}

static void rounds_to_f16(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                          int last)
{
    honest(y, ldy, w, x, first, last);
    for (int r = first; r < last; r++)
        y[r] = f16_to_f32(f32_to_f16(y[r]));
}

static void is_no_instruction(float *y, int ldy, const struct wmat *w, const struct acts *x,
                              int first, int last)
{
    honest(y, ldy, w, x, first, last);
    raise(SIGILL);
}

/* Token t gets what belongs to token t + 1. */
static void next_token(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                       int last)
{
    for (int t = 0; t < x->count; t++) {
        const int from = (t + 1) % x->count;
        struct acts one = acts_from(x, from);
        one.count = 1;
        honest(y + t * ldy, ldy, w, &one, first, last);
    }
}

static void first_token_scale(float *y, int ldy, const struct wmat *w, const struct acts *x,
                              int first, int last)
{
    const size_t mark = check_mark();
    float *scale = check_alloc((size_t)x->count * sizeof *scale);
    struct acts same = *x;

    for (int t = 0; t < x->count; t++)
        scale[t] = x->scale[0];
    same.scale = scale;
    honest(y, ldy, w, &same, first, last);
    check_release(mark);
}

static void ignores_ldy(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    (void)ldy;
    honest(y, w->rows, w, x, first, last);
}

enum where { ANY = 0, INTEGER = 1, FLOAT = 2, GEMM_ONLY = 4 };
static const struct {
    const char *name;
    flaw_fn *fn;
    int where;
} flaws[] = {
    { "writes nothing", silent, ANY },
    { "writes one row to the left", writes_left, ANY },
    { "writes one row to the right", writes_right, ANY },
    { "skips the last row", skips_last_row, ANY },
    { "skips the column tail", skips_column_tail, ANY },
    { "sums in 16 bits", sums_in_16_bits, INTEGER },
    { "ignores the weights' scale", ignores_weight_scale, INTEGER },
    { "one scale for all rows", ignores_row_scale, INTEGER },
    { "one panel behind", one_panel_behind, ANY },
    { "reads past the weights", reads_past_weights, ANY },
    { "last bit of an integer kernel", last_bit_wrong, INTEGER },
    { "rounds to FP16", rounds_to_f16, FLOAT },
    { "not an instruction", is_no_instruction, ANY },
    { "next token's input", next_token, GEMM_ONLY },
    { "first token's scale", first_token_scale, GEMM_ONLY | INTEGER },
    { "ignores ldy", ignores_ldy, GEMM_ONLY },
};

static void check_flaws(void)
{
    static const struct kernel broken = { "broken", 0, broken_gemv, broken_gemm };
    const struct suspect s = { family, &broken };
    const int here = family->act == ACT_F32 ? FLOAT : INTEGER;

    for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
        const int only = flaws[i].where & (INTEGER | FLOAT);
        if (only && only != here)
            continue;
        flaw = flaws[i].fn;
        if (!(flaws[i].where & GEMM_ONLY))
            check_run(CHECK_FAILS, check_gemv_body, &s, "self: %s gemv: %s", family->name,
                      flaws[i].name);
        check_run(CHECK_FAILS, check_gemm_body, &s, "self: %s gemm: %s", family->name,
                  flaws[i].name);
    }
}

/* ---- activation kernels ---- */

static void half_away(int8_t *q, float *scale, int32_t *sum, const float *x, int n, int padded)
{
    act_pick(0)->quantise(q, scale, sum, x, n, padded);
    *sum = 0;
    for (int i = 0; i < n; i++) {
        q[i] = (int8_t)roundf(x[i] / *scale);
        *sum += q[i];
    }
}

static void no_floor(int8_t *q, float *scale, int32_t *sum, const float *x, int n, int padded)
{
    float largest = 0;

    act_pick(0)->quantise(q, scale, sum, x, n, padded);
    for (int i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(x[i]));
    *scale = fminf(*scale, largest / 127);
}

static void no_padding(int8_t *q, float *scale, int32_t *sum, const float *x, int n, int padded)
{
    (void)padded;
    act_pick(0)->quantise(q, scale, sum, x, n, n);
}

static void too_much_padding(int8_t *q, float *scale, int32_t *sum, const float *x, int n,
                             int padded)
{
    act_pick(0)->quantise(q, scale, sum, x, n, padded + 1);
}

static void no_eps(float *y, const float *x, const float *gain, int n, float eps)
{
    (void)eps;
    act_pick(0)->rmsnorm(y, x, gain, n, 0);
}

static void twice_if_in_place(float *y, const float *x, const float *gain, int n, float eps)
{
    act_pick(0)->rmsnorm(y, x, gain, n, eps);
    if (y == x)
        act_pick(0)->rmsnorm(y, x, gain, n, eps);
}

static void coarse_silu(float *y, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = gate[i] / (1 + expf(-gate[i])) * (up[i] * 1.00001f);
}

static void whole_vectors_only(float *y, const float *x, int n)
{
    act_pick(0)->add(y, x, n / 8 * 8);
}

static void forgets_newest(float *out, const float *q, const int *positions, int count,
                           const struct attend *a, float *scores)
{
    int fewer[ATTEND_QUERIES];

    for (int i = 0; i < count; i++)
        fewer[i] = positions[i] > 1 ? positions[i] - 1 : 1;
    act_pick(0)->attend[KV_F16](out, q, fewer, count, a, scores);
}

static void no_mask(float *out, const float *q, const int *positions, int count,
                    const struct attend *a, float *scores)
{
    int all[ATTEND_QUERIES];

    for (int i = 0; i < count; i++)
        all[i] = positions[count - 1];
    act_pick(0)->attend[KV_F16](out, q, all, count, a, scores);
}

static void forgets_scale(float *out, const float *q, const int *positions, int count,
                          const struct attend *a, float *scores)
{
    struct attend one = *a;

    one.v_scale = a->k_scale;
    act_pick(0)->attend[KV_I8](out, q, positions, count, &one, scores);
}

static void swaps_pairs(float *x, int heads, int dim, const float *cosine, const float *sine)
{
    act_pick(0)->rotate(x, heads, dim, sine, cosine);
}

static void truncates(uint16_t *y, const float *x, int n)
{
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0xffffe000;
        float cut;
        memcpy(&cut, &bits, sizeof cut);
        y[i] = f32_to_f16(cut);
    }
}

static void check_act_flaws(void)
{
    struct act_kernels k = *act_pick(0);

    k.quantise = half_away;
    check_run(CHECK_FAILS, check_quantise_body, &k, "self: act: rounds half away from zero");
    k.quantise = no_floor;
    check_run(CHECK_FAILS, check_quantise_body, &k, "self: act: no floor below the scale");
    k.quantise = no_padding;
    check_run(CHECK_FAILS, check_quantise_body, &k, "self: act: padding is not zero");
    k.quantise = too_much_padding;
    check_run(CHECK_FAILS, check_quantise_body, &k, "self: act: one element more");
    k.rmsnorm = no_eps;
    check_run(CHECK_FAILS, check_rmsnorm_body, &k, "self: act: norm without epsilon");
    k.rmsnorm = twice_if_in_place;
    check_run(CHECK_FAILS, check_rmsnorm_body, &k, "self: act: norm not in place");
    k.silu = coarse_silu;
    check_run(CHECK_FAILS, check_gates_body, &k, "self: act: coarse gate");
    k.add = whole_vectors_only;
    check_run(CHECK_FAILS, check_add_body, &k, "self: act: sum without its tail");
    k.rotate = swaps_pairs;
    check_run(CHECK_FAILS, check_rotate_body, &k, "self: act: sine for cosine");
    k.attend[KV_F16] = forgets_newest;
    check_run(CHECK_FAILS, check_attend_body, &k, "self: act: newest position not seen");
    k.attend[KV_F16] = no_mask;
    check_run(CHECK_FAILS, check_attend_body, &k, "self: act: sees what comes later");
    k = *act_pick(0);
    k.attend[KV_I8] = forgets_scale;
    check_run(CHECK_FAILS, check_attend_body, &k, "self: act: a key's scale for a value's");
    k.to_f16 = truncates;
    check_run(CHECK_FAILS, check_f16_body, &k, "self: act: FP16 cut off");
}

void check_self(void)
{
    for (const struct family *const *f = families; *f; f++) {
        family = *f;
        check_flaws();
    }
    check_act_flaws();
}
