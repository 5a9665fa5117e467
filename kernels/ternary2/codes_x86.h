/* SPDX-License-Identifier: MIT
 *
 * Products of codes 0, 1, 2 and int8 on x86, in terms of the vectors that the including file
 * chooses before; and the GEMM tile made of them. */
#ifndef KERNELS_TERNARY2_CODES_X86_H
#define KERNELS_TERNARY2_CODES_X86_H

#include "kernels/ternary2/codes.h"

enum { TILE_COLUMNS = CODES_GROUP };

/* dot: part += the products of 4 columns. */
#ifdef VEC_DPBUSD
/* int32, that hold any number of columns. */
enum { TILE_FLUSH = 1 << 17 };

static inline vec dot(vec part, vec codes, vec x)
{
    return vec_dpbusd(part, codes, x);
}

static inline vec widen(vec part)
{
    return part;
}
#else
/* A 16-bit lane takes two products of at most 2 * 127 from each group of 4 columns: after
 * TILE_FLUSH columns it holds at most 64 * 508 = 32512 < 2^15, and is widened. */
enum { TILE_FLUSH = 256 };

static inline vec dot(vec part, vec codes, vec x)
{
    return vec_add16(part, vec_pairs8(codes, x));
}

static inline vec widen(vec part)
{
    return vec_pairs16(part, vec_all16(1));
}
#endif

#include "kernels/tile_x86.h"

_Static_assert((int)TILE_TOKENS == (VECS == 1 ? (int)CODES_TOKENS_AVX512 : (int)CODES_TOKENS_AVX2),
               "codes.h");

static inline void codes_tile(void *c, size_t ldc, const void *w, const void *x, int tokens, int n,
                              bool fresh)
{
    VEC_TILE(tile_n, tokens, c, ldc, w, x, n, fresh, 1, tile_as_it_is);
}

#endif
