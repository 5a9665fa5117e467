/* SPDX-License-Identifier: MIT
 *
 * nearbyint() rounds half to even, like torch.round, as long as nobody calls fesetround(). */
#include <math.h> /* fabs, fmax, frexp, ldexp, nearbyint */
#include "reference/reference.h"

static const double FLOOR = 1e-5; /* of mean|W| and max|x|, so that zeros divide by something */

static double round_clip(double x, double low, double high)
{
    return fmax(low, fmin(high, nearbyint(x)));
}

static double absmean(const double *w, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabs(w[i]);
    return fmax(sum / (double)n, FLOOR);
}

void ref_quantize_absmean(int8_t *code, double *scale, const double *w, size_t n)
{
    *scale = absmean(w, n);
    for (size_t i = 0; i < n; i++)
        code[i] = (int8_t)round_clip(w[i] / *scale, -1, 1);
}

void ref_quantize_threshold(int8_t *code, double *scale, const double *w, size_t n,
                            double threshold)
{
    *scale = absmean(w, n);
    for (size_t i = 0; i < n; i++)
        code[i] = fabs(w[i]) <= threshold * *scale ? 0 : w[i] < 0 ? -1 : 1;
}

void ref_quantize_absmax(int8_t *code, double *scale, const double *x, size_t n)
{
    double largest = FLOOR;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(x[i]));
    *scale = largest / 127;
    for (size_t i = 0; i < n; i++)
        code[i] = (int8_t)round_clip(x[i] * 127 / largest, -127, 127);
}

/* A positive binary16 number is an integer of at most 11 bits times a power of two, and its bit
 * pattern counts these numbers upwards from zero: 1024 to a power of two, starting at 2^-14, with
 * the 1024 subnormals below. So rounding up into the next power of two, or into infinity, needs no
 * case of its own. */
uint16_t ref_f16_encode(double x)
{
    const uint16_t sign = signbit(x) ? 0x8000 : 0;
    if (isnan(x))
        return sign | 0x7e00;
    if (x == 0)
        return sign;
    int exponent;
    frexp(x, &exponent); /* 2^(exponent - 1) <= |x| < 2^exponent; unspecified for infinity */
    exponent = exponent - 1 < -14 ? -14 : exponent - 1;
    if (isinf(x) || exponent > 15)
        return sign | 0x7c00;
    const int steps = (int)nearbyint(ldexp(fabs(x), 10 - exponent));
    return (uint16_t)(sign | ((exponent + 14) * 1024 + steps));
}

double ref_f16_decode(uint16_t half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double sign = half & 0x8000 ? -1 : 1;
    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, -24);
    return sign * ldexp(1024 + fraction, exponent - 25);
}

double ref_f16_round(double x)
{
    return ref_f16_decode(ref_f16_encode(x));
}
