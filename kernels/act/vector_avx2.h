/* SPDX-License-Identifier: MIT
 *
 * Vectors of floats for the AVX2 files between linear layers: parts of eight, sums, e^x. static
 * inline, as in kernels/avx2.h. */
#ifndef KERNELS_ACT_VECTOR_AVX2_H
#define KERNELS_ACT_VECTOR_AVX2_H

#include <immintrin.h>

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

#endif
