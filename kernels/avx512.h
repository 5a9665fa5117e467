/* SPDX-License-Identifier: MIT
 *
 * avx2.h's names for vectors of 512 bits, by AVX-512 F and BW. */
#ifndef KERNELS_AVX512_H
#define KERNELS_AVX512_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#include "kernels/gemm.h"

enum { VEC_BYTES = 64, VECS = 1 };
typedef __m512i vec; /* bytes, int16 or int32 */
typedef __m512 vecf; /* f32 */

enum { TILE_TOKENS = 12 / VECS };
#define VEC_TILE GEMM_TILE_12

/* gemv_ops.pairs of sums in vectors. */
enum { PAIRS = GEMV_SUMS / (GEMV_PANELS * VECS) };

#if defined(__AVX512F__)
#define HERE(v) __asm__ volatile("" ::"v"(v))
#define HIDE(v) __asm__ volatile("" : "+v"(v))
#else
#define HERE(v) (void)(v)
#define HIDE(v) (void)(v)
#endif

static inline vec vec_zero(void)
{
    return _mm512_setzero_si512();
}

static inline vec vec_load(const void *from)
{
    return _mm512_loadu_si512(from);
}

static inline void vec_store(void *to, vec v)
{
    _mm512_storeu_si512(to, v);
}

static inline vec vec_all8(int value)
{
    return _mm512_set1_epi8((char)value);
}

static inline vec vec_all16(int value)
{
    return _mm512_set1_epi16((short)value);
}

static inline vec vec_all32(int value)
{
    return _mm512_set1_epi32(value);
}

static inline vec vec_broadcast4(const void *x)
{
    int32_t word;

    memcpy(&word, x, sizeof word);
    return _mm512_set1_epi32(word);
}

static inline vec vec_and(vec a, vec b)
{
    return _mm512_and_si512(a, b);
}

static inline vec vec_or(vec a, vec b)
{
    return _mm512_or_si512(a, b);
}

static inline vec vec_xor(vec a, vec b)
{
    return _mm512_xor_si512(a, b);
}

static inline vec vec_add8(vec a, vec b)
{
    return _mm512_add_epi8(a, b);
}

static inline vec vec_add16(vec a, vec b)
{
    return _mm512_add_epi16(a, b);
}

static inline vec vec_add32(vec a, vec b)
{
    return _mm512_add_epi32(a, b);
}

static inline vec vec_sub16(vec a, vec b)
{
    return _mm512_sub_epi16(a, b);
}

static inline vec vec_mul16(vec a, vec b)
{
    return _mm512_mullo_epi16(a, b);
}

static inline vec vec_mul16_rounded(vec a, vec b)
{
    return _mm512_mulhrs_epi16(a, b);
}

static inline vec vec_pack16(vec a, vec b)
{
    return _mm512_packs_epi16(a, b);
}

static inline vec vec_low8(vec a, vec b)
{
    return _mm512_unpacklo_epi8(a, b);
}

static inline vec vec_high8(vec a, vec b)
{
    return _mm512_unpackhi_epi8(a, b);
}

#define vec_right16(v, bits)        _mm512_srli_epi16(v, bits)
#define vec_right16_signed(v, bits) _mm512_srai_epi16(v, bits)
#define vec_right32_signed(v, bits) _mm512_srai_epi32(v, bits)

static inline vec vec_pairs8(vec u, vec x)
{
    return _mm512_maddubs_epi16(u, x);
}

static inline vec vec_pairs16(vec a, vec b)
{
    return _mm512_madd_epi16(a, b);
}

static inline vec vec_signed_pairs8(vec w, vec x)
{
    const __mmask64 negative = _mm512_movepi8_mask(w);

    x = _mm512_mask_sub_epi8(x, negative, _mm512_setzero_si512(), x);
    return _mm512_maddubs_epi16(_mm512_abs_epi8(w), x);
}

static inline vec vec_wide_first(vec v)
{
    const __m128i order = _mm_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13);

    return _mm512_srai_epi16(_mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(order)), 8);
}

static inline vec vec_wide_last(vec v)
{
    const __m128i order = _mm_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15);

    return _mm512_srai_epi16(_mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(order)), 8);
}

/* ---- lanes of 16 bytes, for look-ups ---- */

static inline vec vec_lookup8(vec tables, vec indices)
{
    return _mm512_shuffle_epi8(tables, indices);
}

/* x, negated where s is negative. */
static inline vec vec_sign8(vec x, vec s)
{
    return _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(s), _mm512_setzero_si512(), x);
}

static inline vec vec_lanes(const void *from)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128(from));
}

/* 16 bytes a lane: from q, q + group, q + apart and q + apart + group. */
static inline vec vec_groups(const uint8_t *q, int group, int apart)
{
    vec v = _mm512_castsi128_si512(_mm_loadu_si128((const void *)q));

    v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(q + group)), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(q + apart)), 2);
    return _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(q + apart + group)), 3);
}

static inline void vec_lanes_add(int32_t *to, vec v)
{
    __m256i sum = _mm256_loadu_si256((const void *)to);

    for (int h = 0; h < 2; h++) {
        const __m256i half = h ? _mm512_extracti64x4_epi64(v, 1) : _mm512_castsi512_si256(v);
        sum = _mm256_add_epi32(sum, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(half)));
        sum = _mm256_add_epi32(sum, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(half, 1)));
    }
    _mm256_storeu_si256((void *)to, sum);
}

static inline vecf vecf_zero(void)
{
    return _mm512_setzero_ps();
}

static inline vecf vecf_all(float value)
{
    return _mm512_set1_ps(value);
}

static inline vecf vecf_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

static inline vecf vecf_load_f16(const uint16_t *from)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)from));
}

static inline void vecf_store(float *to, vecf v)
{
    _mm512_storeu_ps(to, v);
}

static inline vecf vecf_add(vecf a, vecf b)
{
    return _mm512_add_ps(a, b);
}

static inline vecf vecf_fma(vecf a, vecf b, vecf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

#endif
