/* SPDX-License-Identifier: MIT */
#include "kernels/roof/roof.h"
#include <string.h>
#include "kernels/cpu.h"

roof_read_fn roof_read_c, roof_read_avx2, roof_read_avx512bw, roof_read_neon;
roof_compute_fn roof_f32_c, roof_f32_avx2, roof_f32_avx512bw;
roof_compute_fn roof_i8_c, roof_i8_avx2, roof_i8_avx512bw;
roof_compute_fn roof_ternary_avx2, roof_ternary_avx512bw;
roof_compute_fn roof_dpbusd_avxvnni, roof_dpbusd_avx512vnni, roof_i8_amx;
roof_compute_fn roof_f32_neon, roof_i8_neon, roof_i8_i8mm;

uint64_t roof_read_c(const void *data, size_t bytes, int streams, size_t prefetch)
{
    const size_t part = bytes / (size_t)streams, words = part / sizeof(uint64_t);
    const uint64_t *w = data;
    uint64_t sum[8] = { 0 };

    for (size_t i = 0; i < words; i += 8)
        for (int s = 0; s < streams; s++) {
            const uint64_t *from = w + (size_t)s * words + i;
            if (prefetch)
                __builtin_prefetch((const char *)from + prefetch);
            for (int j = 0; j < 8; j++)
                sum[j] += from[j];
        }
    for (int j = 1; j < 8; j++)
        sum[0] += sum[j];
    return sum[0];
}

enum { LANES = 32 }; /* enough independent sums to hide the latency of an addition */

uint64_t roof_f32_c(uint64_t rounds)
{
    float sum[LANES], total = 0;
    uint64_t bits = 0;

    for (int j = 0; j < LANES; j++)
        sum[j] = (float)j;
    for (uint64_t i = 0; i < rounds; i++)
        for (int j = 0; j < LANES; j++)
            sum[j] = sum[j] * 0.75f + 0.5f;
    for (int j = 0; j < LANES; j++)
        total += sum[j];
    memcpy(&bits, &total, sizeof total);
    return bits;
}

uint64_t roof_i8_c(uint64_t rounds)
{
    volatile int8_t seed = 3;
    int8_t a[LANES], b[LANES];
    int32_t sum[LANES] = { 0 };
    uint64_t total = 0;

    for (int j = 0; j < LANES; j++) {
        a[j] = (int8_t)(seed + j);
        b[j] = (int8_t)(seed - j);
    }
    for (uint64_t i = 0; i < rounds; i++) {
        const int8_t turn = (int8_t)i; /* no product can be taken out of the loop */
        for (int j = 0; j < LANES; j++)
            sum[j] = (int32_t)((uint32_t)sum[j] + (uint32_t)(a[j] * (int8_t)(b[j] ^ turn)));
    }
    for (int j = 0; j < LANES; j++)
        total += (uint32_t)sum[j];
    return total;
}

const struct roof_kernels roof_kernels[] = {
#if defined(__x86_64__)
#ifdef KERNELS_AMX
    { "amx", CPU_AMX | CPU_AVX512BW | CPU_AVX512VNNI, roof_read_avx512bw, roof_f32_avx512bw,
      roof_i8_amx, roof_i8_amx, 12 * 16 * 2, 4 * 16 * 16 * 64 * 2, 4 * 16 * 16 * 64 * 2 },
#endif
    { "avx512vnni", CPU_AVX512BW | CPU_AVX512VNNI, roof_read_avx512bw, roof_f32_avx512bw,
      roof_dpbusd_avx512vnni, roof_dpbusd_avx512vnni, 12 * 16 * 2, 12 * 64 * 2, 12 * 64 * 2 },
    { "avx512bw", CPU_AVX512BW, roof_read_avx512bw, roof_f32_avx512bw, roof_i8_avx512bw,
      roof_ternary_avx512bw, 12 * 16 * 2, 12 * 32 * 2, 12 * 64 * 2 },
    { "avxvnni", CPU_AVXVNNI, roof_read_avx2, roof_f32_avx2, roof_dpbusd_avxvnni,
      roof_dpbusd_avxvnni, 12 * 8 * 2, 12 * 32 * 2, 12 * 32 * 2 },
    { "avx2", CPU_AVX2, roof_read_avx2, roof_f32_avx2, roof_i8_avx2, roof_ternary_avx2, 12 * 8 * 2,
      12 * 16 * 2, 12 * 32 * 2 },
#elif defined(__aarch64__) /* {0, 1, 2} x int8 is exact int8 x int8: there is nothing faster */
    { "i8mm", CPU_NEON | CPU_DOTPROD | CPU_I8MM, roof_read_neon, roof_f32_neon, roof_i8_i8mm,
      roof_i8_i8mm, 24 * 4 * 2, 24 * 32 * 2, 24 * 32 * 2 },
    { "neon", CPU_NEON | CPU_DOTPROD, roof_read_neon, roof_f32_neon, roof_i8_neon, roof_i8_neon,
      24 * 4 * 2, 24 * 16 * 2, 24 * 16 * 2 },
#endif
    { "c", 0, roof_read_c, roof_f32_c, roof_i8_c, roof_i8_c, LANES * 2, LANES * 2, LANES * 2 },
};

const struct roof_kernels *roof_pick(unsigned cpu)
{
    const struct roof_kernels *k = roof_kernels;

    while ((k->needs & cpu) != k->needs)
        k++;
    return k;
}
