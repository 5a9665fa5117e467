/* SPDX-License-Identifier: MIT */
#include "kernels/avx2.h"
#include "kernels/roof/roof_x86.h"

roof_read_fn roof_read_avx2;
roof_compute_fn roof_f32_avx2, roof_i8_avx2, roof_ternary_avx2;

uint64_t roof_read_avx2(const void *data, size_t bytes, int streams, size_t prefetch)
{
    return read_streams(data, bytes, streams, prefetch);
}

uint64_t roof_f32_avx2(uint64_t rounds)
{
    return multiply_adds_f32(rounds);
}

uint64_t roof_i8_avx2(uint64_t rounds)
{
    return products(rounds, vec_all16(3), vec_all16(-5), add_pairs16);
}

uint64_t roof_ternary_avx2(uint64_t rounds)
{
    return products(rounds, vec_all8(2), vec_all8(-5), add_pairs8);
}
