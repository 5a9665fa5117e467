/* SPDX-License-Identifier: MIT
 *
 * Stands in for the compiler's immintrin.h: the intrinsics in portable C by SIMDe, under their own
 * names, and those that SIMDe 0.7.4 lacks or names wrongly. */
#ifndef TESTS_SIMDE_IMMINTRIN_H
#define TESTS_SIMDE_IMMINTRIN_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>

#define _MM_FROUND_NO_EXC SIMDE_MM_FROUND_NO_EXC
#define _mm256_dpbusd_avx_epi32(sum, u, x) simde_mm256_dpbusd_epi32(sum, u, x)

typedef simde__mmask64 __mmask64;

/* SIMDe's alias takes four arguments. */
#undef _mm512_madd_epi16
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)

static inline __m512 shim_mm512_cvtph_ps(__m256i halves)
{
    union {
        __m256 f32[2];
        __m512 all;
    } wide;

    wide.f32[0] = _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
    wide.f32[1] = _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1));
    return wide.all;
}
#define _mm512_cvtph_ps(halves) shim_mm512_cvtph_ps(halves)

#endif
