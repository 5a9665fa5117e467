/* SPDX-License-Identifier: MIT */
#ifndef KERNELS_AVX512VNNI_H
#define KERNELS_AVX512VNNI_H

#include "kernels/avx512.h"

#define VEC_DPBUSD 1

/* int32 sum += four products, unsigned bytes u and signed bytes x; it wraps and never saturates. */
static inline vec vec_dpbusd(vec sum, vec u, vec x)
{
    sum = _mm512_dpbusd_epi32(sum, u, x);
    HIDE(sum); /* the compiler would copy it: a move, or a spill */
    return sum;
}

#endif
