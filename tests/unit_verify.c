/* SPDX-License-Identifier: MIT
 *
 * The check before timing: a right kernel passes, a wrong one is named. And the paper's numbers, as
 * embedded. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "bench/paper_data.h"
#include "bench/verify.h"
#include "kernels/cpu.h"
#include "kernels/gemv.h"

enum { ROWS = 100, COLS = 52 };

/* One wrong value, in the last row: of a GEMV; of the first token, only where GEMM is done by
 * streams; of the last one, only where it is done by tiles. */
static const struct kernel *right;

static void wrong_gemv(float *y, const struct wmat *w, const struct acts *x, int first, int last)
{
    right->gemv(y, w, x, first, last);
    if (last == w->rows)
        y[last - 1] += 1;
}

static void wrong_streams(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                          int last)
{
    right->gemm(y, ldy, w, x, first, last);
    if (last == w->rows && x->count <= GEMV_TOKENS)
        y[last - 1] = NAN;
}

static void wrong_tiles(float *y, int ldy, const struct wmat *w, const struct acts *x, int first,
                        int last)
{
    right->gemm(y, ldy, w, x, first, last);
    if (last == w->rows && x->count > GEMV_TOKENS)
        y[(size_t)(x->count - 1) * (size_t)ldy + (size_t)last - 1] = NAN;
}

/* Random weights of a family, packed; the caller frees data. */
static struct wmat random_matrix(const struct family *f, float *row_scale)
{
    uint16_t elements[PANEL_ROWS * COLS];
    int8_t *bytes = (int8_t *)elements;
    char *data = malloc(packed_bytes(f, ROWS, COLS));

    assert_non_null(data);
    for (int row = 0; row < ROWS; row += PANEL_ROWS) {
        const int rows = ROWS - row < PANEL_ROWS ? ROWS - row : PANEL_ROWS;
        for (int i = 0; i < PANEL_ROWS * COLS; i++) {
            if (f->element == ELEMENT_F16)
                elements[i] = (uint16_t)(0x3000 + (i * 7 + row) % 1024);
            else
                bytes[i] = (int8_t)((i * 7 + row) % 3 - 1);
        }
        f->pack(data + (size_t)(row / PANEL_ROWS) * panel_bytes(f, COLS), elements, rows, COLS);
    }
    for (int r = 0; r < ROWS; r++)
        row_scale[r] = 0.5f;
    return (struct wmat){ .data = data,
                          .row_scale = f->element == ELEMENT_I8 ? row_scale : NULL,
                          .scale = 0.25f,
                          .rows = ROWS,
                          .cols = COLS };
}

static void wrong_kernels_are_named(void **state)
{
    float row_scale[ROWS];
    char why[300];

    (void)state;
    for (int i = 0; families[i]; i++) {
        const struct family *f = families[i];
        const struct wmat w = random_matrix(f, row_scale);
        right = kernel_pick(f, cpu_detect());
        const struct kernel bad_gemv = { right->isa, 0, wrong_gemv, right->gemm };
        gemm_fn *const bad_gemm[] = { wrong_streams, wrong_tiles };

        assert_int_equal(verify_matrix(f, right, &w, 1, why, sizeof why), 0);
        assert_int_equal(verify_matrix(f, &bad_gemv, &w, 1, why, sizeof why), -EILSEQ);
        assert_non_null(strstr(why, "gemv"));
        assert_non_null(strstr(why, "row 99"));
        for (size_t b = 0; b < sizeof bad_gemm / sizeof *bad_gemm; b++) {
            const struct kernel bad = { right->isa, 0, right->gemv, bad_gemm[b] };
            assert_int_equal(verify_matrix(f, &bad, &w, 1, why, sizeof why), -EILSEQ);
            assert_non_null(strstr(why, "gemm"));
        }
        free((void *)(uintptr_t)w.data);
    }
}

static void paper_numbers(void **state)
{
    char name[40];

    (void)state;
    assert_true(paper_number(PAPER_TABLE1, "b158", "3B", "latency_ratio") == 2.71);
    assert_true(paper_number(PAPER_TABLE1, "llama", "700M", "memory_gb") == 2.08);
    assert_true(paper_number(PAPER_FIGURE2, "70B", NULL, "llama_gb") == 131.59);
    assert_true(paper_number(PAPER_FIGURE3, "13B", NULL, "b158_j") == 0.09927);
    assert_true(isnan(paper_number(PAPER_TABLE1, "llama", "3.9B", "memory_gb")));
    assert_true(isnan(paper_number(PAPER_FIGURE2, "70B", NULL, "no_such_column")));
    assert_string_equal(paper_row_name(PAPER_ENERGY_2B4T, 0, name, sizeof name), "BitNet-2B4T");
    assert_null(paper_row_name(PAPER_ENERGY_2B4T, 6, name, sizeof name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_kernels_are_named),
        cmocka_unit_test(paper_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
