/* SPDX-License-Identifier: MIT
 *
 * The register tile of integer GEMMs on x86, TILE_TOKENS tokens at most. The including file says
 * before by what vectors (avx2.h, avx512.h), and
 *     TILE_COLUMNS       the columns of a word of x
 *     TILE_FLUSH         after so many columns sums are widened
 *     dot(sum, w, x)     a sum with these columns' products
 *     widen(sum)         the sum as int32 */
#ifndef KERNELS_TILE_X86_H
#define KERNELS_TILE_X86_H

/* The weights of word i of x, row after row, from a vector of those 64 bytes of w that serve
 * several words. */
typedef vec tile_operand_fn(vec w, int i);

/* w as dot takes it: 64 bytes serve one word. */
static inline vec tile_as_it_is(vec w, int i)
{
    (void)i;
    return w;
}

static inline __attribute__((always_inline)) void tile_n(int32_t *c, size_t ldc, const char *w,
                                                         const int32_t *x, int n, bool fresh,
                                                         const int words, tile_operand_fn *weights,
                                                         const int tokens)
{
    for (int k = 0; k < n; k += TILE_FLUSH) {
        const int end = n - k < TILE_FLUSH ? n : k + TILE_FLUSH;
        vec part[TILE_TOKENS][VECS];

#pragma GCC unroll 12
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
            for (int h = 0; h < VECS; h++)
                part[t][h] = vec_zero();
#pragma GCC unroll 4
        for (int col = k; col < end; col += words * TILE_COLUMNS, w += VECS * VEC_BYTES)
#pragma GCC unroll 4
            for (int i = 0; i < words; i++, x += tokens) {
                vec wi[VECS];
#pragma GCC unroll 2
                for (int h = 0; h < VECS; h++)
                    wi[h] = weights(vec_load(w + h * VEC_BYTES), i);
#pragma GCC unroll 12
                for (int t = 0; t < tokens; t++) {
                    const vec xt = vec_all32(x[t]);
#pragma GCC unroll 2
                    for (int h = 0; h < VECS; h++)
                        part[t][h] = dot(part[t][h], wi[h], xt);
#pragma GCC unroll 2
                    for (int h = 0; h < VECS; h++)
                        HERE(part[t][h]);
                }
            }
#pragma GCC unroll 12
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
            for (int h = 0; h < VECS; h++) {
                char *at = (char *)(c + (size_t)t * ldc) + h * VEC_BYTES;
                const vec wide = widen(part[t][h]);
                vec_store(at, fresh && k == 0 ? wide : vec_add32(wide, vec_load(at)));
            }
    }
}

#endif
