/* SPDX-License-Identifier: MIT */
#include "kernels/gemm_pack.h"
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

/* Activations are packed in squares of four tokens and four words. */
enum { SQUARE = 4 };
typedef uint32_t square_row __attribute__((vector_size(SQUARE * sizeof(uint32_t))));
typedef int8_t pairs_narrow __attribute__((vector_size(SQUARE * 2 * sizeof(int8_t))));
typedef int16_t pairs_wide __attribute__((vector_size(SQUARE * 2 * sizeof(int16_t))));

/* Activations to pack: a token's first column, and the bytes from token to token. */
struct source {
    const char *from;
    size_t row;
};

/* What is to be packed. */
struct call {
    const struct gemm_ops *ops;
    const struct acts *x;
    int cols; /* of the matrices */
    struct gemm_part part;
};

/* Bytes of an activation before it is packed. */
static size_t size_of_x(const struct gemm_ops *ops)
{
    return ops->family->act == ACT_F32 ? sizeof(float) : 1;
}

/* Rows of AMX's tiles: GEMM_ROW columns of one token, then of the next. */
static void pack_rows(char *to, struct source x, int tokens, int n)
{
    const size_t bytes = (size_t)n;

    for (size_t i = 0; i < bytes; i += GEMM_ROW)
        for (int t = 0; t < tokens; t++, to += GEMM_ROW) {
            const size_t part = bytes - i < GEMM_ROW ? bytes - i : GEMM_ROW;
            memcpy(to, x.from + (size_t)t * x.row + i, part);
        }
}

/* Four words of a token's activations at `from`. */
static inline square_row words_of(const struct gemm_ops *ops, const char *from)
{
    square_row words;

    if (ops->x_size == sizeof(int16_t)) {
        pairs_narrow narrow;
        memcpy(&narrow, from, sizeof narrow);
        const pairs_wide wide = __builtin_convertvector(narrow, pairs_wide);
        memcpy(&words, &wide, sizeof words);
    } else {
        memcpy(&words, from, sizeof words);
    }
    return words;
}

/* Four words of each of four tokens, to where a word's tokens lie side by side, words `apart`
 * elements apart. */
static inline void pack_square(uint32_t *to, size_t apart, square_row a, square_row b, square_row c,
                               square_row d)
{
    const square_row ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const square_row cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const square_row ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const square_row cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const square_row rows[SQUARE] = { __builtin_shufflevector(ab, cd, 0, 1, 4, 5),
                                      __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
                                      __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5),
                                      __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7) };

    for (size_t i = 0; i < SQUARE; i++)
        memcpy(to + i * apart, &rows[i], sizeof rows[i]);
}

/* The first of them, where no more may be read. */
static inline uint32_t word_at(const struct gemm_ops *ops, const char *from)
{
    uint32_t word;

    if (ops->x_size == sizeof(int16_t)) {
        const int16_t pair[2] = { (int8_t)from[0], (int8_t)from[1] };
        memcpy(&word, pair, sizeof word);
    } else {
        memcpy(&word, from, sizeof word);
    }
    return word;
}

/* The words of `tokens` tokens' n columns: a word's tokens side by side. */
static void pack_words(uint32_t *to, const struct gemm_ops *ops, struct source x, int tokens, int n)
{
    const size_t size = size_of_x(ops);
    const size_t apart = (size_t)tokens, step = GEMM_WORD / ops->x_size * size; /* a word's */
    const int words = n * (int)ops->x_size / GEMM_WORD;
    const int in_squares = tokens < SQUARE ? 0 : words / SQUARE * SQUARE;
    const char *from = x.from;

    for (int i = 0; i < in_squares; i += SQUARE, from += SQUARE * step, to += SQUARE * apart)
        for (int done = 0; done < tokens; done += SQUARE) {
            /* The last square takes some tokens once more. */
            const int t = done + SQUARE <= tokens ? done : tokens - SQUARE;
            const char *at = from + (size_t)t * x.row;
            pack_square(to + t, apart, words_of(ops, at), words_of(ops, at + x.row),
                        words_of(ops, at + 2 * x.row), words_of(ops, at + 3 * x.row));
        }
    for (int i = in_squares; i < words; i++, from += step)
        for (int t = 0; t < tokens; t++)
            *to++ = word_at(ops, from + (size_t)t * x.row);
}

static void pack_source(char *to, const struct gemm_ops *ops, struct source x, int tokens, int n)
{
    if (gemm_word(ops) == GEMM_ROW)
        pack_rows(to, x, tokens, n);
    else
        pack_words((uint32_t *)(void *)to, ops, x, tokens, n);
}

_Static_assert(GEMM_ORDER % GEMM_ROW == 0, "a part ends where a row does");

