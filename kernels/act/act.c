/* SPDX-License-Identifier: MIT */
#include "kernels/act/act.h"
#include <math.h>
#include <string.h>
#include "kernels/cpu.h"

quantise_fn act_quantise_c, act_quantise_avx2, act_quantise_neon;
rmsnorm_fn act_rmsnorm_c, act_rmsnorm_avx2, act_rmsnorm_neon;
gate_fn act_silu_c, act_silu_avx2, act_silu_neon;
gate_fn act_relu2_c, act_relu2_avx2, act_relu2_neon;
add_fn act_add_c, act_add_avx2, act_add_neon;
rotate_fn act_rotate_c, act_rotate_avx2, act_rotate_neon;
to_f16_fn act_to_f16_c, act_to_f16_avx2, act_to_f16_neon;
from_f16_fn act_from_f16_c, act_from_f16_avx2, act_from_f16_neon;

void act_quantise_c(int8_t *q, float *scale, int32_t *sum, const float *x, int n, int padded)
{
    float max = 1e-5f;

    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > max)
            max = fabsf(x[i]);
    const float factor = 127.0f / max;
    *sum = 0;
    for (int i = 0; i < n; i++) {
        const float v = rintf(x[i] * factor);
        /* Only a NaN fails the second comparison with |v| <= 127: it must not reach the cast. */
        q[i] = (int8_t)(v > 127.0f ? 127.0f : v >= -127.0f ? v : -127.0f);
        *sum += q[i];
    }
    memset(q + n, 0, (size_t)(padded - n));
    *scale = max / 127.0f;
}

void act_rmsnorm_c(float *y, const float *x, const float *gain, int n, float eps)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    const float factor = (float)(1 / sqrt(sum / n + (double)eps));
    for (int i = 0; i < n; i++)
        y[i] = x[i] * factor * gain[i];
}

void act_silu_c(float *y, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

void act_relu2_c(float *y, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i++) {
        const float g = gate[i] > 0 ? gate[i] : 0;
        y[i] = g * g * up[i];
    }
}

void act_add_c(float *y, const float *x, int n)
{
    for (int i = 0; i < n; i++)
        y[i] += x[i];
}

void act_rotate_c(float *x, int heads, int dim, const float *cosine, const float *sine)
{
    for (int h = 0; h < heads; h++, x += dim)
        for (int i = 0; i < dim / 2; i++) {
            const float a = x[2 * i], b = x[2 * i + 1];
            x[2 * i] = a * cosine[i] - b * sine[i];
            x[2 * i + 1] = b * cosine[i] + a * sine[i];
        }
}

void act_to_f16_c(uint16_t *y, const float *x, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = f32_to_f16(x[i]);
}

void act_from_f16_c(float *y, const uint16_t *x, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = f16_to_f32(x[i]);
}

const struct act_kernels act_kernels[] = {
#if defined(__x86_64__)
    { "avx2",
      CPU_AVX2,
      act_quantise_avx2,
      act_rmsnorm_avx2,
      act_silu_avx2,
      act_relu2_avx2,
      act_add_avx2,
      act_rotate_avx2,
      { attend_f16_avx2, attend_i8_avx2 },
      act_to_f16_avx2,
      act_from_f16_avx2 },
#elif defined(__aarch64__)
    { "neon",
      CPU_NEON,
      act_quantise_neon,
      act_rmsnorm_neon,
      act_silu_neon,
      act_relu2_neon,
      act_add_neon,
      act_rotate_neon,
      { attend_f16_neon, attend_i8_neon },
      act_to_f16_neon,
      act_from_f16_neon },
#endif
    { "c",
      0,
      act_quantise_c,
      act_rmsnorm_c,
      act_silu_c,
      act_relu2_c,
      act_add_c,
      act_rotate_c,
      { attend_f16_c, attend_i8_c },
      act_to_f16_c,
      act_from_f16_c },
};

const struct act_kernels *act_pick(unsigned cpu)
{
    const struct act_kernels *k = act_kernels;

    while ((k->needs & cpu) != k->needs)
        k++;
    return k;
}
