/* SPDX-License-Identifier: MIT
 *
 * The worked examples of docs/formats.md, byte by byte, the padding that it states, and the parts
 * that threads take of a packed matrix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "kernels/act/half.h"
#include "kernels/gemv.h"

static void f16_example(void **state)
{
    uint16_t rows[16][2] = { { 0 } };
    uint8_t panel[512];

    (void)state;
    rows[3][0] = f32_to_f16(0.5f);
    rows[3][1] = f32_to_f16(-2);
    assert_true(panel_bytes(&f16, 2) == sizeof panel);
    f16.pack(panel, rows, 16, 2);
    assert_memory_equal(panel + 6, "\x00\x38", 2);
    assert_memory_equal(panel + 38, "\x00\xc0", 2);
}

static void i8_example(void **state)
{
    int8_t rows[16][5] = { [2] = { 5, -6, 7, -8, 9 } };
    uint8_t panel[256];

    (void)state;
    assert_true(panel_bytes(&i8, 5) == sizeof panel);
    i8.pack(panel, rows, 16, 5);
    assert_memory_equal(panel + 8, "\x05\xfa\x07\xf8", 4);
    assert_int_equal(panel[72], 9);
}

static void ternary2_example(void **state)
{
    int8_t rows[16][16] = { { 1, 0, -1, 1, -1, -1, -1, -1 } };
    uint8_t panel[64];

    (void)state;
    assert_true(panel_bytes(&ternary2, 16) == sizeof panel);
    ternary2.pack(panel, rows, 16, 16);
    assert_memory_equal(panel, "\x52\x51\x50\x52", 4);
    assert_int_equal(panel[63], 0x55); /* weight 0 is code 1 */
}

static void ternary5_example(void **state)
{
    int8_t rows[16][5] = { [3] = { 1, 0, -1, 1, 1 } };
    uint8_t panel[128];

    (void)state;
    assert_true(panel_bytes(&ternary5, 5) == sizeof panel);
    ternary5.pack(panel, rows, 16, 5);
    assert_int_equal(panel[3], 0xd7);
    assert_int_equal(panel[2], 0); /* five zeros */
}

static void lut_example(void **state)
{
    int8_t rows[16][6] = { [2] = { 1, -1, 0, -1, 0, 0 } };
    uint8_t panel[160];

    (void)state;
    assert_true(panel_bytes(&lut, 6) == sizeof panel);
    lut.pack(panel, rows, 16, 6);
    assert_int_equal(panel[2], 0x06);
    assert_int_equal(panel[18], 0x09);
    assert_int_equal(panel[146], 0x80);
    assert_int_equal(panel[130], 0);
}

/* All groups of five trits, there and back. */
static void ternary5_holds_every_group(void **state)
{
    int8_t rows[16][5 * 16], back[16][5 * 16];
    uint8_t panel[256];

    (void)state;
    assert_true(panel_bytes(&ternary5, 80) == sizeof panel);
    for (int i = 0; i < 16 * 16; i++) {
        int number = i % 243;
        for (int j = 0; j < 5; j++, number /= 3)
            rows[i / 16][i % 16 * 5 + j] = (int8_t)(number % 3 - 1);
    }
    ternary5.pack(panel, rows, 16, 80);
    ternary5.unpack(back, panel, 16, 80);
    assert_memory_equal(rows, back, sizeof rows);
}

/* 5460 columns are stored as 5472 or 5480, 20 rows as 32. */
static void padding_is_counted(void **state)
{
    (void)state;
    assert_true(packed_bytes(&ternary2, 20, 5460) == 32 * 5472 / 4);
    assert_true(packed_bytes(&i8, 20, 5460) == 32 * 5472);
    assert_true(packed_bytes(&f16, 20, 5460) == 32 * 5472 * 2);
    assert_true(packed_bytes(&ternary5, 20, 5460) == 32 * 5480 / 5);
    assert_true(packed_bytes(&lut, 20, 5460) == 32 * 5472 * 5 / 24);
    assert_true(packed_bytes(&ternary2, 3200, 8640) == 3200 * 8640 / 4);
}

/* Least parts: of as many bytes as a format says where few tokens stream them, whatever the
 * columns, and no more than a panel above that; of as many panels for a GEMM's tiles. */
static void parts_are_large_enough(void **state)
{
    static const int columns[] = { 1, 100, 3200, 45568, 2000000 };

    (void)state;
    for (const struct family *const *f = families; *f; f++)
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            const size_t panel = panel_bytes(*f, columns[c]);
            for (int tokens = 1; tokens <= GEMV_TOKENS; tokens++) {
                const size_t part = (size_t)kernel_part(*f, columns[c], tokens) * panel;
                assert_true(part >= (*f)->part_bytes && part <= (*f)->part_bytes + panel);
            }
            assert_int_equal(kernel_part(*f, columns[c], GEMV_TOKENS + 1), (*f)->part_panels);
            assert_true((*f)->part_panels > 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f16_example),        cmocka_unit_test(i8_example),
        cmocka_unit_test(ternary2_example),   cmocka_unit_test(ternary5_example),
        cmocka_unit_test(lut_example),        cmocka_unit_test(ternary5_holds_every_group),
        cmocka_unit_test(padding_is_counted), cmocka_unit_test(parts_are_large_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
