/* SPDX-License-Identifier: MIT */
#include "kernels/gemm.h"
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include "kernels/panel.h"

enum {
    CACHE_LINE = 64,
    GEMM_STEP = 2048, /* bytes of packed weights to a tile, where x is packed whole: measured */
};

/* Activations are packed in squares of four tokens and four words. */
enum { SQUARE = 4 };
typedef uint32_t square_row __attribute__((vector_size(SQUARE * sizeof(uint32_t))));
typedef int8_t pairs_narrow __attribute__((vector_size(SQUARE * 2 * sizeof(int8_t))));
typedef int16_t pairs_wide __attribute__((vector_size(SQUARE * 2 * sizeof(int16_t))));

static struct {
    size_t l1d, l2;
} caches = { 32 * 1024, 512 * 1024 };

/* What is done at a time. */
struct blocks {
    int cols; /* of x that are packed */
    int step; /* columns of a panel that are unpacked */
    int tokens;
};

struct call {
    const struct gemm_ops *ops;
    float *y;
    size_t ldy;
    const struct wmat *w;
    const struct acts *x;
    int first, last; /* rows */
    int cols;        /* padded */
    struct blocks block;
    size_t panel_bytes;
};

/* Activations to pack: a token's first column, and the bytes from token to token. */
struct source {
    const char *from;
    size_t row;
};

/* A block of tokens and columns that is under way. */
struct part {
    int token, tokens;
    int k, n;
    const char *packed;
};

void gemm_caches(size_t l1d, size_t l2)
{
    caches.l1d = l1d ? l1d : caches.l1d;
    caches.l2 = l2 ? l2 : caches.l2;
}

static int least(size_t a, size_t b)
{
    return (int)(a < b ? a : b);
}

static size_t word_of(const struct gemm_ops *ops)
{
    return ops->word ? ops->word : GEMM_WORD;
}

/* Bytes of an activation before it is packed. */
static size_t size_of_x(const struct gemm_ops *ops)
{
    return ops->family->act == ACT_F32 ? sizeof(float) : 1;
}

/* A token's n columns, packed. */
static size_t packed_x(const struct gemm_ops *ops, int n)
{
    const size_t word = word_of(ops), bytes = (size_t)n * ops->x_size;

    return (bytes + word - 1) / word * word;
}

/* Of a panel's first columns. */
static size_t bytes_of(const struct gemm_ops *ops, int columns)
{
    return (size_t)(columns / ops->family->block_cols) * ops->family->block_bytes;
}

/* The least common multiple. */
static int common_multiple(int a, int b)
{
    int n = a;

    while (n % b)
        n += a;
    return n;
}

/* Parts of equal size, none larger than `limit`, in whole units, one at least. */
static int equal_part(int total, int limit, int unit)
{
    const int most = limit > unit ? limit / unit * unit : unit;
    const int parts = (total + most - 1) / most;
    const int part = (total + parts - 1) / parts;

    return (part + unit - 1) / unit * unit;
}

/* Where x fits the L2 cache whole, the panels are one stream, as in a GEMV, and a tile's sums are
 * added to by one step after the other. */
static struct blocks blocks_of(const struct gemm_ops *ops, int cols, int tokens)
{
    /* Measured: a block that was unpacked to bytes may fill the L1 cache, one of wider weights
     * seven eighths of it, and one that is read where it lies half. */
    const size_t most = (size_t)least(caches.l1d, GEMM_W_BYTES);
    const size_t w = !ops->unpack ? caches.l1d / 2 : ops->w_size > 1 ? most * 7 / 8 : most;
    const size_t x = (size_t)least(caches.l2 / 2, GEMM_X_BYTES);
    const struct family *f = ops->family;
    const int unit = common_multiple(f->block_cols, (int)(word_of(ops) / ops->x_size));
    const int fit = ops->unpack ? (int)(w / (PANEL_ROWS * ops->w_size))
                                : (int)(w / f->block_bytes) * f->block_cols;
    const int tiles = (tokens + ops->tokens - 1) / ops->tokens;
    const int fetched = (int)((size_t)(tiles * f->block_cols) * GEMM_STEP / f->block_bytes);

    if ((size_t)tokens * packed_x(ops, cols) <= x)
        return (struct blocks){ cols, equal_part(cols, fetched < fit ? fetched : fit, unit),
                                tokens };
    const int part = equal_part(cols, fit, unit);
    const int fits = (int)(x / packed_x(ops, part)) / ops->tokens * ops->tokens;
    return (struct blocks){
        part, part, equal_part(tokens, fits > ops->tokens ? fits : ops->tokens, ops->tokens)
    };
}

