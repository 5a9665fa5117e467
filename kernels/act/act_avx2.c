/* SPDX-License-Identifier: MIT */
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include "kernels/act/act.h"

quantise_fn act_quantise_avx2;
rmsnorm_fn act_rmsnorm_avx2;
gate_fn act_silu_avx2, act_relu2_avx2;
add_fn act_add_avx2;
attend_fn act_attend_avx2;
to_f16_fn act_to_f16_avx2;
from_f16_fn act_from_f16_avx2;

static inline __m256i tail_mask(int n) /* the first n of 8 lanes */
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256 load_part(const float *x, int n)
{
    return n >= 8 ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, tail_mask(n));
}

static inline void store_part(float *y, __m256 v, int n)
{
    if (n >= 8)
        _mm256_storeu_ps(y, v);
    else
        _mm256_maskstore_ps(y, tail_mask(n), v);
}

static inline float max_of(__m256 v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

static inline float sum_of(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* Eight rounded, clipped int32 of x * factor. A NaN converts to INT_MIN and clips to -127. */
static inline __m256i rounded(const float *x, int n, __m256 factor)
{
    const __m256i v = _mm256_cvtps_epi32(_mm256_mul_ps(load_part(x, n), factor));

    return _mm256_max_epi32(_mm256_min_epi32(v, _mm256_set1_epi32(127)), _mm256_set1_epi32(-127));
}

void act_quantise_avx2(int8_t *q, float *scale, int32_t *sum, const float *x, int n, int padded)
{
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    __m256 max8 = _mm256_set1_ps(1e-5f);
    __m256i sum8 = _mm256_setzero_si256();

    for (int i = 0; i < n; i += 8) /* the second operand is kept when the first is a NaN */
        max8 = _mm256_max_ps(_mm256_and_ps(load_part(x + i, n - i), magnitude), max8);
    const float max = max_of(max8);
    const __m256 factor = _mm256_set1_ps(127.0f / max);
    for (int i = 0; i < n; i += 8) {
        const __m256i v = rounded(x + i, n - i, factor);
        const __m128i words =
            _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        const __m128i bytes = _mm_packs_epi16(words, words);
        memcpy(q + i, &bytes, (size_t)(n - i < 8 ? n - i : 8));
        sum8 = _mm256_add_epi32(sum8, v);
    }
    int32_t sums[8];
    memcpy(sums, &sum8, sizeof sums);
    *sum = 0;
    for (int i = 0; i < 8; i++)
        *sum += sums[i];
    memset(q + n, 0, (size_t)(padded - n));
    *scale = max / 127.0f;
}

void act_rmsnorm_avx2(float *y, const float *x, const float *gain, int n, float eps)
{
    __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
    double sums[4], sum = 0;

    for (int i = 0; i < n; i += 8) {
        const __m256 v = load_part(x + i, n - i);
        const __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
        const __m256d b = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
        low = _mm256_fmadd_pd(a, a, low);
        high = _mm256_fmadd_pd(b, b, high);
    }
    _mm256_storeu_pd(sums, _mm256_add_pd(low, high));
    for (int i = 0; i < 4; i++)
        sum += sums[i];
    const __m256 factor = _mm256_set1_ps((float)(1 / sqrt(sum / n + (double)eps)));
    for (int i = 0; i < n; i += 8)
        store_part(y + i,
                   _mm256_mul_ps(_mm256_mul_ps(load_part(x + i, n - i), factor),
                                 load_part(gain + i, n - i)),
                   n - i);
}

/* e^x: 2^k e^r with k = round(x / ln 2), |r| <= ln 2 / 2 in two parts, and Taylor's polynomial of
 * degree 7, whose remainder is r^8 / 8! < 6e-9. Below -87 the result is that of -87: as good as 0.
 */
static inline __m256 exp8(__m256 x)
{
    x = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-87.0f)), _mm256_set1_ps(88.0f));
    const __m256 k = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(0x1.715476p+0f)),
                                     _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(k, _mm256_set1_ps(0x1.62e4p-1f), x);
    r = _mm256_fnmadd_ps(k, _mm256_set1_ps(0x1.7f7d1cp-20f), r);
    static const float inverse_factorials[] = { 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6,
                                                0.5f,       1.0f,       1.0f };
    __m256 p = _mm256_set1_ps(1.0f / 5040);
    for (int i = 0; i < 7; i++)
        p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(inverse_factorials[i]));
    const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(k), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), exponent));
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

