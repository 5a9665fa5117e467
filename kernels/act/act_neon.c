/* SPDX-License-Identifier: MIT */
#include <arm_neon.h>
#include <math.h>
#include <string.h>
#include "kernels/act/act.h"
#include "kernels/act/vector_neon.h"

quantise_fn act_quantise_neon;
rmsnorm_fn act_rmsnorm_neon;
gate_fn act_silu_neon, act_relu2_neon;
add_fn act_add_neon;
rotate_fn act_rotate_neon;
to_f16_fn act_to_f16_neon;
from_f16_fn act_from_f16_neon;

/* Four rounded, clipped int32 of x * factor. FMAXNM takes the number when the other is a NaN, so a
 * NaN becomes -127. */
static inline int32x4_t rounded(const float *x, int n, float factor)
{
    const float32x4_t v = vmulq_n_f32(load_part(x, n), factor);

    return vcvtnq_s32_f32(vminnmq_f32(vmaxnmq_f32(v, vdupq_n_f32(-127.0f)), vdupq_n_f32(127.0f)));
}

void act_quantise_neon(int8_t *q, float *scale, int32_t *sum, const float *x, int n, int padded)
{
    float32x4_t max4 = vdupq_n_f32(1e-5f);
    int32x4_t sum4 = vdupq_n_s32(0);

    for (int i = 0; i < n; i += 4) { /* a NaN compares as false */
        const float32x4_t v = vabsq_f32(load_part(x + i, n - i));
        max4 = vbslq_f32(vcgtq_f32(v, max4), v, max4);
    }
    const float max = vmaxvq_f32(max4), factor = 127.0f / max;
    for (int i = 0; i < n; i += 8) {
        const int32x4_t a = rounded(x + i, n - i, factor);
        const int32x4_t b = n - i > 4 ? rounded(x + i + 4, n - i - 4, factor) : vdupq_n_s32(0);
        const int8x8_t bytes = vmovn_s16(vcombine_s16(vmovn_s32(a), vmovn_s32(b)));
        memcpy(q + i, &bytes, (size_t)(n - i < 8 ? n - i : 8));
        sum4 = vaddq_s32(sum4, vaddq_s32(a, b));
    }
    *sum = vaddvq_s32(sum4);
    memset(q + n, 0, (size_t)(padded - n));
    *scale = max / 127.0f;
}

void act_rmsnorm_neon(float *y, const float *x, const float *gain, int n, float eps)
{
    float64x2_t low = vdupq_n_f64(0), high = vdupq_n_f64(0);

    for (int i = 0; i < n; i += 4) {
        const float32x4_t v = load_part(x + i, n - i);
        const float64x2_t a = vcvt_f64_f32(vget_low_f32(v)), b = vcvt_high_f64_f32(v);
        low = vfmaq_f64(low, a, a);
        high = vfmaq_f64(high, b, b);
    }
    const double sum = vaddvq_f64(vaddq_f64(low, high));
    const float factor = (float)(1 / sqrt(sum / n + (double)eps));
    for (int i = 0; i < n; i += 4)
        store_part(
            y + i,
            vmulq_f32(vmulq_n_f32(load_part(x + i, n - i), factor), load_part(gain + i, n - i)),
            n - i);
}

void act_silu_neon(float *y, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i += 4) {
        const float32x4_t g = load_part(gate + i, n - i), u = load_part(up + i, n - i);
        const float32x4_t below = vaddq_f32(vdupq_n_f32(1), exp4(vnegq_f32(g)));
        store_part(y + i, vmulq_f32(vdivq_f32(g, below), u), n - i);
    }
}

void act_relu2_neon(float *y, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i += 4) {
        const float32x4_t v = load_part(gate + i, n - i);
        const uint32x4_t kept = vandq_u32(vcgtzq_f32(v), vreinterpretq_u32_f32(v));
        const float32x4_t g = vreinterpretq_f32_u32(kept);
        store_part(y + i, vmulq_f32(vmulq_f32(g, g), load_part(up + i, n - i)), n - i);
    }
}

void act_add_neon(float *y, const float *x, int n)
{
    for (int i = 0; i < n; i += 4)
        store_part(y + i, vaddq_f32(load_part(y + i, n - i), load_part(x + i, n - i)), n - i);
}

/* Even places a cos - b sin, odd ones b cos + a sin; no fused operation, as in C. */
void act_rotate_neon(float *x, int heads, int dim, const float *cosine, const float *sine)
{
    const uint64x2_t even = vdupq_n_u64(0x80000000);

    for (int i = 0; i < dim; i += 4) {
        const int left = dim - i < 4 ? dim - i : 4;
        float32x4_t c = load_part(cosine + i / 2, left / 2), s = load_part(sine + i / 2, left / 2);
        c = vzip1q_f32(c, c);
        s = vreinterpretq_f32_u32(
            veorq_u32(vreinterpretq_u32_f32(vzip1q_f32(s, s)), vreinterpretq_u32_u64(even)));
        for (int h = 0; h < heads; h++) {
            float *at = x + h * dim + i;
            const float32x4_t v = load_part(at, left);
            store_part(at, vaddq_f32(vmulq_f32(v, c), vmulq_f32(vrev64q_f32(v), s)), left);
        }
    }
}

void act_to_f16_neon(uint16_t *y, const float *x, int n)
{
    for (int i = 0; i < n; i += 4) {
        const float16x4_t h = vcvt_f16_f32(load_part(x + i, n - i));
        memcpy(y + i, &h, sizeof *y * (size_t)(n - i < 4 ? n - i : 4));
    }
}

void act_from_f16_neon(float *y, const uint16_t *x, int n)
{
    for (int i = 0; i < n; i += 4) {
        const int left = n - i < 4 ? n - i : 4;
        float16x4_t h = vcreate_f16(0);
        memcpy(&h, x + i, sizeof *x * (size_t)left);
        store_part(y + i, vcvt_f32_f16(h), left);
    }
}