/* The values are ready: integers become floats, in place. */
static void finish(const struct call *call, float *c, size_t ldc, int row, int token, int tokens)
{
    if (call->ops->family->act == ACT_F32)
        return;
    for (int t = 0; t < tokens; t++, c += ldc) {
        int32_t sums[PANEL_ROWS];
        const int32_t zero = call->ops->offset * call->x->sum[token + t];
        const int rows = call->w->rows - row < PANEL_ROWS ? call->w->rows - row : PANEL_ROWS;

        memcpy(sums, c, sizeof sums);
        panel_scale(c, sums, call->w, call->x->scale[token + t], zero, row, 0, rows);
    }
}

/* The rows of `c` that y owns, between y and a tile of a panel that y has only in part. */
static void copy_part(const struct call *call, float *tile, int row, int token, int tokens,
                      bool out)
{
    const int from = call->first > row ? call->first - row : 0;
    const int to = call->last < row + PANEL_ROWS ? call->last - row : PANEL_ROWS;

    for (int t = 0; t < tokens; t++) {
        float *y = call->y + (size_t)(token + t) * call->ldy + row + from;
        float *c = tile + t * PANEL_ROWS + from;
        memcpy(out ? y : c, out ? c : y, (size_t)(to - from) * sizeof *y);
    }
}

static void one_tile(const struct call *call, int row, int k, int n, const void *w, const void *x,
                     int token, int tokens)
{
    const bool fresh = k == 0, done = k + n == call->cols;
    const bool whole = row >= call->first && row + PANEL_ROWS <= call->last;
    union { /* sums of either kind */
        float f32[GEMM_TOKENS_MAX * PANEL_ROWS];
        int32_t i32[GEMM_TOKENS_MAX * PANEL_ROWS];
    } edge;
    float *c = whole ? call->y + (size_t)token * call->ldy + row : edge.f32;
    const size_t ldc = whole ? call->ldy : PANEL_ROWS;

    if (!whole) {
        memset(&edge, 0, sizeof edge);
        if (!fresh)
            copy_part(call, edge.f32, row, token, tokens, false);
    }
    if (whole) /* the tile comes to c at its end: by then it is here */
        for (int t = 0; t < tokens; t++) {
            __builtin_prefetch(c + (size_t)t * ldc, 1);
            __builtin_prefetch(c + (size_t)t * ldc + PANEL_ROWS - 1, 1);
        }
    call->ops->tile(c, ldc, w, x, tokens, n, fresh);
    if (done)
        finish(call, c, ldc, row, token, tokens);
    if (!whole)
        copy_part(call, edge.f32, row, token, tokens, true);
}

/* Tiles of equal size, so that none is left with one token. */
static int tiles_of(const struct call *call, int tokens)
{
    return (tokens + call->ops->tokens - 1) / call->ops->tokens;
}

