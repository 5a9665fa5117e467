/* SPDX-License-Identifier: MIT */
#include <arm_neon.h>
#include "kernels/roof/roof.h"

roof_compute_fn roof_i8_i8mm;

enum { SUMS = 24 }; /* as in roof_neon.c */

/* SMMLA: rows of 2 x 8 times 8 x 2, 32 exact multiply-adds. */
uint64_t roof_i8_i8mm(uint64_t rounds)
{
    int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-5);
    int32x4_t sum[SUMS], total = vdupq_n_s32(0);

#pragma GCC unroll 24
    for (int j = 0; j < SUMS; j++)
        sum[j] = vdupq_n_s32(j);
    for (uint64_t i = 0; i < rounds; i++) {
        __asm__ volatile("" : "+w"(a), "+w"(b));
#pragma GCC unroll 24
        for (int j = 0; j < SUMS; j++)
            sum[j] = vmmlaq_s32(sum[j], a, b);
    }
#pragma GCC unroll 24
    for (int j = 0; j < SUMS; j++)
        total = vaddq_s32(total, sum[j]);
    return (uint32_t)vaddvq_s32(total);
}
