/* SPDX-License-Identifier: MIT
 *
 * What the AVX2 files share. static inline: a copy compiled with AVX2's flags must never serve
 * another file. */
#ifndef KERNELS_AVX2_H
#define KERNELS_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* Both sums are in registers here: a compiler that computes all addends before it adds them runs
 * out of registers. Emits nothing. */
#define KEEP_ORDER(a, b) __asm__ volatile("" ::"x"(a), "x"(b))

/* Four bytes in all lanes: activations of four columns, or of two as int16. */
static inline __m256i broadcast4(const void *x)
{
    int32_t word;

    memcpy(&word, x, sizeof word);
    return _mm256_set1_epi32(word);
}

#endif
