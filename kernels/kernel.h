/* SPDX-License-Identifier: MIT
 *
 * What a kernel is, for every weight format and every instruction set.
 *
 *     y[r] = w_scale(r) * x_scale * sum over c of W[r][c] * x[c]        first <= r < last
 *
 * (f16 has neither scale.) A packed matrix is a sequence of panels of PANEL_ROWS rows, each panel
 * contiguous with its rows interleaved (docs/formats.md), so that a thread that owns a range of
 * panels streams contiguous memory. Rows are padded to whole panels and columns to the family's
 * blocks; padding is zero weight and is counted in packed_bytes().
 *
 * A kernel allocates nothing, cannot fail, and writes y[first] .. y[last - 1] only: threads share y
 * and split the rows, at any row. The caller owns every buffer. No pointer needs more than element
 * alignment. Integer sums are exact for |x| <= 127 and any number of columns below 2^17.
 */
#ifndef KERNELS_KERNEL_H
#define KERNELS_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum {
    PANEL_ROWS = 16,
    ACT_BLOCK = 240,      /* a multiple of every family's block_cols */
    BLOCK_COLS_LEAST = 16 /* of any family */
};

/* A weight that its format cannot hold: delta is what the weight is more than that (Super Weight,
 * arXiv 2411.07191, restores FP16 scalars so). */
struct outlier {
    int row, col;
    float delta;
};

/* A packed matrix: (rows, cols). Const once packed. */
struct wmat {
    const void *data;
    const float *row_scale; /* (rows): one scale a row; NULL: `scale` holds for every row */
    float scale;
    int rows, cols;                 /* as in the model, without padding */
    const struct outlier *outliers; /* (outlier_count), by row; ACT_I8 families only */
    int outlier_count;
};

/* Activations: (count, cols), rows `stride` elements apart, readable and zero from cols up to
 * padded_cols(cols). ACT_F32 families read f32; ACT_I8 families read q8, scale and sum. */
struct acts {
    const float *f32;
    const int8_t *q8;   /* in [-127, 127] */
    const float *scale; /* (count): x = q8 * scale */
    const int32_t *sum; /* (count): sum of a token's q8 */
    int count, stride;
    void *shared; /* where a GEMM's threads pack them, once for all: gemm_share; NULL: each call
                   * packs them for itself */
};

/* The same activations, not shared, without the tokens before `token`. */
struct acts acts_from(const struct acts *x, int token);

/* GEMV: the first token of x only; y is (rows). */
typedef void gemv_fn(float *y, const struct wmat *w, const struct acts *x, int first, int last);

/* GEMM: y is (x->count, rows), tokens ldy floats apart; every token's y[first] .. y[last - 1]. */
typedef void gemm_fn(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                     int last);

struct kernel;
/* What callers use: y is (x->count, rows), by GEMV for one token and by GEMM for more; and then
 * y[row] += delta * x[col], x being q8 * scale, for the outliers among the rows. */
void kernel_run(const struct kernel *k, float *y, int ldy, const struct wmat *w,
                const struct acts *x, int first, int last);

/* Packs one panel: src is (rows <= PANEL_ROWS, cols), row-major, cols apart, elements as
 * family->element says. panel has panel_bytes(family, cols). */
typedef void pack_fn(void *panel, const void *src, int rows, int cols);
/* The inverse: unpack(pack(src)) == src. */
typedef void unpack_fn(void *dst, const void *panel, int rows, int cols);

struct kernel {
    const char *isa; /* "c", "avx2": also the word on the command line and in the database */
    unsigned needs;  /* CPU_* bits, all of them */
    gemv_fn *gemv;
    gemm_fn *gemm;
};

enum act_kind { ACT_F32, ACT_I8 };
enum element_kind {
    ELEMENT_F16,  /* uint16_t: IEEE binary16 */
    ELEMENT_I8,   /* int8_t in [-127, 127] */
    ELEMENT_TRIT, /* int8_t in {-1, 0, 1} */
};

struct family {
    const char *name;
    const char *summary;
    double bits_per_weight;
    /* A panel is blocks of block_cols columns in block_bytes bytes; columns are padded to whole
     * blocks. */
    int block_cols;
    size_t block_bytes;
    enum act_kind act;
    enum element_kind element;
    /* Float families: |y_simd - y_c| <= error_per_column * cols * sum |w x|. 0: bit for bit. */
    double error_per_column;
    /* The least part of a matrix that is worth a call of its own (kernel_part), measured: bytes
     * that few tokens stream, panels of a GEMM's tiles. */
    size_t part_bytes;
    int part_panels;
    pack_fn *pack;
    unpack_fn *unpack;
    const struct kernel *kernels; /* best first; the last is "c" and needs nothing */
};

/* All families, NULL at the end, in the order in which they are listed everywhere. */
extern const struct family *const families[];

const struct family *family_find(const char *name);                     /* NULL: no such name */
const struct kernel *kernel_pick(const struct family *f, unsigned cpu); /* never NULL */
const struct kernel *kernel_find(const struct family *f, const char *isa,
                                 unsigned cpu); /* or NULL */

int padded_cols(int cols);                                       /* of activations: to ACT_BLOCK */
int packed_cols(const struct family *f, int cols);               /* of weights: to block_cols */
size_t panel_bytes(const struct family *f, int cols);            /* one panel */
size_t packed_bytes(const struct family *f, int rows, int cols); /* the data of a whole matrix */

/* Panels that a thread should take at a time at least, of a product with `tokens` tokens: with
 * fewer, what a call does before its first row (filling tables, beginning to stream, fetching what
 * another thread has packed) costs more than is gained by threads that end together. */
int kernel_part(const struct family *f, int cols, int tokens);

extern const struct family f16, i8, ternary2, ternary5, lut;

/* One row of a packed f16 matrix, FP16 (cols): for embeddings that are tied to the head. */
void f16_unpack_row(uint16_t *dst, const struct wmat *w, int row);

/* Truth rule 3: no speed without correctness. Computes rows [first, last) of token `token` again
 * with the C kernel and compares: bit for bit, or within the family's bound.
 * Returns 0; or -EILSEQ with a sentence in why. */
int kernel_verify(const struct family *f, const struct wmat *w, const struct acts *x, int token,
                  const float *y, int first, int last, char *why, size_t why_size);

#endif
