/* SPDX-License-Identifier: MIT
 *
 * The reference's roundings against numbers worked out by hand: everything else rests on them. */
#include <math.h>
#include <string.h>
#include "reference/reference.h"
#include "tests/check.h"

static void check_codes(const int8_t *want, const int8_t *got, int n)
{
    for (int i = 0; i < n; i++)
        if (want[i] != got[i])
            check_fail("code %d is %d, not %d", i, got[i], want[i]);
}

static void absmean(const void *unused)
{
    /* mean|W| = 16 / 8 = 2: quotients 0.5, -0.5, 0.75, -0.25, 3.75, -0.75, 0, -1.5 */
    const double w[] = { 1, -1, 1.5, -0.5, 7.5, -1.5, 0, -3 };
    const int8_t codes[] = { 0, 0, 1, 0, 1, -1, 0, -1 };
    const double faint[] = { 1e-6, -4e-6, 6e-6, 0 }; /* by the floor of 1e-5: 0.1, -0.4, 0.6, 0 */
    const int8_t faint_codes[] = { 0, 0, 1, 0 };
    int8_t got[8];
    double scale;

    (void)unused;
    ref_quantize_absmean(got, &scale, w, 8);
    check_that(scale == 2);
    check_codes(codes, got, 8);
    ref_quantize_absmean(got, &scale, faint, 4);
    check_that(scale == 1e-5);
    check_codes(faint_codes, got, 4);
}

static void absmax(const void *unused)
{
    const double x[] = { 127, 0.5, 1.5, 2.5, -0.5, -1.5, -126.5, 0.49 };
    const int8_t codes[] = { 127, 0, 2, 2, 0, -2, -126, 0 };
    const double zeros[] = { 0, -0.0, 0 };
    const int8_t zero_codes[] = { 0, 0, 0 };
    const double negative[] = { -8, 4, 2 }; /* 127 * 4 / 8 = 63.5, 127 * 2 / 8 = 31.75 */
    const int8_t negative_codes[] = { -127, 64, 32 };
    int8_t got[8];
    double scale;

    (void)unused;
    ref_quantize_absmax(got, &scale, x, 8);
    check_that(scale == 1);
    check_codes(codes, got, 8);
    ref_quantize_absmax(got, &scale, zeros, 3);
    check_that(scale == 1e-5 / 127);
    check_codes(zero_codes, got, 3);
    ref_quantize_absmax(got, &scale, negative, 3);
    check_that(scale == 8.0 / 127);
    check_codes(negative_codes, got, 3);
}

