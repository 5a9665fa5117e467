/* SPDX-License-Identifier: MIT
 *
 * What the roof's x86 files share, in terms of avx2.h's or avx512.h's vectors, which the including
 * file chooses. */
#include <string.h>
#include "kernels/roof/roof.h"

/* 12 sums, as many as fit in 16 registers beside the operands, and enough for any latency. */
enum { SUMS = 12 };

static inline uint64_t fold(const void *sum)
{
    uint64_t words[VEC_BYTES / sizeof(uint64_t)], total = 0;

    memcpy(words, sum, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        total += words[i];
    return total;
}

/* `add` is one multiply-add of a and b to each of SUMS sums. */
static inline __attribute__((always_inline)) uint64_t products(uint64_t rounds, vec a, vec b,
                                                               vec (*add)(vec sum, vec a, vec b))
{
    vec sum[SUMS];

#pragma GCC unroll 12
    for (int j = 0; j < SUMS; j++)
        sum[j] = vec_all32(j);
    for (uint64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 12
        for (int j = 0; j < SUMS; j++) {
            HIDE(a); /* twelve products, not one used twelve times */
            sum[j] = add(sum[j], a, b);
            HIDE(sum[j]);
        }
    }
#pragma GCC unroll 12
    for (int j = 1; j < SUMS; j++)
        sum[0] = vec_add32(sum[0], sum[j]);
    return fold(&sum[0]);
}

#ifndef VEC_DPBUSD
/* Exact int8 x int8 without vpdpbusd: int16 operands, vpmaddwd and vpaddd. */
static inline vec add_pairs16(vec sum, vec a, vec b)
{
    return vec_add32(sum, vec_pairs16(a, b));
}

/* {0, 1, 2} x int8 with 16-bit sums: vpmaddubsw and vpaddw. */
static inline vec add_pairs8(vec sum, vec a, vec b)
{
    return vec_add16(sum, vec_pairs8(a, b));
}

static inline uint64_t multiply_adds_f32(uint64_t rounds)
{
    vecf a = vecf_all(0.75f), b = vecf_all(0.5f), sum[SUMS];

#pragma GCC unroll 12
    for (int j = 0; j < SUMS; j++)
        sum[j] = vecf_all((float)j);
    for (uint64_t i = 0; i < rounds; i++) {
        HIDE(a);
        HIDE(b);
#pragma GCC unroll 12
        for (int j = 0; j < SUMS; j++)
            sum[j] = vecf_fma(sum[j], a, b);
    }
#pragma GCC unroll 12
    for (int j = 1; j < SUMS; j++)
        sum[0] = vecf_add(sum[0], sum[j]);
    return fold(&sum[0]);
}

static inline __attribute__((always_inline)) uint64_t read_n(const char *data, size_t bytes,
                                                             size_t prefetch, const int streams)
{
    enum { STEP = 128 };
    const size_t part = bytes / (size_t)streams;
    vec sum = vec_zero();

    for (size_t i = 0; i < part; i += STEP)
#pragma GCC unroll 8
        for (int s = 0; s < streams; s++) {
            const char *from = data + (size_t)s * part + i;
            vec step = vec_load(from);
            if (prefetch) {
                _mm_prefetch(from + prefetch, _MM_HINT_T0);
                _mm_prefetch(from + prefetch + 64, _MM_HINT_T0);
            }
#pragma GCC unroll 4
            for (int j = VEC_BYTES; j < STEP; j += VEC_BYTES)
                step = vec_or(step, vec_load(from + j));
            sum = vec_or(sum, step);
        }
    return fold(&sum);
}

static inline uint64_t read_streams(const void *data, size_t bytes, int streams, size_t prefetch)
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
#endif
