/* SPDX-License-Identifier: MIT
 *
 * From columns of 16 rows to the codes that the GEMM tile reads (codes.h). */
#ifndef KERNELS_TERNARY2_CODES_AVX2_H
#define KERNELS_TERNARY2_CODES_AVX2_H

#include <immintrin.h>
#include "kernels/ternary2/codes.h"

/* columns is (4, 16 rows): the codes of one group of columns. */
static inline void codes_interleave(void *codes, const __m128i *columns)
{
    const __m128i ab0 = _mm_unpacklo_epi8(columns[0], columns[1]);
    const __m128i ab1 = _mm_unpackhi_epi8(columns[0], columns[1]);
    const __m128i cd0 = _mm_unpacklo_epi8(columns[2], columns[3]);
    const __m128i cd1 = _mm_unpackhi_epi8(columns[2], columns[3]);
    __m128i *to = codes;

    _mm_storeu_si128(to, _mm_unpacklo_epi16(ab0, cd0));
    _mm_storeu_si128(to + 1, _mm_unpackhi_epi16(ab0, cd0));
    _mm_storeu_si128(to + 2, _mm_unpacklo_epi16(ab1, cd1));
    _mm_storeu_si128(to + 3, _mm_unpackhi_epi16(ab1, cd1));
}

#endif