static inline __m256 half8(const uint16_t *h)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)h));
}

/* scores[p] = q . k[p] * scale; returns the largest. */
static float attend_scores(float *scores, const float *q, const uint16_t *k, int positions,
                           int stride, float scale)
{
    float max = -INFINITY;

    for (int p = 0; p < positions; p++, k += stride) {
        __m256 a = _mm256_setzero_ps(), b = _mm256_setzero_ps();
        int i = 0;
        for (; i + 16 <= stride; i += 16) {
            a = _mm256_fmadd_ps(_mm256_loadu_ps(q + i), half8(k + i), a);
            b = _mm256_fmadd_ps(_mm256_loadu_ps(q + i + 8), half8(k + i + 8), b);
        }
        if (i < stride)
            a = _mm256_fmadd_ps(_mm256_loadu_ps(q + i), half8(k + i), a);
        scores[p] = sum_of(_mm256_add_ps(a, b)) * scale;
        if (scores[p] > max)
            max = scores[p];
    }
    return max;
}

/* out[0 .. 8 n - 1] = sum over p of scores[p] * factor * v[p], n <= 8 vectors in registers. */
static inline __attribute__((always_inline)) void attend_values(float *out, const float *scores,
                                                                float factor, const uint16_t *v,
                                                                int positions, int stride,
                                                                const int n)
{
    __m256 sum[8];

    for (int i = 0; i < n; i++)
        sum[i] = _mm256_setzero_ps();
    for (int p = 0; p < positions; p++, v += stride) {
        const __m256 share = _mm256_set1_ps(scores[p] * factor);
        for (int i = 0; i < n; i++)
            sum[i] = _mm256_fmadd_ps(share, half8(v + 8 * i), sum[i]);
    }
    for (int i = 0; i < n; i++)
        _mm256_storeu_ps(out + 8 * i, sum[i]);
}

void act_attend_avx2(float *out, const float *q, const uint16_t *k, const uint16_t *v,
                     int positions, int stride, float scale, float *scores)
{
    const __m256 max = _mm256_set1_ps(attend_scores(scores, q, k, positions, stride, scale));
    __m256 total = _mm256_setzero_ps();
    int i = 0;

    for (int p = 0; p < positions; p += 8) {
        const __m256 e = exp8(_mm256_sub_ps(load_part(scores + p, positions - p), max));
        store_part(scores + p, e, positions - p);
        const __m256 kept = _mm256_castsi256_ps(tail_mask(positions - p));
        total = _mm256_add_ps(total, _mm256_and_ps(e, kept));
    }
    const float factor = 1 / sum_of(total);
    for (; i + 64 <= stride; i += 64)
        attend_values(out + i, scores, factor, v + i, positions, stride, 8);
    for (; i + 32 <= stride; i += 32)
        attend_values(out + i, scores, factor, v + i, positions, stride, 4);
    for (; i < stride; i += 8)
        attend_values(out + i, scores, factor, v + i, positions, stride, 1);
}

void act_to_f16_avx2(uint16_t *y, const float *x, int n)
{
    for (int i = 0; i < n; i += 8) {
        const __m128i h = _mm256_cvtps_ph(load_part(x + i, n - i), _MM_FROUND_TO_NEAREST_INT);
        memcpy(y + i, &h, sizeof *y * (size_t)(n - i < 8 ? n - i : 8));
    }
}

void act_from_f16_avx2(float *y, const uint16_t *x, int n)
{
    for (int i = 0; i < n; i += 8) {
        const int left = n - i < 8 ? n - i : 8;
        __m128i h = _mm_setzero_si128();
        memcpy(&h, x + i, sizeof *x * (size_t)left);
        store_part(y + i, _mm256_cvtph_ps(h), left);
    }
}