static void f16_known(const void *unused)
{
    static const struct {
        double x;
        uint16_t half;
    } known[] = {
        { 0, 0x0000 },           { -0.0, 0x8000 },           { 1, 0x3c00 },
        { -2, 0xc000 },          { 1.0 / 3, 0x3555 },        { 65504, 0x7bff },
        { 65519.99, 0x7bff },    { 65520, 0x7c00 },          { 1e300, 0x7c00 },
        { -INFINITY, 0xfc00 },   { 0x1p-14, 0x0400 },        { 0x1.ff8p-15, 0x03ff },
        { 0x1.ffep-15, 0x0400 }, { 0x1p-24, 0x0001 },        { 0x1p-25, 0x0000 },
        { 0x1.8p-24, 0x0002 },   { 0x1.000001p-25, 0x0001 }, { -0x1p-26, 0x8000 },
        { 1 + 0x1p-11, 0x3c00 }, { 1 + 0x3p-11, 0x3c02 },    { 1 + 0x1.0001p-11, 0x3c01 },
        { 2 - 0x1p-11, 0x4000 }, { 5e-324, 0x0000 },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (ref_f16_encode(known[i].x) != known[i].half)
            check_fail("%a becomes %04x, not %04x", known[i].x, ref_f16_encode(known[i].x),
                       known[i].half);
    check_that((ref_f16_encode(NAN) & 0x7fff) > 0x7c00);
}

/* Between two neighbours everything goes to the nearer, and the middle to the even one. */
static void f16_all(const void *unused)
{
    (void)unused;
    for (int half = 0; half < 0x7c00; half++) {
        const double low = ref_f16_decode((uint16_t)half);
        const double high = half == 0x7bff ? 65536 : ref_f16_decode((uint16_t)(half + 1));
        const double middle = (low + high) / 2;
        check_context("half %04x, %a", (unsigned)half, low);
        check_that(low < high);
        check_that(ref_f16_encode(low) == half);
        check_that(ref_f16_encode(-low) == (half | 0x8000));
        check_that(ref_f16_encode(middle) == half + half % 2);
        check_that(ref_f16_encode(nextafter(middle, 0)) == half);
        check_that(ref_f16_encode(nextafter(middle, INFINITY)) == half + 1);
    }
    check_that(isinf(ref_f16_decode(0x7c00)) && isnan(ref_f16_decode(0x7c01)));
}

/* One pair by 90 degrees, one by the angle that theta leaves; position 0 turns nothing. */
static void rope(const void *unused)
{
    const double quarter = acos(-1) / 2;
    double x[] = { 3, 4, 1, 0 };

    (void)unused;
    ref_rope(x, 1, 4, 0, 10000);
    check_that(x[0] == 3 && x[1] == 4 && x[2] == 1 && x[3] == 0);
    ref_rope(x, 1, 4, 1, 1 / (quarter * quarter)); /* frequencies 1 and pi / 2 */
    check_that(fabs(x[0] - (3 * cos(1) - 4 * sin(1))) < 1e-12);
    check_that(fabs(x[1] - (3 * sin(1) + 4 * cos(1))) < 1e-12);
    check_that(fabs(x[2]) < 1e-12 && fabs(x[3] - 1) < 1e-12);
}

/* Two query heads on one pair of key and value; the scores are log 1 and log 3 after scaling. */
static void attention(const void *unused)
{
    const double q[] = { 2, 0, 0, 2, -2, 0, 0, -2 }; /* (heads 2, head_dim 4) */
    const double k[] = { 0, 0, 0, 0, log(3), 0, 0, 0 };
    const double v[] = { 4, 0, 0, 8, 8, 0, 4, 8 };
    const double want[] = { 7, 0, 3, 8, 5, 0, 1, 8 };
    double out[8], scores[2];

    (void)unused;
    ref_attention(out, q, k, v, 2, 1, 4, 2, scores);
    for (int i = 0; i < 8; i++)
        if (fabs(out[i] - want[i]) > 1e-12)
            check_fail("out[%d] is %g, not %g", i, out[i], want[i]);
}

static void blocks(const void *unused)
{
    const double x[] = { 3, -4 }, gain[] = { 1, 2 }, gate[] = { -3, 2 }, up[] = { 5, 7 };
    double y[2];

    (void)unused;
    ref_rmsnorm(y, x, gain, 2, 0); /* the root of the mean square is sqrt(12.5) */
    check_that(fabs(y[0] - 3 / sqrt(12.5)) < 1e-12 && fabs(y[1] + 8 / sqrt(12.5)) < 1e-12);
    ref_relu2(y, gate, up, 2);
    check_that(y[0] == 0 && y[1] == 28);
    ref_swiglu(y, gate, up, 2);
    check_that(fabs(y[0] + 15 / (1 + exp(3))) < 1e-12 && fabs(y[1] - 14 / (1 + exp(-2))) < 1e-12);
}

static void group(void)
{
    check_run(CHECK_PASSES, absmean, NULL, "reference: absmean");
    check_run(CHECK_PASSES, absmax, NULL, "reference: absmax");
    check_run(CHECK_PASSES, f16_known, NULL, "reference: f16, known values");
    check_run(CHECK_PASSES, f16_all, NULL, "reference: f16, all values");
    check_run(CHECK_PASSES, rope, NULL, "reference: rope");
    check_run(CHECK_PASSES, attention, NULL, "reference: attention");
    check_run(CHECK_PASSES, blocks, NULL, "reference: norm and gates");
}

int main(int argc, char **argv)
{
    static check_group *const groups[] = { group, NULL };

    return check_main(argc, argv, groups);
}
