/* SPDX-License-Identifier: MIT */
#include "kernels/avx512.h"
#include "kernels/lookup_x86.h"
#include "kernels/lut/lut.h"
#include "kernels/ternary2/codes.h"

gemv_fn lut_gemv_avx512bw;
gemm_fn lut_gemm_avx512bw, lut_gemm_avx512vnni, lut_gemm_amx;

enum { STEPS = LUT_GROUPS / LOOKUP_LANES };

/* Step s has, in its vector, the block's groups 8 (s / 2) + 2 (s % 2), the one after it, and in the
 * upper lanes those 4 further on, whose signs are two bits further down. */
static inline vec sign_bits(int s)
{
    const int bit = 7 - (4 * (s / 2) + s % 2);

    return _mm512_inserti64x4(vec_all8(1 << bit), _mm256_set1_epi8((char)(1 << (bit - 2))), 1);
}

static inline __attribute__((always_inline)) void
block_n(vec *lo, vec *hi, const uint8_t *w, size_t stride, const vec *table, const int panels)
{
    const vec nibble = vec_all8(15), zero = vec_zero();
    vec signs[LOOKUP_PANELS], bytes[LOOKUP_PANELS];

#pragma GCC unroll 4
    for (int p = 0; p < panels; p++) {
        const uint8_t *at = w + (size_t)p * stride;
        lut_fetch(at);
        signs[p] = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)(at + LUT_SIGNS)));
    }
#pragma GCC unroll 4
    for (int s = 0; s < STEPS; s++) {
        vec low = vec_load(table + 2 * s), high = vec_load(table + 2 * s + 1);
        HIDE(low); /* the compiler would load them for each panel */
        HIDE(high);
#pragma GCC unroll 4
        for (int p = 0; p < panels; p++) {
            if (s % 2) {
                bytes[p] = vec_right16(bytes[p], 4);
            } else {
                bytes[p] = vec_load(w + (size_t)p * stride + s / 2 * VEC_BYTES);
                HIDE(bytes[p]); /* nor these twice */
            }
            const vec index = vec_and(bytes[p], nibble);
            const __mmask64 negative = _mm512_test_epi8_mask(signs[p], sign_bits(s));
            const vec l = vec_lookup8(low, index), h = vec_lookup8(high, index);
            lo[p] = vec_add8(lo[p], _mm512_mask_sub_epi8(l, negative, zero, l));
            hi[p] = vec_add8(hi[p], _mm512_mask_sub_epi8(h, negative, zero, h));
            HERE(lo[p]);
            HERE(hi[p]);
        }
    }
}

#include "kernels/lut/lut_x86.h"

void lut_gemv_avx512bw(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    gemv_streams(&gemv_ops, y, w, x, first, last);
}

static const struct gemm_ops gemm_ops = { .family = &lut,
                                          .w_size = 1,
                                          .x_size = 1,
                                          .unpack = lut_unpack_avx2,
                                          .order = lut_order_avx2,
                                          .few = &gemv_ops,
                                          .offset = 1 };

void lut_gemm_avx512bw(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                       int last)
{
    codes_gemm(&gemm_ops, codes_tile_avx512bw, CODES_TOKENS_AVX512, y, ldy, w, x, first, last);
}

/* Newer instruction sets have tiles of their own. */
void lut_gemm_avx512vnni(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                         int last)
{
    codes_gemm(&gemm_ops, codes_tile_avx512vnni, CODES_TOKENS_AVX512, y, ldy, w, x, first, last);
}

#ifdef KERNELS_AMX
void lut_gemm_amx(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                  int last)
{
    codes_gemm_amx(&gemm_ops, y, ldy, w, x, first, last);
}
#endif
