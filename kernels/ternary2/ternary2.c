/* SPDX-License-Identifier: MIT
 *
 * ternary2: two bits a weight; code 0, 1, 2 is weight -1, 0, +1. A panel is blocks of 16 columns in
 * 64 bytes: byte 4 r + i holds row r, columns i, 4 + i, 8 + i, 12 + i of the block, from the low
 * bits up (docs/formats.md). Shifting a block right by 2 j and masking with 3 leaves columns
 * 4 j .. 4 j + 3 of every row as bytes. A row's sum is the codes' sum less the activations'. */
#include <string.h>
#include "kernels/cpu.h"
#include "kernels/gemm.h"
#include "kernels/panel.h"
#include "kernels/ternary2/codes.h"

gemv_fn ternary2_gemv_c, ternary2_gemv_avx2, ternary2_gemv_avxvnni, ternary2_gemv_avx512bw,
    ternary2_gemv_avx512vnni;
gemm_fn ternary2_gemm_amx;
gemm_fn ternary2_gemm_c, ternary2_gemm_avx2, ternary2_gemm_avxvnni, ternary2_gemm_avx512bw,
    ternary2_gemm_avx512vnni;
gemv_fn ternary2_gemv_neon;
gemm_fn ternary2_gemm_neon, ternary2_gemm_i8mm;

enum { GROUP = CODES_GROUP, BLOCK_COLS = 16, BLOCK_BYTES = 64, ZERO = 0x55 /* four weights 0 */ };

static size_t place(int row, int col)
{
    return (size_t)(col / BLOCK_COLS) * BLOCK_BYTES + (size_t)(row * GROUP + col % GROUP);
}

static int shift(int col)
{
    return 2 * (col % BLOCK_COLS / GROUP);
}

/* Four trits as bytes into four codes: each byte plus one, without carries between bytes. */
static uint32_t codes_of(const int8_t *trits)
{
    uint32_t t;

    memcpy(&t, trits, sizeof t);
    return ((t & 0x7f7f7f7fu) + 0x01010101u) ^ (t & 0x80808080u);
}

static void pack(void *panel, const void *src, int rows, int cols)
{
    uint8_t *to = panel;

    memset(panel, ZERO, panel_bytes(&ternary2, cols));
    for (int r = 0; r < rows; r++) {
        const int8_t *from = (const int8_t *)src + (size_t)r * (size_t)cols;
        int8_t tail[BLOCK_COLS] = { 0 };

        for (int c = 0; c < cols; c += BLOCK_COLS, from += BLOCK_COLS) {
            if (cols - c < BLOCK_COLS)
                from = memcpy(tail, from, (size_t)(cols - c));
            const uint32_t bits = codes_of(from) | codes_of(from + 4) << 2 |
                                  codes_of(from + 8) << 4 | codes_of(from + 12) << 6;
            memcpy(&to[place(r, c)], &bits, sizeof bits);
        }
    }
}

static void unpack(void *dst, const void *panel, int rows, int cols)
{
    const uint8_t *from = panel;
    int8_t *to = dst;

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            to[(size_t)r * (size_t)cols + (size_t)c] =
                (int8_t)((from[place(r, c)] >> shift(c) & 3) - 1);
}

/* Codes as bytes: groups of 4 columns, row after row. */
static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *from = (const uint8_t *)panel + (size_t)(k / BLOCK_COLS) * BLOCK_BYTES;
    uint8_t *to = w;

    for (int b = 0; b < n / BLOCK_COLS; b++, from += BLOCK_BYTES)
        for (int j = 0; j < BLOCK_COLS / GROUP; j++)
            for (int i = 0; i < BLOCK_BYTES; i++)
                *to++ = from[i] >> 2 * j & 3;
}

