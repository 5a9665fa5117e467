/* SPDX-License-Identifier: MIT */
#include <immintrin.h>
#include <string.h>
#include "kernels/roof/roof.h"

roof_compute_fn roof_i8_amx;

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64 };

/* Four tiles of sums, 16 x 16, of two tiles of 16 x 64 and two of 64 x 16: both int8 x int8 and {0,
 * 1, 2} x int8. */
uint64_t roof_i8_amx(uint64_t rounds)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config;
    int8_t data[ROWS * ROW_BYTES];
    int32_t sums[ROWS * ROW_BYTES / 4];
    uint64_t total = 0;

    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int i = 0; i < TILES; i++) {
        config.rows[i] = ROWS;
        config.bytes[i] = ROW_BYTES;
    }
    _tile_loadconfig(&config);
    memset(data, 3, sizeof data);
    _tile_loadd(4, data, ROW_BYTES);
    _tile_loadd(5, data, ROW_BYTES);
    _tile_loadd(6, data, ROW_BYTES);
    _tile_loadd(7, data, ROW_BYTES);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (uint64_t i = 0; i < rounds; i++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
#define ADD(tile)                                                                                  \
    do {                                                                                           \
        _tile_stored(tile, sums, ROW_BYTES);                                                       \
        for (size_t j = 0; j < sizeof sums / sizeof *sums; j++)                                    \
            total += (uint32_t)sums[j];                                                            \
    } while (0)
    ADD(0);
    ADD(1);
    ADD(2);
    ADD(3);
#undef ADD
    _tile_release();
    return total;
}
