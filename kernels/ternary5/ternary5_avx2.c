/* SPDX-License-Identifier: MIT */
#include "kernels/avx2.h"
#include "kernels/ternary2/codes_avx2.h"
#include "kernels/ternary5/ternary5_x86.h"

gemv_fn ternary5_gemv_avx2;
gemm_fn ternary5_gemm_avx2, ternary5_gemm_avxvnni;

void ternary5_gemv_avx2(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_ops, y, w, x, first, last);
}

/* ---- GEMM: codes, as every ternary family ---- */

/* Four columns of a group in a byte, and the fifth in another. */
enum { FIRST_COLUMNS = 4 };

/* Two bits a column, the trit and 1, from tables of these columns; ones: the 1 of each. */
static inline vec unpack_step(struct indices at, vec first, vec second, vec bytes, int ones)
{
    const vec trits = vec_add8(vec_lookup8(first, at.first), vec_lookup8(second, at.second));

    return vec_add8(vec_sign8(trits, bytes), vec_all8(ones));
}

void ternary5_unpack_avx2(void *w, const void *panel, int k, int n)
{
    const uint8_t *from = (const uint8_t *)panel + (size_t)(k / GROUP) * PANEL_ROWS;
    const vec first = codes_table(ternary5_first, FIRST_COLUMNS);
    const vec second = codes_table(ternary5_second, FIRST_COLUMNS);
    const vec first_last = vec_lanes(ternary5_first[FIRST_COLUMNS]);
    const vec second_last = vec_lanes(ternary5_second[FIRST_COLUMNS]);
    uint8_t *codes = w;

    for (int c = 0; c < n; c += UNIT * GROUP, from += WORD_BYTES) {
        vec four[2], last[2], rows[2];
#pragma GCC unroll 2
        for (int s = 0; s < 2; s++) {
            const vec bytes = vec_load(from + s * VEC_BYTES);
            const struct indices at = indices_of(bytes);
            four[s] = unpack_step(at, first, second, bytes, 0x55);
            last[s] = unpack_step(at, first_last, second_last, bytes, 1);
        }
        codes_rows(rows, four[0], four[1]);
        codes = codes_words(codes, rows, FIRST_COLUMNS);
        codes_rows(rows, last[0], last[1]);
        codes = codes_words(codes, rows, 1);
    }
}

_Static_assert(GEMM_ORDER % TERNARY5_COLS == 0, "gemm.h");

void ternary5_order_avx2(int8_t *to, const int8_t *from, int n)
{
    const __m128i low = _mm_setr_epi8(0, 5, 10, 15, 1, 6, 11, -1, 2, 7, 12, -1, 3, 8, 13, -1);
    const __m128i high =
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, 12, -1, -1, -1, 13, -1, -1, -1, 14);
    const __m128i last =
        _mm_setr_epi8(0, 5, 10, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);

    for (int c = 0; c < n; c += UNIT * GROUP, from += UNIT * GROUP, to += UNIT * GROUP) {
        const __m128i a = _mm_loadu_si128((const void *)from);
        const __m128i b = _mm_loadu_si128((const void *)(from + 4));
        const int32_t word = _mm_cvtsi128_si32(_mm_shuffle_epi8(b, last));
        _mm_storeu_si128((void *)to,
                         _mm_or_si128(_mm_shuffle_epi8(a, low), _mm_shuffle_epi8(b, high)));
        memcpy(to + 16, &word, sizeof word);
    }
}

static const struct gemm_ops gemm_avx2 = { .family = &ternary5,
                                           .tokens = CODES_TOKENS_AVX2,
                                           .w_size = 1,
                                           .x_size = 1,
                                           .unpack = ternary5_unpack_avx2,
                                           .order = ternary5_order_avx2,
                                           .tile = codes_tile_avx2,
                                           .few = &gemv_ops,
                                           .offset = 1 };

void ternary5_gemm_avx2(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    gemm_blocked(&gemm_avx2, y, ldy, w, x, first, last);
}

/* AVX-VNNI has a tile of its own, and unpacks in the same way. */
void ternary5_gemm_avxvnni(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                           int last)
{
    codes_gemm(&gemm_avx2, codes_tile_avxvnni, CODES_TOKENS_AVX2, y, ldy, w, x, first, last);
}
