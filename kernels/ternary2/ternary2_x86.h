/* SPDX-License-Identifier: MIT
 *
 * ternary2's inner loops for every x86 instruction set, in terms of avx2.h's or avx512.h's vectors,
 * which the including file chooses. */
#include "kernels/gemv.h"
#include "kernels/ternary2/codes_x86.h"

enum { BLOCK_COLS = 16, BLOCK_BYTES = 64 };

/* The i-th group of 4 columns of a block, as bytes. */
static inline vec codes_of(vec block, int i)
{
    switch (i) {
    case 1:
        block = vec_right16(block, 2);
        break;
    case 2:
        block = vec_right16(block, 4);
        break;
    case 3:
        block = vec_right16(block, 6);
        break;
    default:
        break;
    }
    return vec_and(block, vec_all8(3));
}

/* A block's 16 columns of panels * VECS vectors, onto a token's sums: each vector is loaded once.
 */
static inline __attribute__((always_inline)) void block_1(vec part[][GEMV_GROUP][CHAINS],
                                                          const uint8_t *w, size_t stride,
                                                          const int8_t *x, const int panels)
{
    vec xs[4];

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        xs[i] = vec_broadcast4(x + CODES_GROUP * i);
#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++) {
        const uint8_t *wp = w + (size_t)(j / VECS) * stride;
        if (j % VECS == 0)
            _mm_prefetch((const char *)wp + GEMV_AHEAD_TERNARY, _MM_HINT_T0);
        const vec block = vec_load(wp + j % VECS * VEC_BYTES);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            part[j][0][i % CHAINS] = dot(part[j][0][i % CHAINS], codes_of(block, i), xs[i]);
    }
}

/* Onto several tokens' sums: a vector of codes is unpacked once. */
static inline __attribute__((always_inline)) void block_n(vec part[][GEMV_GROUP][CHAINS],
                                                          const uint8_t *w, size_t stride,
                                                          const int8_t *x, size_t apart,
                                                          const int panels, const int tokens)
{
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
        _mm_prefetch((const char *)w + (size_t)p * stride + GEMV_AHEAD_TERNARY, _MM_HINT_T0);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        vec xs[GEMV_GROUP];
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
            xs[t] = vec_broadcast4(x + (size_t)t * apart + CODES_GROUP * i);
#pragma GCC unroll 4
        for (int j = 0; j < panels * VECS; j++) {
            const vec block = vec_load(w + (size_t)(j / VECS) * stride + j % VECS * VEC_BYTES);
            const vec codes = codes_of(block, i);
#pragma GCC unroll 4
            for (int t = 0; t < tokens; t++) {
                part[j][t][0] = dot(part[j][t][0], codes, xs[t]);
                HERE(part[j][t][0]);
            }
        }
    }
}

/* `panels` panels at a time, `stride` bytes apart; tokens' x are `apart` bytes apart. */
static inline __attribute__((always_inline)) void sums_n(int32_t *v, const uint8_t *w,
                                                         size_t stride, const int8_t *x,
                                                         size_t apart, int cols, const int panels,
                                                         const int tokens)
{
    const int chains = tokens == 1 ? CHAINS : 1;
    vec sum[GEMV_PANELS * VECS][GEMV_GROUP];

#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
            sum[j][t] = vec_zero();
    for (int k = 0; k < cols; k += TILE_FLUSH) {
        const int n = cols - k < TILE_FLUSH ? cols - k : TILE_FLUSH;
        vec part[GEMV_PANELS * VECS][GEMV_GROUP][CHAINS];

#pragma GCC unroll 4
        for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
            for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
                for (int i = 0; i < chains; i++)
                    part[j][t][i] = vec_zero();
        for (int c = 0; c < n; c += BLOCK_COLS, w += BLOCK_BYTES)
            if (tokens == 1)
                block_1(part, w, stride, x + k + c, panels);
            else
                block_n(part, w, stride, x + k + c, apart, panels, tokens);
#pragma GCC unroll 4
        for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
            for (int t = 0; t < tokens; t++)
#pragma GCC unroll 4
                for (int i = 0; i < chains; i++)
                    sum[j][t] = vec_add32(sum[j][t], widen(part[j][t][i]));
    }
#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
            vec_store((char *)(v + (j / VECS * tokens + t) * PANEL_ROWS) + j % VECS * VEC_BYTES,
                      sum[j][t]);
}

static void sums(void *v, const void *panel, size_t stride, const struct acts *x, int tokens,
                 int cols, int panels)
{
    GEMV_FIXED(sums_n, PAIRS, tokens, panels, v, panel, stride, x->q8, (size_t)x->stride, cols);
}

static const struct gemv_ops gemv_ops = {
    .family = &ternary2, .offset = 1, .group = GEMV_GROUP, .pairs = PAIRS, .sums = sums
};

/* Codes as bytes: groups of 4 columns, row after row. */
static void unpack_block(void *w, const void *panel, int k, int n)
{
    const char *from = (const char *)panel + (size_t)(k / BLOCK_COLS) * BLOCK_BYTES;
    char *to = w;

    for (int b = 0; b < n / BLOCK_COLS; b++, from += BLOCK_BYTES)
#pragma GCC unroll 4
        for (int i = 0; i < BLOCK_COLS / CODES_GROUP; i++)
            for (int h = 0; h < BLOCK_BYTES; h += VEC_BYTES, to += VEC_BYTES)
                vec_store(to, codes_of(vec_load(from + h), i));
}

static const struct gemm_ops gemm_ops = { .family = &ternary2,
                                          .tokens = TILE_TOKENS,
                                          .w_size = 1,
                                          .x_size = 1,
                                          .unpack = unpack_block,
                                          .tile = codes_tile,
                                          .few = &gemv_ops,
                                          .offset = 1 };
