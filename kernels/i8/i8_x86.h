/* SPDX-License-Identifier: MIT
 *
 * i8's inner loops for every x86 instruction set, in terms of avx2.h's or avx512.h's vectors, which
 * the including file chooses. */
#include "kernels/gemv.h"

enum { GROUP = 4, GROUP_BYTES = GROUP * PANEL_ROWS };

#ifdef VEC_DPBUSD
/* vpdpbusd takes one unsigned operand: w ^ 0x80 is w + 128, and 128 times the token's sum is taken
 * off at the end. The sums on the way may be beyond 2^31, and wrap. */
enum { OFFSET = 128, CHAINS = 2 };

static inline vec shifted(vec w)
{
    return vec_xor(w, vec_all8(-128));
}

/* sum += the products of 4 columns. */
static inline vec dot4(vec sum, vec w, vec x)
{
    return vec_dpbusd(sum, shifted(w), x);
}

enum { TILE_COLUMNS = 4 };

static inline vec dot(vec sum, vec w, vec x)
{
    return vec_dpbusd(sum, w, x);
}
#else
enum { OFFSET = 0, CHAINS = 1 };

static inline vec dot4(vec sum, vec w, vec x)
{
    return vec_add32(sum, vec_pairs16(vec_signed_pairs8(w, x), vec_all16(1)));
}

/* GEMM unpacks weights as int16, in pairs of columns: one pair of all 16 rows after the other, so
 * that a product with a broadcast pair of activations needs one vpmaddwd. */
enum { TILE_COLUMNS = 2 };

static inline vec dot(vec sum, vec w, vec x)
{
    return vec_add32(sum, vec_pairs16(w, x));
}
#endif

/* `panels` panels at a time, `stride` bytes apart; tokens' x are `apart` bytes apart. CHAINS
 * groups, with sums of their own where there is one token, to hide the latency of a dot product. */
static inline __attribute__((always_inline)) void sums_n(int32_t *v, const int8_t *w, size_t stride,
                                                         const int8_t *x, size_t apart, int cols,
                                                         const int panels, const int tokens)
{
    const int chains = tokens == 1 ? CHAINS : 1;
    const size_t ahead = tokens == 1 ? GEMV_AHEAD : GEMV_AHEAD_TOKENS;
    vec sum[GEMV_PANELS * VECS][GEMV_GROUP][CHAINS];

#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
            for (int i = 0; i < chains; i++)
                sum[j][t][i] = vec_zero();
    for (int c = 0; c < cols; c += CHAINS * GROUP)
#pragma GCC unroll 2
        for (int i = 0; i < CHAINS; i++, w += GROUP_BYTES) {
            vec xc[GEMV_GROUP];
#pragma GCC unroll 4
            for (int t = 0; t < tokens; t++)
                xc[t] = vec_broadcast4(x + (size_t)t * apart + (size_t)(c + i * GROUP));
#pragma GCC unroll 4
            for (int j = 0; j < panels * VECS; j++) {
                const int8_t *wp = w + (size_t)(j / VECS) * stride;
                if (j % VECS == 0)
                    gemv_fetch(wp + ahead);
                const vec wj = vec_load(wp + j % VECS * VEC_BYTES);
#pragma GCC unroll 4
                for (int t = 0; t < tokens; t++)
                    sum[j][t][i % chains] = dot4(sum[j][t][i % chains], wj, xc[t]);
            }
        }
#pragma GCC unroll 4
    for (int j = 0; j < panels * VECS; j++)
#pragma GCC unroll 4
        for (int t = 0; t < tokens; t++) {
#pragma GCC unroll 2
            for (int i = 1; i < chains; i++)
                sum[j][t][0] = vec_add32(sum[j][t][0], sum[j][t][i]);
            vec_store((char *)(v + (j / VECS * tokens + t) * PANEL_ROWS) + j % VECS * VEC_BYTES,
                      sum[j][t][0]);
        }
}

static void sums(void *v, const void *panel, size_t stride, const struct acts *x, int tokens,
                 int cols, int panels)
{
    GEMV_FIXED(sums_n, PAIRS, tokens, panels, v, panel, stride, x->q8, (size_t)x->stride, cols);
}

static const struct gemv_ops gemv_ops = { .family = &i8,
                                          .offset = OFFSET,
                                          .group = GEMV_GROUP,
                                          .panels = GEMV_PANELS,
                                          .pairs = PAIRS,
                                          .sums = sums };

enum { TILE_FLUSH = 1 << 17 }; /* sums are int32 already */

static inline vec widen(vec sum)
{
    return sum;
}

#include "kernels/tile_x86.h"

#ifdef VEC_DPBUSD
/* The tile reads packed weights where they lie: beside vpdpbusd there is room for the xor. */
#define UNPACK  NULL
#define OPERAND unsigned_weights

static inline vec unsigned_weights(vec w, int i)
{
    (void)i;
    return shifted(w);
}
#else
#define UNPACK  unpack_block
#define OPERAND tile_as_it_is

static void unpack_block(void *w, const void *panel, int k, int n)
{
    const char *from = (const char *)panel + (size_t)k * PANEL_ROWS;
    char *to = w;

    for (int c = 0; c < n; c += GROUP, from += GROUP_BYTES, to += 2 * GROUP_BYTES)
        for (int h = 0; h < GROUP_BYTES; h += VEC_BYTES) {
            const vec bytes = vec_load(from + h);
            vec_store(to + h, vec_wide_first(bytes));
            vec_store(to + GROUP_BYTES + h, vec_wide_last(bytes));
        }
}
#endif

static void tile(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh)
{
    VEC_TILE(tile_n, tokens, c, ldc, w, x, n, fresh, 1, OPERAND);
}

static const struct gemm_ops gemm_ops = { .family = &i8,
                                          .tokens = TILE_TOKENS,
                                          .w_size = GROUP / TILE_COLUMNS,
                                          .x_size = GROUP / TILE_COLUMNS,
                                          .unpack = UNPACK,
                                          .tile = tile,
                                          .few = &gemv_ops,
                                          .offset = OFFSET };
