/* SPDX-License-Identifier: MIT
 *
 * What happens to activations between two linear layers, one token at a time: norm, quantiser,
 * gate, rotation. C is the specification; the quantiser and the rotation agree bit for bit on every
 * instruction set, the others within 2e-6 of the largest element (silu's underflow to 0 is within
 * 1e-30). Attention is in attend.h. */
#ifndef KERNELS_ACT_ACT_H
#define KERNELS_ACT_ACT_H

#include <stddef.h>
#include <stdint.h>
#include "kernels/act/half.h" /* f16_to_f32, f32_to_f16: one value */
#include "kernels/attend/attend.h"

/* q[i] = round half to even(x[i] * 127 / max(1e-5, max|x|)); *scale = max(1e-5, max|x|) / 127;
 * *sum = sum of q. q[n] .. q[padded - 1] = 0. (BitNet b1.58 Training Tips, Figure 3.) */
typedef void quantise_fn(int8_t *q, float *scale, int32_t *sum, const float *x, int n, int padded);

/* y[i] = x[i] * gain[i] / sqrt(mean(x^2) + eps). y may be x. */
typedef void rmsnorm_fn(float *y, const float *x, const float *gain, int n, float eps);

/* y[i] = silu(gate[i]) * up[i], or max(gate[i], 0)^2 * up[i]. y may be gate. */
typedef void gate_fn(float *y, const float *gate, const float *up, int n);

/* y[i] += x[i]. */
typedef void add_fn(float *y, const float *x, int n);

/* Rotates each pair (x[2 i], x[2 i + 1]) of each head by the angle whose cosine and sine, (dim /
 * 2), are given: x is (heads, dim), dim even. (RoPE, arXiv 2104.09864, equation 34.) */
typedef void rotate_fn(float *x, int heads, int dim, const float *cosine, const float *sine);

/* IEEE binary16, round half to even; overflow is infinity. */
typedef void to_f16_fn(uint16_t *y, const float *x, int n);
typedef void from_f16_fn(float *y, const uint16_t *x, int n);

struct act_kernels {
    const char *isa;
    unsigned needs; /* CPU_* bits */
    quantise_fn *quantise;
    rmsnorm_fn *rmsnorm;
    gate_fn *silu, *relu2;
    add_fn *add;
    rotate_fn *rotate;
    attend_fn *attend[KV_TYPES];
    to_f16_fn *to_f16;
    from_f16_fn *from_f16;
};
extern const struct act_kernels act_kernels[]; /* best first, "c" last */

const struct act_kernels *act_pick(unsigned cpu); /* never NULL */

#endif