/* Columns in the order of the weights, some at a time. */
static void pack_ordered(char *to, const struct gemm_ops *ops, struct source x, int tokens, int n)
{
    int8_t ordered[GEMM_TOKENS_MAX][GEMM_ORDER];
    const struct source part = { (const char *)ordered, GEMM_ORDER };

    for (int c = 0; c < n; c += GEMM_ORDER) {
        const int columns = n - c < GEMM_ORDER ? n - c : GEMM_ORDER;
        for (int t = 0; t < tokens; t++)
            ops->order(ordered[t], (const int8_t *)x.from + (size_t)t * x.row + c, columns);
        pack_source(to + (size_t)tokens * ops->x_size * (size_t)c, ops, part, tokens, columns);
    }
}

/* The i-th of the part's tiles. */
static void pack_tile(const struct call *call, int i, char *packed)
{
    const struct gemm_part *part = &call->part;
    const struct gemm_ops *ops = call->ops;
    const size_t size = size_of_x(ops), row = (size_t)call->x->stride * size;
    const char *x =
        ops->family->act == ACT_F32 ? (const char *)call->x->f32 : (const char *)call->x->q8;
    const int tiles = gemm_tiles(ops, part->tokens);
    const int begin = gemm_tile_begin(part->tokens, tiles, i);
    const int tokens = gemm_tile_begin(part->tokens, tiles, i + 1) - begin;
    const struct source from = { x + (size_t)(part->token + begin) * row + (size_t)part->k * size,
                                 row };
    char *to = packed + (size_t)begin * gemm_packed(ops, part->n);

    if (ops->order)
        pack_ordered(to, ops, from, tokens, part->n);
    else
        pack_source(to, ops, from, tokens, part->n);
}

/* ---- activations that threads share ---- */

/* Of a tile of tokens and a block of columns. */
enum state { NOT_PACKED, BEING_PACKED, PACKED };
typedef _Atomic unsigned char tile_state;

/* States of a token that is a tile's first: of each block of columns that may be. */
static size_t states_of(int cols)
{
    return (size_t)cols / BLOCK_COLS_LEAST + 1;
}

/* States come before what they are of. */
static size_t state_bytes(int cols, int tokens)
{
    const size_t bytes = (size_t)tokens * states_of(cols) * sizeof(tile_state);

    return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

size_t gemm_share_bytes(int cols, int tokens)
{
    const size_t row = (size_t)padded_cols(cols) * sizeof(float); /* the widest that they become */

    return state_bytes(cols, tokens) +
           (size_t)tokens * ((row + GEMM_ROW - 1) / GEMM_ROW * GEMM_ROW);
}

struct acts gemm_share(const struct acts *x, void *memory, int cols)
{
    struct acts shared = *x;

    memset(memory, NOT_PACKED, state_bytes(cols, x->count));
    shared.shared = memory;
    return shared;
}

/* Of the part's i-th tile. */
static tile_state *state_of(const struct call *call, int i)
{
    const struct gemm_part *part = &call->part;
    const int begin = gemm_tile_begin(part->tokens, gemm_tiles(call->ops, part->tokens), i);

    return (tile_state *)call->x->shared + (size_t)(part->token + begin) * states_of(call->cols) +
           (size_t)(part->k / BLOCK_COLS_LEAST);
}

/* Packed by this thread and by others that need them, too. A tile that another one is at takes it
 * some microseconds. */
static const char *pack_shared(const struct call *call)
{
    const struct gemm_part *part = &call->part;
    const int tiles = gemm_tiles(call->ops, part->tokens);
    char *packed =
        (char *)call->x->shared + state_bytes(call->cols, call->x->count) +
        (size_t)part->token * gemm_packed(call->ops, packed_cols(call->ops->family, call->cols)) +
        (size_t)part->tokens * call->ops->x_size * (size_t)part->k;

    for (int i = 0; i < tiles; i++) {
        tile_state *state = state_of(call, i);
        unsigned char was = NOT_PACKED;
        if (!atomic_compare_exchange_strong(state, &was, BEING_PACKED))
            continue;
        pack_tile(call, i, packed);
        atomic_store_explicit(state, PACKED, memory_order_release);
    }
    for (int i = 0; i < tiles; i++)
        while (atomic_load_explicit(state_of(call, i), memory_order_acquire) != PACKED)
            sched_yield();
    return packed;
}

const char *gemm_pack(const struct gemm_ops *ops, const struct acts *x, int cols,
                      const struct gemm_part *part, char *own)
{
    const struct call call = { ops, x, cols, *part };

    if (x->shared)
        return pack_shared(&call);
    for (int i = 0; i < gemm_tiles(ops, part->tokens); i++)
        pack_tile(&call, i, own);
    return own;
}
