/* SPDX-License-Identifier: MIT */
#ifndef KERNELS_AVXVNNI_H
#define KERNELS_AVXVNNI_H

#include "kernels/avx2.h"

#define VEC_DPBUSD 1

/* int32 sum += four products, unsigned bytes u and signed bytes x; it wraps and never saturates. */
static inline vec vec_dpbusd(vec sum, vec u, vec x)
{
    sum = _mm256_dpbusd_avx_epi32(sum, u, x);
    HIDE(sum); /* the compiler would copy it: a move, or a spill */
    return sum;
}

#endif
