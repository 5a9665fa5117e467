/* SPDX-License-Identifier: MIT
 *
 * Vectors of floats for the Arm files between linear layers: parts of four, e^x. static inline, as
 * in kernels/neon.h. */
#ifndef KERNELS_ACT_VECTOR_NEON_H
#define KERNELS_ACT_VECTOR_NEON_H

#include <arm_neon.h>
#include <string.h>

/* The first n of 4, then zeros. */
static inline float32x4_t load_part(const float *x, int n)
{
    float part[4] = { 0 };

    if (n >= 4)
        return vld1q_f32(x);
    memcpy(part, x, (size_t)n * sizeof *x);
    return vld1q_f32(part);
}

static inline void store_part(float *y, float32x4_t v, int n)
{
    float part[4];

    if (n >= 4) {
        vst1q_f32(y, v);
    } else {
        vst1q_f32(part, v);
        memcpy(y, part, (size_t)n * sizeof *y);
    }
}

/* e^x: 2^k e^r with k = round(x / ln 2), |r| <= ln 2 / 2 in two parts, and Taylor's polynomial of
 * degree 7, whose remainder is r^8 / 8! < 6e-9. Below -87 the result is that of -87: as good as 0.
 */
static inline float32x4_t exp4(float32x4_t x)
{
    static const float inverse_factorials[] = { 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6,
                                                0.5f,       1.0f,       1.0f };

    x = vminq_f32(vmaxq_f32(x, vdupq_n_f32(-87.0f)), vdupq_n_f32(88.0f));
    const float32x4_t k = vrndnq_f32(vmulq_n_f32(x, 0x1.715476p+0f));
    float32x4_t r = vfmsq_n_f32(x, k, 0x1.62e4p-1f);
    r = vfmsq_n_f32(r, k, 0x1.7f7d1cp-20f);
    float32x4_t p = vdupq_n_f32(1.0f / 5040);
    for (int i = 0; i < 7; i++)
        p = vfmaq_f32(vdupq_n_f32(inverse_factorials[i]), p, r);
    const int32x4_t exponent = vshlq_n_s32(vcvtq_s32_f32(k), 23);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), exponent));
}

#endif
