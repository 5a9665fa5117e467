/* SPDX-License-Identifier: MIT
 *
 * ternary5: five trits in a byte. The 243 groups of five are 0 and 121 pairs of a group and its
 * negative: a sign bit and 7 bits of 122 pairs. Of these 7 bits, 4 choose a first part and, with
 * the other 3, a second; the group is their sum (ternary5.h). So a product with five activations
 * takes two look-ups in tables of 16 entries, where base 3 would take five divisions. The parts
 * were found by search: any that cover all groups would do. */
#include <string.h>
#include "kernels/cpu.h"
#include "kernels/gemm.h"
#include "kernels/ternary2/codes.h"
#include "kernels/ternary5/ternary5.h"

gemv_fn ternary5_gemv_c, ternary5_gemv_avx2, ternary5_gemv_avx512bw;
gemm_fn ternary5_gemm_amx;
gemm_fn ternary5_gemm_c, ternary5_gemm_avx2, ternary5_gemm_avxvnni, ternary5_gemm_avx512bw,
    ternary5_gemm_avx512vnni;
gemv_fn ternary5_gemv_neon;
gemm_fn ternary5_gemm_neon, ternary5_gemm_i8mm;

const int8_t ternary5_first[TERNARY5_GROUP][16] = {
    { 0, 0, 1, -1, 1, 1, -1, -1, 0, 0, 1, 0, 1, -1, 1, 0 },
    { 0, 0, 1, -1, -1, 0, 1, 0, 1, 1, 0, 0, 0, -1, -1, -1 },
    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0 },
    { 0, 1, -1, -1, -1, 0, -1, -1, -1, 0, -1, -1, -1, 0, 0, -1 },
    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
};

const int8_t ternary5_second[TERNARY5_GROUP][16] = {
    { 0, -1, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
    { 0, 1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
    { 0, 0, 0, 0, 1, 0, 1, -1, 0, -1, 1, -1, 1, 1, 1, 2 },
    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, -1 },
    { 0, 0, 0, 0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 0, 0 },
};

const uint8_t ternary5_start[16] = { 0, 0, 4, 4, 3, 4, 4, 5, 4, 4, 12, 1, 4, 4, 4, 4 };

/* The trit i of a byte. Bytes that no group needs have sums beyond a trit's range. */
static int trit(uint8_t byte, int i)
{
    const int n = byte & 15, m = byte >> 4 & 7;
    const int sum = ternary5_first[i][n] + ternary5_second[i][(ternary5_start[n] + m) % 16];

    return byte >> 7 ? -sum : sum;
}

/* A group as a number in base 3, from its first trit down; -1: not a group of trits. */
static int number_of(uint8_t byte)
{
    int number = 0;

    for (int i = 0; i < TERNARY5_GROUP; i++) {
        const int t = trit(byte, i);
        if (t < -1 || t > 1)
            return -1;
        number = 3 * number + t + 1;
    }
    return number;
}

enum { NUMBERS = 243 };

/* The lowest byte of each group. */
static void bytes_of(uint8_t byte[NUMBERS])
{
    for (int b = 255; b >= 0; b--) {
        const int number = number_of((uint8_t)b);
        if (number >= 0)
            byte[number] = (uint8_t)b;
    }
}

/* Where a group's byte is: even groups in the lower 16 bytes of a vector, odd ones in the upper. */
static size_t place(int row, int group)
{
    return (size_t)(group * PANEL_ROWS + row);
}

static void pack(void *panel, const void *src, int rows, int cols)
{
    uint8_t byte[NUMBERS], *to = panel;

    bytes_of(byte);
    memset(panel, 0, panel_bytes(&ternary5, cols)); /* 0 is five zeros */
    for (int r = 0; r < rows; r++) {
        const int8_t *from = (const int8_t *)src + (size_t)r * (size_t)cols;
        int8_t tail[TERNARY5_GROUP] = { 0 };

        for (int c = 0; c < cols; c += TERNARY5_GROUP, from += TERNARY5_GROUP) {
            if (cols - c < TERNARY5_GROUP)
                from = memcpy(tail, from, (size_t)(cols - c));
            const int number =
                121 + 81 * from[0] + 27 * from[1] + 9 * from[2] + 3 * from[3] + from[4];
            to[place(r, c / TERNARY5_GROUP)] = byte[number];
        }
    }
}

static void unpack(void *dst, const void *panel, int rows, int cols)
{
    const uint8_t *from = panel;
    int8_t *to = dst;

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            *to++ = (int8_t)trit(from[place(r, c / TERNARY5_GROUP)], c % TERNARY5_GROUP);
}

static void unpack_block(void *w, const void *panel, int k, int n)
{
    const uint8_t *from = (const uint8_t *)panel + place(0, k / TERNARY5_GROUP);
    uint8_t *codes = w;

    for (int g = 0; g < n / TERNARY5_GROUP; g++)
        for (int r = 0; r < PANEL_ROWS; r++, from++)
            for (int i = 0; i < TERNARY5_GROUP; i++)
                codes[codes_at(r, g * TERNARY5_GROUP + i)] = (uint8_t)(trit(*from, i) + 1);
}

static const struct gemm_ops gemm_c = { .family = &ternary5,
                                        .tokens = 6,
                                        .w_size = 1,
                                        .x_size = 1,
                                        .unpack = unpack_block,
                                        .tile = codes_tile_c,
                                        .offset = 1 };

void ternary5_gemv_c(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    codes_gemv_c(&gemm_c, y, w, x, first, last);
}

void ternary5_gemm_c(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                     int last)
{
    gemm_blocked(&gemm_c, y, ldy, w, x, first, last);
}

static const struct kernel kernels[] = {
#if defined(__x86_64__)
#ifdef KERNELS_AMX
    { "amx", CPU_AMX | CPU_AVX512BW | CPU_AVX512VNNI, ternary5_gemv_avx512bw, ternary5_gemm_amx },
#endif
    { "avx512vnni", CPU_AVX512BW | CPU_AVX512VNNI, ternary5_gemv_avx512bw,
      ternary5_gemm_avx512vnni },
    { "avx512bw", CPU_AVX512BW, ternary5_gemv_avx512bw, ternary5_gemm_avx512bw },
    { "avxvnni", CPU_AVXVNNI, ternary5_gemv_avx2, ternary5_gemm_avxvnni },
    { "avx2", CPU_AVX2, ternary5_gemv_avx2, ternary5_gemm_avx2 },
#elif defined(__aarch64__)
    { "i8mm", CPU_NEON | CPU_DOTPROD | CPU_I8MM, ternary5_gemv_neon, ternary5_gemm_i8mm },
    { "neon", CPU_NEON | CPU_DOTPROD, ternary5_gemv_neon, ternary5_gemm_neon },
#endif
    { "c", 0, ternary5_gemv_c, ternary5_gemm_c },
};

const struct family ternary5 = {
    .name = "ternary5",
    .summary = "five trits in a byte, products looked up; int8 activations, a scale a token",
    .bits_per_weight = 8.0 / TERNARY5_GROUP,
    .block_cols = TERNARY5_COLS,
    .block_bytes = TERNARY5_BYTES,
    .act = ACT_I8,
    .element = ELEMENT_TRIT,
    .part_bytes = 2 << 20,
    .part_panels = 8,
    .pack = pack,
    .unpack = unpack,
    .kernels = kernels,
};
