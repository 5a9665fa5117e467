/* SPDX-License-Identifier: MIT
 *
 * Four products at a time, so that their sums across lanes cost three pairwise additions: of four
 * queries with one key, which is read once then, or of one query with four keys. Both add in the
 * same order. */
#include "kernels/attend/attend.h"
#include <arm_neon.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include "kernels/act/vector_neon.h"

/* Values are read in tiles of positions, which the first level keeps for all columns. */
enum { TILE = 32 };

#define INLINE static inline __attribute__((always_inline))

/* Eight elements from `at` on. */
INLINE float32x4x2_t load8(const void *rows, size_t at, const enum kv_type type)
{
    float32x4x2_t v;

    if (type == KV_F16) {
        const float16x8_t h = vreinterpretq_f16_u16(vld1q_u16((const uint16_t *)rows + at));
        v.val[0] = vcvt_f32_f16(vget_low_f16(h));
        v.val[1] = vcvt_high_f32_f16(h);
    } else {
        const int16x8_t w = vmovl_s8(vld1_s8((const int8_t *)rows + at));
        v.val[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(w)));
        v.val[1] = vcvtq_f32_s32(vmovl_high_s16(w));
    }
    return v;
}

/* Lane j: q[j * q_step ..] . k[at + j * k_step ..] over stride elements. */
INLINE float32x4_t dot4(const float *q, size_t q_step, const void *k, size_t at, size_t k_step,
                        size_t stride, const enum kv_type type)
{
    float32x4_t a[4], b[4];

    for (size_t j = 0; j < 4; j++)
        a[j] = b[j] = vdupq_n_f32(0);
    for (size_t i = 0; i < stride; i += 8)
        for (size_t j = 0; j < 4; j++) {
            const float *x = q + j * q_step + i;
            const float32x4x2_t y = load8(k, at + j * k_step + i, type);
            a[j] = vfmaq_f32(a[j], vld1q_f32(x), y.val[0]);
            b[j] = vfmaq_f32(b[j], vld1q_f32(x + 4), y.val[1]);
        }
    for (size_t j = 0; j < 4; j++)
        a[j] = vaddq_f32(a[j], b[j]);
    return vpaddq_f32(vpaddq_f32(a[0], a[1]), vpaddq_f32(a[2], a[3]));
}

/* scores[p] = q . k[p], first <= p < last. */
INLINE void dots_of_one(float *scores, const float *q, const struct attend *a, int first, int last,
                        const enum kv_type type)
{
    const size_t stride = (size_t)a->stride;
    int p = first;

    for (; p + 4 <= last; p += 4)
        vst1q_f32(scores + p, dot4(q, 0, a->k, (size_t)p * stride, stride, stride, type));
    for (; p < last; p++)
        scores[p] = vgetq_lane_f32(dot4(q, 0, a->k, (size_t)p * stride, 0, stride, type), 0);
}

/* The same of four queries; scores is (4, step). */
INLINE void dots_of_four(float *scores, size_t step, const float *q, const struct attend *a,
                         int last, const enum kv_type type)
{
    const size_t stride = (size_t)a->stride;

    for (int p = 0; p < last; p++) {
        float dots[4];
        vst1q_f32(dots, dot4(q, stride, a->k, (size_t)p * stride, 0, stride, type));
        for (size_t j = 0; j < 4; j++)
            scores[j * step + (size_t)p] = dots[j];
    }
}

/* x in the first n of four lanes, `other` in those behind. */
static inline float32x4_t keep(float32x4_t x, float32x4_t other, int n)
{
    static const int32_t lanes[] = { 0, 1, 2, 3 };

    return vbslq_f32(vcltq_s32(vld1q_s32(lanes), vdupq_n_s32(n)), x, other);
}

/* From products to the weights of the values; zero from `positions` up to `padded`. */
static void softmax(float *scores, int positions, int padded, float scale, const float *k_scale,
                    const float *v_scale)
{
    const float32x4_t lowest = vdupq_n_f32(-INFINITY), zero = vdupq_n_f32(0);
    float32x4_t max = lowest, total = zero;

    for (int p = 0; p < positions; p += 4) {
        const int left = positions - p;
        float32x4_t x = vmulq_n_f32(load_part(scores + p, left), scale);
        if (k_scale)
            x = vmulq_f32(x, load_part(k_scale + p, left));
        store_part(scores + p, x, left);
        max = vmaxq_f32(max, keep(x, lowest, left));
    }
    max = vdupq_n_f32(vmaxvq_f32(max));
    for (int p = 0; p < positions; p += 4) {
        const int left = positions - p;
        const float32x4_t e = exp4(vsubq_f32(load_part(scores + p, left), max));
        store_part(scores + p, e, left);
        total = vaddq_f32(total, keep(e, zero, left));
    }
    const float factor = 1 / vaddvq_f32(total);
    for (int p = 0; p < positions; p += 4) {
        const int left = positions - p;
        float32x4_t x = vmulq_n_f32(load_part(scores + p, left), factor);
        if (v_scale)
            x = vmulq_f32(x, load_part(v_scale + p, left));
        store_part(scores + p, x, left);
    }
    for (int p = positions; p < padded; p++)
        scores[p] = 0;
}

/* Columns [at, at + 8 n) of `count` queries' outputs, whose sums stay in registers: positions
 * [first, last) are added. step: from one query's scores to the next one's. */
INLINE void add_values(float *out, const float *scores, size_t step, int first, int last,
                       const struct attend *a, int at, const int count, const int n,
                       const enum kv_type type)
{
    float32x4_t sum[ATTEND_QUERIES][16];

    for (int j = 0; j < count; j++)
        for (int i = 0; i < 2 * n; i++)
            sum[j][i] = first ? vld1q_f32(out + j * a->stride + at + 4 * i) : vdupq_n_f32(0);
    for (int p = first; p < last; p++) {
        float32x4x2_t v[8];
        for (int i = 0; i < n; i++)
            v[i] = load8(a->v, (size_t)p * (size_t)a->stride + (size_t)(at + 8 * i), type);
        for (int j = 0; j < count; j++) {
            const float share = scores[(size_t)j * step + (size_t)p];
            for (int i = 0; i < 2 * n; i++)
                sum[j][i] = vfmaq_n_f32(sum[j][i], v[i / 2].val[i % 2], share);
        }
    }
    for (int j = 0; j < count; j++)
        for (int i = 0; i < 2 * n; i++)
            vst1q_f32(out + j * a->stride + at + 4 * i, sum[j][i]);
}

#include "kernels/attend/attend_loops.h"

void attend_f16_neon(float *out, const float *q, const int *positions, int count,
                     const struct attend *a, float *scores)
{
    attend(out, q, positions, count, a, scores, KV_F16);
}

void attend_i8_neon(float *out, const float *q, const int *positions, int count,
                    const struct attend *a, float *scores)
{
    attend(out, q, positions, count, a, scores, KV_I8);
}
