/* SPDX-License-Identifier: MIT */
#include <immintrin.h>
#include <string.h>
#include "kernels/roof/roof.h"

roof_read_fn roof_read_avx2;
roof_compute_fn roof_f32_avx2, roof_i8_avx2, roof_ternary_avx2;

static inline __attribute__((always_inline)) uint64_t read_n(const char *data, size_t bytes,
                                                             size_t prefetch, const int streams)
{
    const size_t part = bytes / (size_t)streams;
    __m256i sum[4] = { _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                       _mm256_setzero_si256() };
    uint64_t out[4];

    for (size_t i = 0; i < part; i += 128)
        for (int s = 0; s < streams; s++) {
            const char *from = data + (size_t)s * part + i;
            if (prefetch) {
                _mm_prefetch(from + prefetch, _MM_HINT_T0);
                _mm_prefetch(from + prefetch + 64, _MM_HINT_T0);
            }
            for (int j = 0; j < 4; j++)
                sum[j] = _mm256_or_si256(sum[j], _mm256_loadu_si256((const void *)(from + 32 * j)));
        }
    for (int j = 1; j < 4; j++)
        sum[0] = _mm256_or_si256(sum[0], sum[j]);
    memcpy(out, &sum[0], sizeof out);
    return out[0] | out[1] | out[2] | out[3];
}

uint64_t roof_read_avx2(const void *data, size_t bytes, int streams, size_t prefetch)
{
    switch (streams) {
    case 1:
        return read_n(data, bytes, prefetch, 1);
    case 2:
        return read_n(data, bytes, prefetch, 2);
    case 4:
        return read_n(data, bytes, prefetch, 4);
    default:
        return read_n(data, bytes, prefetch, 8);
    }
}

/* 12 sums, as many as fit in 16 registers beside the operands. The empty asm
 * makes an operand opaque to the compiler, so that nothing is taken out of the loop. */
enum { SUMS = 12 };

static uint64_t fold(const void *sums)
{
    uint64_t words[SUMS * 4], total = 0;

    memcpy(words, sums, sizeof words);
    for (int i = 0; i < SUMS * 4; i++)
        total += words[i];
    return total;
}

uint64_t roof_f32_avx2(uint64_t rounds)
{
    __m256 a = _mm256_set1_ps(0.75f), b = _mm256_set1_ps(0.5f), sum[SUMS];

#pragma GCC unroll 12
    for (int j = 0; j < SUMS; j++)
        sum[j] = _mm256_set1_ps((float)j);
    for (uint64_t i = 0; i < rounds; i++) {
        __asm__ volatile("" : "+x"(a), "+x"(b));
#pragma GCC unroll 12
        for (int j = 0; j < SUMS; j++)
            sum[j] = _mm256_fmadd_ps(sum[j], a, b);
    }
    return fold(sum);
}

/* Exact int8 x int8 on AVX2: int16 operands, vpmaddwd and vpaddd, 16 multiply-adds each. */
uint64_t roof_i8_avx2(uint64_t rounds)
{
    __m256i a = _mm256_set1_epi16(3), b = _mm256_set1_epi16(-5), sum[SUMS];

#pragma GCC unroll 12
    for (int j = 0; j < SUMS; j++)
        sum[j] = _mm256_set1_epi32(j);
    for (uint64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 12
        for (int j = 0; j < SUMS; j++) {
            __asm__ volatile("" : "+x"(a)); /* twelve products, not one used twelve times */
            sum[j] = _mm256_add_epi32(sum[j], _mm256_madd_epi16(a, b));
        }
    }
    return fold(sum);
}

/* {0, 1, 2} x int8 with 16-bit sums: vpmaddubsw and vpaddw, 32 multiply-adds each. */
uint64_t roof_ternary_avx2(uint64_t rounds)
{
    __m256i a = _mm256_set1_epi8(2), b = _mm256_set1_epi8(-5), sum[SUMS];

#pragma GCC unroll 12
    for (int j = 0; j < SUMS; j++)
        sum[j] = _mm256_set1_epi16((short)j);
    for (uint64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 12
        for (int j = 0; j < SUMS; j++) {
            __asm__ volatile("" : "+x"(a)); /* twelve products, not one used twelve times */
            sum[j] = _mm256_add_epi16(sum[j], _mm256_maddubs_epi16(a, b));
        }
    }
    return fold(sum);
}
