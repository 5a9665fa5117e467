/* SPDX-License-Identifier: MIT
 *
 * The register tile of integer GEMMs on x86, TILE_TOKENS tokens at most. The including file says
 * before by what vectors (avx2.h, avx512.h), and
 *     TILE_COLUMNS       the columns of a word of x, and of 64 bytes of w, row after row
 *     TILE_FLUSH         after so many columns sums are widened
 *     dot(sum, w, x)     a sum with these columns' products
 *     widen(sum)         the sum as int32 */
#ifndef KERNELS_TILE_X86_H
#define KERNELS_TILE_X86_H

static inline __attribute__((always_inline)) void
tile_n(int32_t *c, size_t ldc, const char *w, const int32_t *x, int n, bool fresh, const int tokens)
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
        for (int i = k; i < end; i += TILE_COLUMNS, w += VECS * VEC_BYTES, x += tokens) {
            vec wi[VECS];
#pragma GCC unroll 2
            for (int h = 0; h < VECS; h++)
                wi[h] = vec_load(w + h * VEC_BYTES);
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
