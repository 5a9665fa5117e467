/* SPDX-License-Identifier: MIT
 *
 * Vectors of 256 bits under names that avx512.h has for 512, so that a family's inner loop is
 * written once for both. static inline: a copy compiled with one instruction set's flags must never
 * serve another file. */
#ifndef KERNELS_AVX2_H
#define KERNELS_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#include "kernels/gemm.h"

/* VECS vectors are 64 bytes: 4 columns of a panel as bytes, its 16 rows' sums, or one column. */
enum { VEC_BYTES = 32, VECS = 2 };
typedef __m256i vec; /* bytes, int16 or int32 */
typedef __m256 vecf; /* f32 */

/* A register tile of GEMM has 12 sums, TILE_TOKENS tokens and a panel's rows. */
enum { TILE_TOKENS = 12 / VECS };
#define VEC_TILE GEMM_TILE_6

/* gemv_ops.pairs of sums in vectors. */
enum { PAIRS = GEMV_SUMS / (GEMV_PANELS * VECS) };

/* HERE keeps the order of steps as written, where a value is: a compiler that loads all of a tile's
 * x first runs out of registers, and every sum goes through memory. HIDE also makes the value
 * opaque: no copy of it is made, and nothing is taken out of a loop. Neither is anything where the
 * compiler has no such registers. */
#if defined(__AVX2__)
#define HERE(v) __asm__ volatile("" ::"x"(v))
#define HIDE(v) __asm__ volatile("" : "+x"(v))
#else
#define HERE(v) (void)(v)
#define HIDE(v) (void)(v)
#endif

static inline vec vec_zero(void)
{
    return _mm256_setzero_si256();
}

static inline vec vec_load(const void *from)
{
    return _mm256_loadu_si256(from);
}

static inline void vec_store(void *to, vec v)
{
    _mm256_storeu_si256(to, v);
}

static inline vec vec_all8(int value)
{
    return _mm256_set1_epi8((char)value);
}

static inline vec vec_all16(int value)
{
    return _mm256_set1_epi16((short)value);
}

static inline vec vec_all32(int value)
{
    return _mm256_set1_epi32(value);
}

/* Four bytes in all lanes: activations of four columns, or of two as int16. */
static inline vec vec_broadcast4(const void *x)
{
    int32_t word;

    memcpy(&word, x, sizeof word);
    return _mm256_set1_epi32(word);
}

static inline vec vec_and(vec a, vec b)
{
    return _mm256_and_si256(a, b);
}

static inline vec vec_or(vec a, vec b)
{
    return _mm256_or_si256(a, b);
}

static inline vec vec_xor(vec a, vec b)
{
    return _mm256_xor_si256(a, b);
}

static inline vec vec_add8(vec a, vec b)
{
    return _mm256_add_epi8(a, b);
}

static inline vec vec_add16(vec a, vec b)
{
    return _mm256_add_epi16(a, b);
}

static inline vec vec_add32(vec a, vec b)
{
    return _mm256_add_epi32(a, b);
}

static inline vec vec_sub16(vec a, vec b)
{
    return _mm256_sub_epi16(a, b);
}

static inline vec vec_mul16(vec a, vec b)
{
    return _mm256_mullo_epi16(a, b);
}

/* a * b / 2^15, rounded to the nearest. */
static inline vec vec_mul16_rounded(vec a, vec b)
{
    return _mm256_mulhrs_epi16(a, b);
}

/* Lane by lane: the int16 of a, then those of b, as bytes, which hold them. */
static inline vec vec_pack16(vec a, vec b)
{
    return _mm256_packs_epi16(a, b);
}

/* Lane by lane: the low, or the high, 8 bytes of a and of b by turns. */
static inline vec vec_low8(vec a, vec b)
{
    return _mm256_unpacklo_epi8(a, b);
}

static inline vec vec_high8(vec a, vec b)
{
    return _mm256_unpackhi_epi8(a, b);
}

/* Each int16 right by `bits`, a constant; zeros from the left. */
#define vec_right16(v, bits) _mm256_srli_epi16(v, bits)

/* Each int16 or int32 right by `bits`, a constant; the sign from the left. */
#define vec_right16_signed(v, bits) _mm256_srai_epi16(v, bits)
#define vec_right32_signed(v, bits) _mm256_srai_epi32(v, bits)

/* int16 sums of two products, unsigned bytes u and signed bytes x; they saturate. */
static inline vec vec_pairs8(vec u, vec x)
{
    return _mm256_maddubs_epi16(u, x);
}

/* int32 sums of two products of int16. */
static inline vec vec_pairs16(vec a, vec b)
{
    return _mm256_madd_epi16(a, b);
}

/* vec_pairs8 of |w| and sign(w) x: the products w x of signed bytes, neither of them -128; a sum of
 * two is at most 2 * 127 * 127 < 2^15. */
static inline vec vec_signed_pairs8(vec w, vec x)
{
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
}

/* Of each four bytes two as int16: the first and second, or the third and fourth. */
static inline vec vec_wide_first(vec v)
{
    const __m128i order = _mm_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13);

    return _mm256_srai_epi16(_mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(order)), 8);
}

static inline vec vec_wide_last(vec v)
{
    const __m128i order = _mm_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15);

    return _mm256_srai_epi16(_mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(order)), 8);
}

/* ---- lanes of 16 bytes, for look-ups ---- */

/* The byte of a 16-byte table a lane that an index's low four bits choose; an index is below 128.
 */
static inline vec vec_lookup8(vec tables, vec indices)
{
    return _mm256_shuffle_epi8(tables, indices);
}

/* x, negated where s is negative; s is 0 only where x is. */
static inline vec vec_sign8(vec x, vec s)
{
    return _mm256_sign_epi8(x, s);
}

/* 16 bytes, in every lane. */
static inline vec vec_lanes(const void *from)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(from));
}

/* 16 bytes a lane: from q, and from q + group. */
static inline vec vec_groups(const uint8_t *q, int group, int apart)
{
    const __m128i low = _mm_loadu_si128((const void *)q);
    const __m128i high = _mm_loadu_si128((const void *)(q + group));

    (void)apart; /* of the lanes that are not here */
    return _mm256_set_m128i(high, low);
}

/* to (8 int32) += the sums over all lanes of their 8 int16. */
static inline void vec_lanes_add(int32_t *to, vec v)
{
    const __m256i low = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(v));
    const __m256i high = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(v, 1));
    const __m256i so_far = _mm256_loadu_si256((const void *)to);

    _mm256_storeu_si256((void *)to, _mm256_add_epi32(so_far, _mm256_add_epi32(low, high)));
}

static inline vecf vecf_zero(void)
{
    return _mm256_setzero_ps();
}

static inline vecf vecf_all(float value)
{
    return _mm256_set1_ps(value);
}

static inline vecf vecf_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

static inline vecf vecf_load_f16(const uint16_t *from)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)from));
}

static inline void vecf_store(float *to, vecf v)
{
    _mm256_storeu_ps(to, v);
}

static inline vecf vecf_add(vecf a, vecf b)
{
    return _mm256_add_ps(a, b);
}

/* a b + c */
static inline vecf vecf_fma(vecf a, vecf b, vecf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

#endif
