/* SPDX-License-Identifier: MIT */
#include "kernels/attend/attend.h"
#include <math.h>
#include <string.h>
#include "kernels/act/half.h"

const char *const kv_names[KV_TYPES] = { [KV_F16] = "f16", [KV_I8] = "i8" };

/* Element i of row p, with the row's scale. */
static float element(const void *rows, const float *scale, int stride, int p, int i)
{
    const size_t at = (size_t)p * (size_t)stride + (size_t)i;

    return scale ? (float)((const int8_t *)rows)[at] * scale[p]
                 : f16_to_f32(((const uint16_t *)rows)[at]);
}

static void attend_one(float *out, const float *q, int positions, const struct attend *a,
                       const float *k_scale, const float *v_scale, float *scores)
{
    float max = -INFINITY, total = 0;

    for (int p = 0; p < positions; p++) {
        float dot = 0;
        for (int i = 0; i < a->stride; i++)
            dot += q[i] * element(a->k, k_scale, a->stride, p, i);
        scores[p] = dot * a->scale;
        if (scores[p] > max)
            max = scores[p];
    }
    for (int p = 0; p < positions; p++)
        total += scores[p] = expf(scores[p] - max);
    memset(out, 0, (size_t)a->stride * sizeof *out);
    for (int p = 0; p < positions; p++)
        for (int i = 0; i < a->stride; i++)
            out[i] += scores[p] / total * element(a->v, v_scale, a->stride, p, i);
}

void attend_f16_c(float *out, const float *q, const int *positions, int count,
                  const struct attend *a, float *scores)
{
    for (int i = 0; i < count; i++)
        attend_one(out + i * a->stride, q + i * a->stride, positions[i], a, NULL, NULL, scores);
}

void attend_i8_c(float *out, const float *q, const int *positions, int count,
                 const struct attend *a, float *scores)
{
    for (int i = 0; i < count; i++)
        attend_one(out + i * a->stride, q + i * a->stride, positions[i], a, a->k_scale, a->v_scale,
                   scores);
}
