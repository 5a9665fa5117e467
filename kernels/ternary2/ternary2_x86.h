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

/* `panels` panels at a time, `stride` bytes apart. */
static inline __attribute__((always_inline)) void
sums_n(int32_t *v, const uint8_t *w, size_t stride, const int8_t *x, int cols, const int panels)
{
    vec sum[GEMV_PANELS * VECS];

#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++)
        sum[j] = vec_zero();
    for (int k = 0; k < cols; k += TILE_FLUSH) {
        const int n = cols - k < TILE_FLUSH ? cols - k : TILE_FLUSH;
        vec part[GEMV_PANELS * VECS][CHAINS];

#pragma GCC unroll 4
        for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
            for (int i = 0; i < CHAINS; i++)
                part[j][i] = vec_zero();
        for (int c = 0; c < n; c += BLOCK_COLS, w += BLOCK_BYTES) {
            vec xs[4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++)
                xs[i] = vec_broadcast4(x + k + c + CODES_GROUP * i);
#pragma GCC unroll 4
            for (int j = 0; j < panels * VECS; j++) {
                const uint8_t *wp = w + (size_t)(j / VECS) * stride;
                if (j % VECS == 0)
                    _mm_prefetch((const char *)wp + GEMV_AHEAD_TERNARY, _MM_HINT_T0);
                const vec block = vec_load(wp + j % VECS * VEC_BYTES);
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++)
                    part[j][i % CHAINS] = dot(part[j][i % CHAINS], codes_of(block, i), xs[i]);
            }
        }
#pragma GCC unroll 4
        for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
            for (int i = 0; i < CHAINS; i++)
                sum[j] = vec_add32(sum[j], widen(part[j][i]));
    }
#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++)
        vec_store((char *)v + j * VEC_BYTES, sum[j]);
}

static void sums(void *v, const void *panel, size_t stride, const struct acts *x, int cols,
                 int panels)
{
    if (panels == GEMV_PANELS)
        sums_n(v, panel, stride, x->q8, cols, GEMV_PANELS);
    else
        sums_n(v, panel, stride, x->q8, cols, 1);
}

static const struct gemv_ops gemv_ops = { .family = &ternary2, .offset = 1, .sums = sums };

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
                                          .offset = 1 };
