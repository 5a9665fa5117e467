/* SPDX-License-Identifier: MIT */
#include "kernels/avx512.h"
#include "kernels/roof/roof_x86.h"

roof_read_fn roof_read_avx512bw;
roof_compute_fn roof_f32_avx512bw, roof_i8_avx512bw, roof_ternary_avx512bw;

uint64_t roof_read_avx512bw(const void *data, size_t bytes, int streams, size_t prefetch)
{
    return read_streams(data, bytes, streams, prefetch);
}

uint64_t roof_f32_avx512bw(uint64_t rounds)
{
    return multiply_adds_f32(rounds);
}

uint64_t roof_i8_avx512bw(uint64_t rounds)
{
    return products(rounds, vec_all16(3), vec_all16(-5), add_pairs16);
}

uint64_t roof_ternary_avx512bw(uint64_t rounds)
{
    return products(rounds, vec_all8(2), vec_all8(-5), add_pairs8);
}
