/* SPDX-License-Identifier: MIT */
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include "kernels/act/act.h"
#include "kernels/act/vector_avx2.h"

quantise_fn act_quantise_avx2;
rmsnorm_fn act_rmsnorm_avx2;
gate_fn act_silu_avx2, act_relu2_avx2;
add_fn act_add_avx2;
rotate_fn act_rotate_avx2;
to_f16_fn act_to_f16_avx2;
from_f16_fn act_from_f16_avx2;

/* Eight rounded, clipped int32 of x * factor. A NaN converts to INT_MIN and clips to -127. */
static inline __m256i rounded(const float *x, int n, __m256 factor)
{
    const __m256i v = _mm256_cvtps_epi32(_mm256_mul_ps(load_part(x, n), factor));

    return _mm256_max_epi32(_mm256_min_epi32(v, _mm256_set1_epi32(127)), _mm256_set1_epi32(-127));
}

/* Sixteen codes of x * factor, the first n of them; returns their sums. */
static inline __m256i quantise16(int8_t *q, const float *x, int n, __m256 factor)
{
    const __m256i a = rounded(x, n, factor),
                  b = n > 8 ? rounded(x + 8, n - 8, factor) : _mm256_setzero_si256();
    /* 16-bit: a0-3 b0-3 a4-7 b4-7 */
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
    const __m128i bytes =
        _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));

    if (n >= 16)
        _mm_storeu_si128((void *)q, bytes);
    else
        memcpy(q, &bytes, (size_t)n);
    return _mm256_add_epi32(a, b);
}

void act_quantise_avx2(int8_t *q, float *scale, int32_t *sum, const float *x, int n, int padded)
{
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    __m256 max8 = _mm256_set1_ps(1e-5f), more8 = max8;
    __m256i sum8 = _mm256_setzero_si256();
    int i = 0;

    for (; i + 16 <= n; i += 16) { /* the second operand is kept when the first is a NaN */
        max8 = _mm256_max_ps(_mm256_and_ps(_mm256_loadu_ps(x + i), magnitude), max8);
        more8 = _mm256_max_ps(_mm256_and_ps(_mm256_loadu_ps(x + i + 8), magnitude), more8);
    }
    for (; i < n; i += 8)
        max8 = _mm256_max_ps(_mm256_and_ps(load_part(x + i, n - i), magnitude), max8);
    const float max = max_of(_mm256_max_ps(max8, more8));
    const __m256 factor = _mm256_set1_ps(127.0f / max);
    for (i = 0; i + 16 <= n; i += 16)
        sum8 = _mm256_add_epi32(sum8, quantise16(q + i, x + i, 16, factor));
    if (i < n)
        sum8 = _mm256_add_epi32(sum8, quantise16(q + i, x + i, n - i, factor));
    int32_t sums[8];
    memcpy(sums, &sum8, sizeof sums);
    *sum = 0;
    for (int j = 0; j < 8; j++)
        *sum += sums[j];
    memset(q + n, 0, (size_t)(padded - n));
    *scale = max / 127.0f;
}

/* sum += v^2, in double. */
static inline void add_squares(__m256d sum[2], __m256 v)
{
    const __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
    const __m256d b = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));

    sum[0] = _mm256_fmadd_pd(a, a, sum[0]);
    sum[1] = _mm256_fmadd_pd(b, b, sum[1]);
}

void act_rmsnorm_avx2(float *y, const float *x, const float *gain, int n, float eps)
{
    __m256d even[2] = { _mm256_setzero_pd(), _mm256_setzero_pd() };
    __m256d odd[2] = { _mm256_setzero_pd(), _mm256_setzero_pd() };
    double sums[4], sum = 0;
    int i = 0;

    for (; i + 16 <= n; i += 16) {
        add_squares(even, _mm256_loadu_ps(x + i));
        add_squares(odd, _mm256_loadu_ps(x + i + 8));
    }
    for (; i < n; i += 8)
        add_squares(even, load_part(x + i, n - i));
    _mm256_storeu_pd(sums,
                     _mm256_add_pd(_mm256_add_pd(even[0], even[1]), _mm256_add_pd(odd[0], odd[1])));
    for (int j = 0; j < 4; j++)
        sum += sums[j];
    const __m256 factor = _mm256_set1_ps((float)(1 / sqrt(sum / n + (double)eps)));
    for (i = 0; i < n; i += 8)
        store_part(y + i,
                   _mm256_mul_ps(_mm256_mul_ps(load_part(x + i, n - i), factor),
                                 load_part(gain + i, n - i)),
                   n - i);
}

void act_silu_avx2(float *y, const float *gate, const float *up, int n)
{
    const __m256 one = _mm256_set1_ps(1), zero = _mm256_setzero_ps();

    for (int i = 0; i < n; i += 8) {
        const __m256 g = load_part(gate + i, n - i), u = load_part(up + i, n - i);
        const __m256 e = exp8(_mm256_sub_ps(zero, g));
        store_part(y + i, _mm256_mul_ps(_mm256_div_ps(g, _mm256_add_ps(one, e)), u), n - i);
    }
}

void act_relu2_avx2(float *y, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i += 8) {
        const __m256 g = _mm256_max_ps(load_part(gate + i, n - i), _mm256_setzero_ps());
        store_part(y + i, _mm256_mul_ps(_mm256_mul_ps(g, g), load_part(up + i, n - i)), n - i);
    }
}

void act_add_avx2(float *y, const float *x, int n)
{
    for (int i = 0; i < n; i += 8)
        store_part(y + i, _mm256_add_ps(load_part(y + i, n - i), load_part(x + i, n - i)), n - i);
}

/* The first n of four values, each twice. */
static inline __m256 twice(const float *x, int n)
{
    const __m128i kept = _mm_cmpgt_epi32(_mm_set1_epi32(n), _mm_setr_epi32(0, 1, 2, 3));
    const __m256 v = _mm256_castps128_ps256(_mm_maskload_ps(x, kept));

    return _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
}

/* Even places a cos - b sin, odd ones b cos + a sin; no fused operation, as in C. */
void act_rotate_avx2(float *x, int heads, int dim, const float *cosine, const float *sine)
{
    for (int i = 0; i < dim; i += 8) {
        const int left = dim - i;
        const __m256 c = twice(cosine + i / 2, left / 2), s = twice(sine + i / 2, left / 2);
        for (int h = 0; h < heads; h++) {
            float *at = x + h * dim + i;
            const __m256 v = load_part(at, left);
            const __m256 turned = _mm256_mul_ps(_mm256_permute_ps(v, 0xb1), s);
            store_part(at, _mm256_addsub_ps(_mm256_mul_ps(v, c), turned), left);
        }
    }
}

void act_to_f16_avx2(uint16_t *y, const float *x, int n)
{
    for (int i = 0; i < n; i += 8) {
        const __m128i h = _mm256_cvtps_ph(load_part(x + i, n - i), _MM_FROUND_TO_NEAREST_INT);
        if (n - i >= 8)
            _mm_storeu_si128((void *)(y + i), h);
        else
            memcpy(y + i, &h, sizeof *y * (size_t)(n - i));
    }
}

void act_from_f16_avx2(float *y, const uint16_t *x, int n)
{
    int i = 0;

    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(x + i))));
    if (i < n) {
        __m128i h = _mm_setzero_si128();
        memcpy(&h, x + i, sizeof *x * (size_t)(n - i));
        store_part(y + i, _mm256_cvtph_ps(h), n - i);
    }
}