static int tile_begin(int tokens, int tiles, int i)
{
    return (int)((int64_t)tokens * i / tiles);
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
    if (word_of(ops) == GEMM_ROW)
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
static void pack_tile(const struct call *call, const struct part *part, int i, char *packed)
{
    const struct gemm_ops *ops = call->ops;
    const size_t size = size_of_x(ops), row = (size_t)call->x->stride * size;
    const char *x =
        ops->family->act == ACT_F32 ? (const char *)call->x->f32 : (const char *)call->x->q8;
    const int tiles = tiles_of(call, part->tokens), begin = tile_begin(part->tokens, tiles, i);
    const int tokens = tile_begin(part->tokens, tiles, i + 1) - begin;
    const struct source from = { x + (size_t)(part->token + begin) * row + (size_t)part->k * size,
                                 row };
    char *to = packed + (size_t)begin * packed_x(ops, part->n);

    if (ops->order)
        pack_ordered(to, ops, from, tokens, part->n);
    else
        pack_source(to, ops, from, tokens, part->n);
}

/* ---- activations that threads share ---- */

/* Of a tile of tokens and a block of columns. */
enum state { NOT_PACKED, BEING_PACKED, PACKED };
typedef _Atomic unsigned char tile_state;

/* No family's blocks of columns are narrower. */
enum { LEAST_COLS = 16 };

/* States of a token that is a tile's first: of each block of columns that may be. */
static size_t states_of(int cols)
{
    return (size_t)cols / LEAST_COLS + 1;
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

/* The part's activations, packed by this thread and by others that need them. A tile that another
 * one is at takes it some microseconds. */
static const char *pack_shared(const struct call *call, const struct part *part)
{
    const int tiles = tiles_of(call, part->tokens), cols = call->w->cols;
    const size_t apart = states_of(cols);
    tile_state *states = (tile_state *)call->x->shared + (size_t)part->token * apart +
                         (size_t)(part->k / LEAST_COLS);
    char *packed = (char *)call->x->shared + state_bytes(cols, call->x->count) +
                   (size_t)part->token * packed_x(call->ops, call->cols) +
                   (size_t)part->tokens * call->ops->x_size * (size_t)part->k;

    for (int i = 0; i < tiles; i++) {
        tile_state *state = states + (size_t)tile_begin(part->tokens, tiles, i) * apart;
        unsigned char was = NOT_PACKED;
        if (!atomic_compare_exchange_strong(state, &was, BEING_PACKED))
            continue;
        pack_tile(call, part, i, packed);
        atomic_store_explicit(state, PACKED, memory_order_release);
    }
    for (int i = 0; i < tiles; i++) {
        tile_state *state = states + (size_t)tile_begin(part->tokens, tiles, i) * apart;
        while (atomic_load_explicit(state, memory_order_acquire) != PACKED)
            sched_yield();
    }
    return packed;
}

/* ---- the loops ---- */

/* Asks for the i-th of `parts` parts of `bytes` bytes. */
static void fetch(const char *from, size_t bytes, int i, int parts)
{
    const size_t lines = bytes / CACHE_LINE;
    const size_t end = lines * (size_t)(i + 1) / (size_t)parts;

    for (size_t line = lines * (size_t)i / (size_t)parts; line < end; line++)
        gemv_fetch(from + line * CACHE_LINE);
}

/* Columns [k, k + n) of the panel that begins at `row`, for all of the part's tokens. */
static void one_step(const struct call *call, const struct part *part, int row, int k, int n,
                     const void *w, const char *next, size_t next_bytes)
{
    const int tiles = tiles_of(call, part->tokens);

    for (int i = 0; i < tiles; i++) {
        const int begin = tile_begin(part->tokens, tiles, i);
        const int tokens = tile_begin(part->tokens, tiles, i + 1) - begin;
        const char *x = part->packed + (size_t)begin * packed_x(call->ops, part->n) +
                        (size_t)(k - part->k) * call->ops->x_size * (size_t)tokens;
        fetch(next, next_bytes, i, tiles);
        one_tile(call, row, k, n, w, x, part->token + begin, tokens);
    }
}

static void all_panels(const struct call *call, const struct part *part)
{
    const struct gemm_ops *ops = call->ops;
    const int begin = panel_of(call->first), end = panel_of(call->last + PANEL_ROWS - 1);
    const int until = part->k + part->n, step = call->block.step;
    _Alignas(CACHE_LINE) char w[GEMM_W_BYTES];

    for (int p = begin; p < end; p++) {
        const char *panel = (const char *)call->w->data + (size_t)p * call->panel_bytes;
        for (int k = part->k; k < until; k += step) {
            const int n = least((size_t)step, (size_t)(until - k));
            const bool turn = k + n == until; /* to the next panel */
            const char *next = turn ? panel + call->panel_bytes + bytes_of(ops, part->k)
                                    : panel + bytes_of(ops, k + n);
            const int left = turn ? (p + 1 < end ? part->n : 0) : until - k - n;
            if (ops->unpack)
                ops->unpack(w, panel, k, n);
            one_step(call, part, p * PANEL_ROWS, k, n,
                     ops->unpack ? w : (const void *)(panel + bytes_of(ops, k)), next,
                     bytes_of(ops, least((size_t)left, (size_t)step)));
        }
    }
}

void gemm_blocked(const struct gemm_ops *ops, float *y, int ldy, const struct wmat *w,
                  const struct acts *x, int first, int last)
{
    const int cols = packed_cols(ops->family, w->cols);
    const struct call call = { .ops = ops,
                               .y = y,
                               .ldy = (size_t)ldy,
                               .w = w,
                               .x = x,
                               .first = first,
                               .last = last,
                               .cols = cols,
                               .block = blocks_of(ops, cols, x->count),
                               .panel_bytes = panel_bytes(ops->family, w->cols) };
    _Alignas(CACHE_LINE) char own[GEMM_X_BYTES];

    if (first >= last)
        return;
    if (ops->few && x->count <= GEMV_TOKENS) {
        gemv_tokens(ops->few, y, ldy, w, x, x->count, first, last);
        return;
    }
    for (int token = 0; token < x->count; token += call.block.tokens)
        for (int k = 0; k < cols; k += call.block.cols) {
            struct part part = { .token = token,
                                 .tokens =
                                     least((size_t)(x->count - token), (size_t)call.block.tokens),
                                 .k = k,
                                 .n = least((size_t)(cols - k), (size_t)call.block.cols),
                                 .packed = own };
            if (x->shared)
                part.packed = pack_shared(&call, &part);
            for (int i = 0; !x->shared && i < tiles_of(&call, part.tokens); i++)
                pack_tile(&call, &part, i, own);
            all_panels(&call, &part);
        }
    if (ops->end)
        ops->end();
}
