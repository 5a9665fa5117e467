/* SPDX-License-Identifier: MIT */
#include <arm_neon.h>
#include <string.h>
#include "kernels/roof/roof.h"

roof_read_fn roof_read_neon;
roof_compute_fn roof_f32_neon, roof_i8_neon;

static inline __attribute__((always_inline)) uint64_t read_n(const char *data, size_t bytes,
                                                             size_t prefetch, const int streams)
{
    const size_t part = bytes / (size_t)streams;
    uint8x16_t sum[8];

#pragma GCC unroll 8
    for (int j = 0; j < 8; j++)
        sum[j] = vdupq_n_u8(0);
    for (size_t i = 0; i < part; i += 128)
        for (int s = 0; s < streams; s++) {
            const char *from = data + (size_t)s * part + i;
            if (prefetch) {
                __builtin_prefetch(from + prefetch);
                __builtin_prefetch(from + prefetch + 64);
            }
#pragma GCC unroll 8
            for (int j = 0; j < 8; j++)
                sum[j] = vorrq_u8(sum[j], vld1q_u8((const uint8_t *)from + 16 * j));
        }
#pragma GCC unroll 8
    for (int j = 1; j < 8; j++)
        sum[0] = vorrq_u8(sum[0], sum[j]);
    const uint64x2_t out = vreinterpretq_u64_u8(sum[0]);
    return vgetq_lane_u64(out, 0) | vgetq_lane_u64(out, 1);
}

uint64_t roof_read_neon(const void *data, size_t bytes, int streams, size_t prefetch)
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

/* 24 sums in 32 registers: enough for four pipes of latency 4. The empty asm makes an operand
 * opaque to the compiler, so that nothing is taken out of the loop. */
enum { SUMS = 24 };

static uint64_t fold(const void *sums)
{
    uint64_t words[SUMS * 2], total = 0;

    memcpy(words, sums, sizeof words);
    for (int i = 0; i < SUMS * 2; i++)
        total += words[i];
    return total;
}

uint64_t roof_f32_neon(uint64_t rounds)
{
    float32x4_t a = vdupq_n_f32(0.75f), b = vdupq_n_f32(0.5f), sum[SUMS];

#pragma GCC unroll 24
    for (int j = 0; j < SUMS; j++)
        sum[j] = vdupq_n_f32((float)j);
    for (uint64_t i = 0; i < rounds; i++) {
        __asm__ volatile("" : "+w"(a), "+w"(b));
#pragma GCC unroll 24
        for (int j = 0; j < SUMS; j++)
            sum[j] = vfmaq_f32(sum[j], a, b);
    }
    return fold(sum);
}

/* int8 x int8 and {0, 1, 2} x int8 alike: SDOT, 16 exact multiply-adds. */
uint64_t roof_i8_neon(uint64_t rounds)
{
    int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-5);
    int32x4_t sum[SUMS];

#pragma GCC unroll 24
    for (int j = 0; j < SUMS; j++)
        sum[j] = vdupq_n_s32(j);
    for (uint64_t i = 0; i < rounds; i++) {
        __asm__ volatile("" : "+w"(a), "+w"(b));
#pragma GCC unroll 24
        for (int j = 0; j < SUMS; j++)
            sum[j] = vdotq_s32(sum[j], a, b);
    }
    return fold(sum);
}
