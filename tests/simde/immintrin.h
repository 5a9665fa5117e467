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
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define _MM_FROUND_NO_EXC                  SIMDE_MM_FROUND_NO_EXC
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

static inline __m512i shim_mm512_srai_epi32(__m512i v, int bits)
{
    union {
        __m512i all;
        int32_t lanes[16];
    } words = { .all = v };

    for (int i = 0; i < 16; i++)
        words.lanes[i] >>= bits;
    return words.all;
}
#define _mm512_srai_epi32(v, bits) shim_mm512_srai_epi32(v, bits)

/* SIMDe's read, and write back, what the mask leaves out. */
static inline void shim_masked(float *to, const float *from, const void *mask, int n)
{
    int32_t lanes[8];

    memcpy(lanes, mask, (size_t)n * sizeof *lanes);
    for (int i = 0; i < n; i++)
        if (lanes[i] < 0)
            to[i] = from[i];
}

static inline __m128 shim_mm_maskload_ps(const float *from, __m128i mask)
{
    float v[4] = { 0 };

    shim_masked(v, from, &mask, 4);
    return _mm_loadu_ps(v);
}

static inline __m256 shim_mm256_maskload_ps(const float *from, __m256i mask)
{
    float v[8] = { 0 };

    shim_masked(v, from, &mask, 8);
    return _mm256_loadu_ps(v);
}

static inline void shim_mm256_maskstore_ps(float *to, __m256i mask, __m256 from)
{
    float v[8];

    _mm256_storeu_ps(v, from);
    shim_masked(to, v, &mask, 8);
}
#undef _mm_maskload_ps
#undef _mm256_maskload_ps
#undef _mm256_maskstore_ps
#define _mm_maskload_ps(from, mask)      shim_mm_maskload_ps(from, mask)
#define _mm256_maskload_ps(from, mask)   shim_mm256_maskload_ps(from, mask)
#define _mm256_maskstore_ps(to, mask, v) shim_mm256_maskstore_ps(to, mask, v)

/* AMX, which SIMDe does not have: eight tiles of 16 rows of 64 bytes, as the manual describes them.
 * What is wrong there, as a tile that is not set up, ends the program. */

static __thread struct {
    int in_use;
    struct {
        unsigned rows, bytes;
        uint8_t data[16][64];
    } tile[8];
} shim_amx;

#define SHIM_NEED(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static inline void shim_tile_loadconfig(const void *memory)
{
    const uint8_t *config = memory;

    SHIM_NEED(config[0] == 1 && config[1] == 0);
    memset(&shim_amx, 0, sizeof shim_amx);
    shim_amx.in_use = 1;
    for (int i = 0; i < 8; i++) {
        shim_amx.tile[i].rows = config[48 + i];
        shim_amx.tile[i].bytes = config[16 + 2 * i] | (unsigned)config[17 + 2 * i] << 8;
        SHIM_NEED(shim_amx.tile[i].rows <= 16 && shim_amx.tile[i].bytes <= 64);
        SHIM_NEED(!shim_amx.tile[i].rows == !shim_amx.tile[i].bytes);
    }
}

static inline void shim_tile_release(void)
{
    memset(&shim_amx, 0, sizeof shim_amx);
}

static inline void shim_tile_zero(int t)
{
    SHIM_NEED(shim_amx.in_use && shim_amx.tile[t].rows);
    memset(shim_amx.tile[t].data, 0, sizeof shim_amx.tile[t].data);
}

static inline void shim_tile_loadd(int t, const void *from, size_t stride)
{
    shim_tile_zero(t);
    for (unsigned r = 0; r < shim_amx.tile[t].rows; r++)
        memcpy(shim_amx.tile[t].data[r], (const char *)from + r * stride, shim_amx.tile[t].bytes);
}

static inline void shim_tile_stored(int t, void *to, size_t stride)
{
    SHIM_NEED(shim_amx.in_use && shim_amx.tile[t].rows);
    for (unsigned r = 0; r < shim_amx.tile[t].rows; r++)
        memcpy((char *)to + r * stride, shim_amx.tile[t].data[r], shim_amx.tile[t].bytes);
}

/* c (rows of a, columns of b) += a . b by groups of four bytes; those of b have a sign or not. */
static inline void shim_tile_dot(int c, int a, int b, int b_signed)
{
    const unsigned rows = shim_amx.tile[c].rows, words = shim_amx.tile[a].bytes / 4;
    const unsigned columns = shim_amx.tile[c].bytes / 4;

    SHIM_NEED(shim_amx.in_use && rows && rows == shim_amx.tile[a].rows);
    SHIM_NEED(words == shim_amx.tile[b].rows && columns == shim_amx.tile[b].bytes / 4);
    for (unsigned m = 0; m < rows; m++)
        for (unsigned n = 0; n < columns; n++) {
            int32_t sum;
            memcpy(&sum, shim_amx.tile[c].data[m] + 4 * n, sizeof sum);
            for (unsigned k = 0; k < words; k++)
                for (unsigned i = 0; i < 4; i++) {
                    const uint8_t byte = shim_amx.tile[b].data[k][4 * n + i];
                    const int right = b_signed ? (int8_t)byte : byte;
                    sum += (int8_t)shim_amx.tile[a].data[m][4 * k + i] * right;
                }
            memcpy(shim_amx.tile[c].data[m] + 4 * n, &sum, sizeof sum);
        }
}

#define _tile_loadconfig(memory)     shim_tile_loadconfig(memory)
#define _tile_release()              shim_tile_release()
#define _tile_zero(t)                shim_tile_zero(t)
#define _tile_loadd(t, from, stride) shim_tile_loadd(t, from, stride)
#define _tile_stored(t, to, stride)  shim_tile_stored(t, to, stride)
#define _tile_dpbssd(c, a, b)        shim_tile_dot(c, a, b, 1)
#define _tile_dpbsud(c, a, b)        shim_tile_dot(c, a, b, 0)

#endif