void codes_tile_c(void *c, size_t ldc, const void *w, const void *x, int tokens, int n, bool fresh)
{
    for (int t = 0; t < tokens; t++) {
        int32_t *sum = (int32_t *)c + (size_t)t * ldc;
        const int8_t *xt = (const int8_t *)x + t * GROUP;
        const uint8_t *code = w;

        if (fresh)
            memset(sum, 0, PANEL_ROWS * sizeof *sum);
        for (int k = 0; k < n; k += GROUP, code += PANEL_ROWS * GROUP, xt += tokens * GROUP)
            for (int r = 0; r < PANEL_ROWS; r++)
                for (int i = 0; i < GROUP; i++)
                    sum[r] += code[r * GROUP + i] * xt[i];
    }
}

void codes_gemv_c(const struct gemm_ops *ops, float *y, const struct wmat *w, const struct acts *x,
                  int first, int last)
{
    const struct family *f = ops->family;
    const int cols = packed_cols(f, w->cols);

    for (int p = panel_of(first); p * PANEL_ROWS < last; p++) {
        const char *panel = (const char *)w->data + (size_t)p * panel_bytes(f, w->cols);
        const int rows = w->rows - p * PANEL_ROWS;
        uint8_t codes[PANEL_ROWS * CODES_BLOCK_MAX];
        int32_t sum[PANEL_ROWS] = { 0 };
        float v[PANEL_ROWS];

        for (int k = 0; k < cols; k += f->block_cols) {
            ops->unpack(codes, panel, k, f->block_cols);
            ops->tile(sum, 0, codes, x->q8 + k, 1, f->block_cols, false);
        }
        panel_scale(v, sum, w, x->scale[0], ops->offset * x->sum[0], p * PANEL_ROWS, 0,
                    rows < PANEL_ROWS ? rows : PANEL_ROWS);
        panel_store(y, v, p * PANEL_ROWS, first, last);
    }
}

static const struct gemm_ops gemm_c = { .family = &ternary2,
                                        .tokens = 6,
                                        .w_size = 1,
                                        .x_size = 1,
                                        .unpack = unpack_block,
                                        .tile = codes_tile_c,
                                        .offset = 1 };

void ternary2_gemv_c(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    codes_gemv_c(&gemm_c, y, w, x, first, last);
}

void ternary2_gemm_c(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                     int last)
{
    gemm_blocked(&gemm_c, y, ldy, w, x, first, last);
}

static const struct kernel kernels[] = {
#if defined(__x86_64__)
#ifdef KERNELS_AMX
    { "amx", CPU_AMX | CPU_AVX512BW | CPU_AVX512VNNI, ternary2_gemv_avx512vnni, ternary2_gemm_amx },
#endif
    { "avx512vnni", CPU_AVX512BW | CPU_AVX512VNNI, ternary2_gemv_avx512vnni,
      ternary2_gemm_avx512vnni },
    { "avx512bw", CPU_AVX512BW, ternary2_gemv_avx512bw, ternary2_gemm_avx512bw },
    { "avxvnni", CPU_AVXVNNI, ternary2_gemv_avxvnni, ternary2_gemm_avxvnni },
    { "avx2", CPU_AVX2, ternary2_gemv_avx2, ternary2_gemm_avx2 },
#elif defined(__aarch64__)
    { "i8mm", CPU_NEON | CPU_DOTPROD | CPU_I8MM, ternary2_gemv_neon, ternary2_gemm_i8mm },
    { "neon", CPU_NEON | CPU_DOTPROD, ternary2_gemv_neon, ternary2_gemm_neon },
#endif
    { "c", 0, ternary2_gemv_c, ternary2_gemm_c },
};

const struct family ternary2 = {
    .name = "ternary2",
    .summary = "codes 0, 1, 2 for -1, 0, +1, a scale a tensor; int8 activations, a scale a token",
    .bits_per_weight = 2,
    .block_cols = BLOCK_COLS,
    .block_bytes = BLOCK_BYTES,
    .act = ACT_I8,
    .element = ELEMENT_TRIT,
    .part_bytes = 512 * 1024,
    .part_panels = 8,
    .pack = pack,
    .unpack = unpack,
    .kernels = kernels,
};
