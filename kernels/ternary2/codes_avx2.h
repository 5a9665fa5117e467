/* SPDX-License-Identifier: MIT
 *
 * From groups of columns to the codes that the GEMM tile reads (codes.h), for the families that
 * look groups up. A look-up gives a byte with two bits a column; of four groups that is four bytes
 * a row, and word i of the tile has column i of each group. So the tile's columns come in another
 * order than the model's: gemm_ops.order puts x in it, too. */
#ifndef KERNELS_TERNARY2_CODES_AVX2_H
#define KERNELS_TERNARY2_CODES_AVX2_H

#include "kernels/avx2.h"
#include "kernels/ternary2/codes.h"

enum { UNIT = 4 /* groups */, WORD_BYTES = UNIT * PANEL_ROWS };

/* A table of bytes from tables of -1, 0, 1: that of column i counts 4^i. */
static inline vec codes_table(const int8_t digits[][16], int columns)
{
    vec table = vec_zero();

    for (int i = columns - 1; i >= 0; i--) {
        table = vec_add8(table, table);
        table = vec_add8(vec_add8(table, table), vec_lanes(digits[i]));
    }
    return table;
}

/* Four bytes of each row: rows 0 to 7, then 8 to 15, from 16 rows a lane: a is of groups 0 and 1, b
 * of 2 and 3. */
static inline void codes_rows(vec rows[2], vec a, vec b)
{
    const __m128i order = _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);

    for (int h = 0; h < 2; h++) {
        const vec pairs = h ? vec_high8(a, b) : vec_low8(a, b);
        const vec quarters = _mm256_permute4x64_epi64(pairs, 0xd8); /* 0, 2, 1, 3 */
        rows[h] = vec_lookup8(quarters, _mm256_broadcastsi128_si256(order));
    }
}

/* The words of the `columns` that a byte holds, its lowest bits first. Returns where they end. */
static inline uint8_t *codes_words(uint8_t *to, vec rows[2], int columns)
{
    for (int i = 0; i < columns; i++, to += WORD_BYTES)
        for (int h = 0; h < 2; h++) {
            vec_store(to + h * VEC_BYTES, vec_and(rows[h], vec_all8(3)));
            rows[h] = vec_right16(rows[h], 2);
        }
    return to;
}

#endif
