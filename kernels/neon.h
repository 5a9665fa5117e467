/* SPDX-License-Identifier: MIT
 *
 * What the Arm files share. static inline: a copy compiled with an extension's flags must never
 * serve another file. */
#ifndef KERNELS_NEON_H
#define KERNELS_NEON_H

#include <arm_neon.h>
#include <stdint.h>

enum { NEON_PAIRS = 2 };  /* gemv_ops.pairs: 16 sums of 4 rows */
enum { NEON_TOKENS = 6 }; /* of a GEMM's tile: 24 sums of 4 rows, and 8 registers for operands */

/* The instructions take the number of a lane as a constant, and a loop's variable becomes one only
 * when the loop is unrolled. */
#define NEON_LANES(instruction, sum, w, x, lane)                                                   \
    do {                                                                                           \
        switch (lane) {                                                                            \
        case 0:                                                                                    \
            return instruction(sum, w, x, 0);                                                      \
        case 1:                                                                                    \
            return instruction(sum, w, x, 1);                                                      \
        case 2:                                                                                    \
            return instruction(sum, w, x, 2);                                                      \
        default:                                                                                   \
            return instruction(sum, w, x, 3);                                                      \
        }                                                                                          \
    } while (0)

/* Keeps loads in the order as written: a compiler that makes them all at once runs out of
 * registers, and every sum goes through memory. */
#define IN_ORDER() __asm__ volatile("" ::: "memory")

/* A tile's packed activations of one word a token, and zeros behind them. Reads no more than they
 * are: they may be the last of their buffer. */
static inline __attribute__((always_inline)) void load_words(uint32x4_t x[2], const void *from,
                                                             const int tokens)
{
    const uint32_t *words = from;
    const int left = tokens > 4 ? tokens - 4 : tokens;
    uint32x4_t last = vdupq_n_u32(0);

    if (left == 4)
        last = vld1q_u32(words);
    else if (left == 1)
        last = vld1q_lane_u32(words + tokens - 1, last, 0);
    else
        last = vcombine_u32(vld1_u32(words + tokens - left), vget_low_u32(last));
    if (left == 3)
        last = vld1q_lane_u32(words + tokens - 1, last, 2);
    x[0] = tokens > 4 ? vld1q_u32(words) : last;
    x[1] = tokens > 4 ? last : vdupq_n_u32(0);
}

/* sum[r] += w[r] * x[lane] */
static inline __attribute__((always_inline)) float32x4_t fma_lane(float32x4_t sum, float32x4_t w,
                                                                  float32x4_t x, const int lane)
{
    NEON_LANES(vfmaq_laneq_f32, sum, w, x, lane);
}

/* 4 rows of 4 columns and of the next 4 into 4 rows of 8. */
static inline void store_pair(uint8_t *to, uint8x16_t low, uint8x16_t high)
{
    const uint32x4_t a = vreinterpretq_u32_u8(low), b = vreinterpretq_u32_u8(high);

    vst1q_u8(to, vreinterpretq_u8_u32(vzip1q_u32(a, b)));
    vst1q_u8(to + 16, vreinterpretq_u8_u32(vzip2q_u32(a, b)));
}

#ifdef __ARM_FEATURE_DOTPROD
/* sum[r] += the products of w's row r, 4 columns, with columns 4 lane .. 4 lane + 3 of x */
static inline __attribute__((always_inline)) int32x4_t dot_lane(int32x4_t sum, int8x16_t w,
                                                                int8x16_t x, const int lane)
{
    NEON_LANES(vdotq_laneq_s32, sum, w, x, lane);
}
#endif

#endif
