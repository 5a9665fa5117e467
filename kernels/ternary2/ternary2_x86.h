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

/* One token's sums of a vector: CHAINS of them, for as many groups of columns, whose codes are
 * taken as they lie in their bytes: 0, 1, 2 of the first, 0, 4, 8 of the second, and so on. So a
 * block is shifted for the groups beyond, not for each. */
#ifdef VEC_DPBUSD
/* As many as hide vpdpbusd's latency. The fourth group's sums are at most 128 * 127 a column: below
 * 2^31 for TILE_FLUSH columns, a quarter of which are of it. */
enum { CHAINS = 4 / VECS, CHAIN_COLS = TILE_FLUSH };

static inline vec quarter(vec sum)
{
    return vec_right32_signed(sum, 2);
}

static inline vec add_part(vec a, vec b)
{
    return vec_add32(a, b);
}
#else
/* A 16-bit lane takes, from each block, two groups of two products of at most 8 * 127: after 8
 * blocks it holds at most 8 * 2 * 2032 = 32512 < 2^15. */
enum { CHAINS = 2, CHAIN_COLS = 8 * BLOCK_COLS };

static inline vec quarter(vec sum)
{
    return vec_right16_signed(sum, 2);
}

static inline vec add_part(vec a, vec b)
{
    return vec_add16(a, b);
}
#endif

/* A block's 16 columns of panels * VECS vectors, onto a token's sums: two groups of columns first,
 * then the other two, so that all sums and operands fit in 16 registers. */
static inline __attribute__((always_inline)) void
block_1(vec sum[][CHAINS], const uint8_t *w, size_t stride, const int8_t *x, const int panels)
{
#pragma GCC unroll 2
    for (int i = 0; i < 4; i += 2) {
        const vec x0 = vec_broadcast4(x + CODES_GROUP * i);
        const vec x1 = vec_broadcast4(x + CODES_GROUP * (i + 1));
#pragma GCC unroll 4
        for (int j = 0; j < panels * VECS; j++) {
            const uint8_t *wp = w + (size_t)(j / VECS) * stride + j % VECS * VEC_BYTES;
            vec *to = sum[j];
            if (!i && j % VECS == 0)
                gemv_fetch_ternary(wp);
            const vec block = i < CHAINS ? vec_load(wp) : vec_right16(vec_load(wp), 4);
            const int a = i % CHAINS, b = (i + 1) % CHAINS;
            to[a] = dot(to[a], vec_and(block, vec_all8(3 << 2 * a)), x0);
            HIDE(to[a]);
            to[b] = dot(to[b], vec_and(block, vec_all8(3 << 2 * b)), x1);
            HIDE(to[b]);
        }
    }
}

/* n columns, CHAIN_COLS at most, onto a token's parts. */
static inline __attribute__((always_inline)) void columns_1(vec part[][GEMV_GROUP],
                                                            const uint8_t *w, size_t stride,
                                                            const int8_t *x, int n,
                                                            const int panels)
{
    vec sum[GEMV_PANELS * VECS][CHAINS];

#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
        for (int i = 0; i < CHAINS; i++)
            sum[j][i] = i ? vec_zero() : part[j][0];
    for (const int8_t *end = x + n; x < end; x += BLOCK_COLS, w += BLOCK_BYTES)
        block_1(sum, w, stride, x, panels);
#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++) {
        part[j][0] = sum[j][CHAINS - 1];
#pragma GCC unroll 4
        for (int i = CHAINS - 2; i >= 0; i--) /* each is 4 times as large as the one below it */
            part[j][0] = add_part(quarter(part[j][0]), sum[j][i]);
    }
}

/* Onto several tokens' sums: a vector of codes is unpacked once. */
static inline __attribute__((always_inline)) void block_n(vec part[][GEMV_GROUP], const uint8_t *w,
                                                          size_t stride, const int8_t *x,
                                                          size_t apart, const int panels,
                                                          const int tokens)
{
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++)
        gemv_fetch_ternary(w + (size_t)p * stride);
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
                part[j][t] = dot(part[j][t], codes, xs[t]);
                HERE(part[j][t]);
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
    vec sum[GEMV_PANELS * VECS][GEMV_GROUP];

#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
            sum[j][t] = vec_zero();
    for (int k = 0; k < cols; k += TILE_FLUSH) {
        const int n = cols - k < TILE_FLUSH ? cols - k : TILE_FLUSH;
        vec part[GEMV_PANELS * VECS][GEMV_GROUP];

#pragma GCC unroll 4
        for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
            for (int t = 0; t < tokens; t++)
                part[j][t] = vec_zero();
        const int step = tokens == 1 ? CHAIN_COLS : BLOCK_COLS;
        for (int c = 0; c < n; c += step, w += step / BLOCK_COLS * BLOCK_BYTES)
            if (tokens == 1)
                columns_1(part, w, stride, x + k + c, n - c < step ? n - c : step, panels);
            else
                block_n(part, w, stride, x + k + c, apart, panels, tokens);
#pragma GCC unroll 4
        for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
            for (int t = 0; t < tokens; t++)
                sum[j][t] = vec_add32(sum[j][t], widen(part[j][t]));
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

static const struct gemv_ops gemv_ops = { .family = &ternary2,
                                          .offset = 1,
                                          .group = GEMV_GROUP,
                                          .panels = GEMV_PANELS,
                                          .pairs = PAIRS,
                                          .sums = sums };

/* Codes as bytes: groups of 4 columns, row after row. */
static inline void unpack_block(void *w, const void *panel, int k, int n)
{
    const char *from = (const char *)panel + (size_t)(k / BLOCK_COLS) * BLOCK_BYTES;
    char *to = w;

    for (int b = 0; b < n / BLOCK_COLS; b++, from += BLOCK_BYTES)
#pragma GCC unroll 4
        for (int i = 0; i < BLOCK_COLS / CODES_GROUP; i++)
            for (int h = 0; h < BLOCK_BYTES; h += VEC_BYTES, to += VEC_BYTES)
                vec_store(to, codes_of(vec_load(from + h), i));
}

#ifdef VEC_DPBUSD
/* The tile reads packed weights where they lie: beside vpdpbusd there is room for shift and mask.
 */
#define UNPACK NULL
#define TILE   packed_tile

static void packed_tile(void *c, size_t ldc, const void *w, const void *x, int tokens, int n,
                        bool fresh)
{
    VEC_TILE(tile_n, tokens, c, ldc, w, x, n, fresh, BLOCK_COLS / CODES_GROUP, codes_of);
}
#else
#define UNPACK unpack_block
#define TILE   codes_tile
#endif

static const struct gemm_ops gemm_ops = { .family = &ternary2,
                                          .tokens = TILE_TOKENS,
                                          .w_size = 1,
                                          .x_size = 1,
                                          .unpack = UNPACK,
                                          .tile = TILE,
                                          .few = &gemv_ops,
                                          .offset = 1 };
