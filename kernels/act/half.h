/* SPDX-License-Identifier: MIT
 *
 * IEEE binary16 in portable C, exact in both directions (round half to even). */
#ifndef KERNELS_ACT_HALF_H
#define KERNELS_ACT_HALF_H

#include <stdint.h>
#include <string.h>

static inline float half_bits_to_float(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline float f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = h & 0x7fffu;

    if (magnitude >= 0x7c00)
        return half_bits_to_float(sign | 0x7f800000u | magnitude << 13);
    /* As a binary32 with its exponent 112 too low: one exact multiplication mends it, and turns
     * binary16's subnormals into normal numbers. */
    const float f = half_bits_to_float(magnitude << 13) * 0x1p112f;
    return sign ? -f : f;
}

static inline uint16_t f32_to_f16(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN: quiet, payload kept as far as it goes */
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000u) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000u) { /* below 2^-14: units of 2^-24, which adding 0.5 rounds to */
        const float shifted = half_bits_to_float(magnitude) + 0.5f;
        uint32_t low;
        memcpy(&low, &shifted, sizeof low);
        return (uint16_t)(sign | (low - 0x3f000000u));
    }
    const uint32_t odd = magnitude >> 13 & 1;
    return (uint16_t)(sign | ((magnitude + 0xfff + odd - 0x38000000u) >> 13));
}

#endif
