/* SPDX-License-Identifier: MIT
 *
 * What happens to activations between two linear layers, one token (or one head) at a time: norm,
 * quantiser, gate, rotation, attention over an FP16 cache. C is the specification; the quantiser
 * agrees bit for bit on every instruction set, the others within 2e-6 of the largest element (for
 * attend times the largest |score| where that is above 1, as an exponential magnifies; silu's
 * underflow to 0 is within 1e-30). */
#ifndef KERNELS_ACT_ACT_H
#define KERNELS_ACT_ACT_H

#include <stddef.h>
#include <stdint.h>
#include "kernels/act/half.h" /* f16_to_f32, f32_to_f16: one value */

/* q[i] = round half to even(x[i] * 127 / max(1e-5, max|x|)); *scale = max(1e-5, max|x|) / 127;
 * *sum = sum of q. q[n] .. q[padded - 1] = 0. (BitNet b1.58 Training Tips, Figure 3.) */
typedef void quantise_fn(int8_t *q, float *scale, int32_t *sum, const float *x, int n, int padded);

/* y[i] = x[i] * gain[i] / sqrt(mean(x^2) + eps). y may be x. */
typedef void rmsnorm_fn(float *y, const float *x, const float *gain, int n, float eps);

/* y[i] = silu(gate[i]) * up[i], or max(gate[i], 0)^2 * up[i]. y may be gate. */
typedef void gate_fn(float *y, const float *gate, const float *up, int n);

/* y[i] += x[i]. */
typedef void add_fn(float *y, const float *x, int n);

/* One head: out = softmax(q . k * scale) v over `positions` rows of k and v, FP16, (positions,
 * stride), stride >= dim rounded up to 8, zero from dim on; q and out have that padding too.
 * scores is scratch, (positions). */
typedef void attend_fn(float *out, const float *q, const uint16_t *k, const uint16_t *v,
                       int positions, int stride, float scale, float *scores);

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
    attend_fn *attend;
    to_f16_fn *to_f16;
    from_f16_fn *from_f16;
};
extern const struct act_kernels act_kernels[]; /* best first, "c" last */

const struct act_kernels *act_pick(unsigned cpu); /* never NULL */

#endif
