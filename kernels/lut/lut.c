/* SPDX-License-Identifier: MIT
 *
 * lut: three trits in five bits, made to be looked up. Trits t0, t1, t2 are the balanced ternary
 * digits of v = 9 t0 + 3 t1 + t2: four bits for |v|, at most 13, and one for its sign. A block is
 * 48 columns, 16 groups of three, in 160 bytes: 128 of magnitudes, 32 of signs (docs/formats.md).
 */
#include <stdlib.h>
#include <string.h>
#include "kernels/cpu.h"
#include "kernels/gemm.h"
#include "kernels/lut/lut.h"
#include "kernels/ternary2/codes.h"

gemv_fn lut_gemv_c, lut_gemv_avx2, lut_gemv_avx512bw;
gemm_fn lut_gemm_amx;
gemm_fn lut_gemm_c, lut_gemm_avx2, lut_gemm_avxvnni, lut_gemm_avx512bw, lut_gemm_avx512vnni;
gemv_fn lut_gemv_neon;
gemm_fn lut_gemm_neon, lut_gemm_i8mm;

/* Where a group's magnitude and sign are: groups of even number in the lower 16 bytes of a vector,
 * of odd number in the upper; two pairs of groups share a vector's bytes. */
static int nibble_byte(int row, int group)
{
    return 32 * (group / 4) + 16 * (group % 2) + row;
}

static int nibble_shift(int group)
{
    return 4 * (group / 2 % 2);
}

static int sign_byte(int row, int group)
{
    return LUT_SIGNS + 16 * (group % 2) + row;
}

static int sign_bit(int group)
{
    return 7 - group / 2;
}

static void pack_row(uint8_t *block, const int8_t *trits, int row)
{
    for (int g = 0; g < LUT_GROUPS; g++, trits += 3) {
        const int v = 9 * trits[0] + 3 * trits[1] + trits[2];
        block[nibble_byte(row, g)] |= (uint8_t)(abs(v) << nibble_shift(g));
        block[sign_byte(row, g)] |= (uint8_t)((v < 0) << sign_bit(g));
    }
}

static void pack(void *panel, const void *src, int rows, int cols)
{
    memset(panel, 0, panel_bytes(&lut, cols));
    for (int r = 0; r < rows; r++) {
        const int8_t *from = (const int8_t *)src + (size_t)r * (size_t)cols;
        uint8_t *block = panel;
        int8_t tail[LUT_COLS] = { 0 };

        for (int c = 0; c < cols; c += LUT_COLS, from += LUT_COLS, block += LUT_BYTES) {
            if (cols - c < LUT_COLS)
                from = memcpy(tail, from, (size_t)(cols - c));
            pack_row(block, from, r);
        }
    }
}

static void unpack_row(int8_t *trits, const uint8_t *block, int row)
{
    for (int g = 0; g < LUT_GROUPS; g++) {
        const int v = block[nibble_byte(row, g)] >> nibble_shift(g) & 15;
        const int sign = block[sign_byte(row, g)] >> sign_bit(g) & 1 ? -1 : 1;
        for (int i = 0; i < 3; i++)
            *trits++ = (int8_t)(sign * lut_digits[i][v]);
    }
}

static void unpack(void *dst, const void *panel, int rows, int cols)
{
    for (int r = 0; r < rows; r++) {
        const uint8_t *block = panel;
        for (int c = 0; c < cols; c += LUT_COLS, block += LUT_BYTES) {
            int8_t trits[LUT_COLS];
            const int n = cols - c < LUT_COLS ? cols - c : LUT_COLS;
            unpack_row(trits, block, r);
            memcpy((int8_t *)dst + (size_t)r * (size_t)cols + (size_t)c, trits, (size_t)n);
        }
    }
}

/* Balanced ternary digits of 0 to 13, and zeros for the magnitudes that do not occur. */
const int8_t lut_digits[3][16] = {
    { 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 },
    { 0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0 },
    { 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0 },
};

static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *block = (const uint8_t *)panel + (size_t)(k / LUT_COLS) * LUT_BYTES;
    uint8_t *codes = w;

    for (int c = 0; c < n; c += LUT_COLS, block += LUT_BYTES, codes += LUT_COLS * PANEL_ROWS)
        for (int r = 0; r < PANEL_ROWS; r++) {
            int8_t trits[LUT_COLS];
            unpack_row(trits, block, r);
            for (int i = 0; i < LUT_COLS; i++)
                codes[codes_at(r, i)] = (uint8_t)(trits[i] + 1);
        }
}

static const struct gemm_ops gemm_c = { .family = &lut,
                                        .tokens = 6,
                                        .w_size = 1,
                                        .x_size = 1,
                                        .unpack = unpack_block,
                                        .tile = codes_tile_c,
                                        .offset = 1 };

void lut_gemv_c(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    codes_gemv_c(&gemm_c, y, w, x, first, last);
}

void lut_gemm_c(float *y, int ldy, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemm_blocked(&gemm_c, y, ldy, w, x, first, last);
}

static const struct kernel kernels[] = {
#if defined(__x86_64__)
#ifdef KERNELS_AMX
    { "amx", CPU_AMX | CPU_AVX512BW | CPU_AVX512VNNI, lut_gemv_avx512bw, lut_gemm_amx },
#endif
    { "avx512vnni", CPU_AVX512BW | CPU_AVX512VNNI, lut_gemv_avx512bw, lut_gemm_avx512vnni },
    { "avx512bw", CPU_AVX512BW, lut_gemv_avx512bw, lut_gemm_avx512bw },
    { "avxvnni", CPU_AVXVNNI, lut_gemv_avx2, lut_gemm_avxvnni },
    { "avx2", CPU_AVX2, lut_gemv_avx2, lut_gemm_avx2 },
#elif defined(__aarch64__)
    { "i8mm", CPU_NEON | CPU_DOTPROD | CPU_I8MM, lut_gemv_neon, lut_gemm_i8mm },
    { "neon", CPU_NEON | CPU_DOTPROD, lut_gemv_neon, lut_gemm_neon },
#endif
    { "c", 0, lut_gemv_c, lut_gemm_c },
};

const struct family lut = {
    .name = "lut",
    .summary = "three trits in five bits, products looked up; int8 activations, a scale a token",
    .bits_per_weight = 8.0 * LUT_BYTES / (LUT_COLS * PANEL_ROWS),
    .block_cols = LUT_COLS,
    .block_bytes = LUT_BYTES,
    .act = ACT_I8,
    .element = ELEMENT_TRIT,
    .part_bytes = 2 << 20,
    .part_panels = 8,
    .pack = pack,
    .unpack = unpack,
    .kernels = kernels,
};
