/* SPDX-License-Identifier: MIT
 *
 * energy_model.c against every number that the papers print: results/paper/figure3.csv and
 * energy_2b4t.csv. The source root is argv[1], else $TRITBENCH_SOURCE_ROOT, else ".". */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "harness/energy_model.h"

static const char *source_root = ".";

static FILE *open_paper(const char *name)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/results/paper/%s", source_root, name);
    file = fopen(path, "r");
    if (!file)
        fail_msg("%s cannot be opened", path);
    return file;
}

/* The next line of data: neither a comment nor the names of the columns. */
static int next_row(FILE *file, char *line, size_t size)
{
    while (fgets(line, (int)size, file))
        if (line[0] != '#' && strncmp(line, "size,", 5) != 0 && strncmp(line, "model,", 6) != 0)
            return 1;
    return 0;
}

static const struct energy_shape *figure3(const char *name)
{
    for (const struct energy_shape *s = energy_figure3; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    fail_msg("energy_figure3 has no %s", name);
    return NULL;
}

static double joules(const struct energy_shape *s, bool ternary)
{
    const struct energy_options o = { .ternary = ternary, .tokens = 512 };

    return energy_model_j(s, &energy_7nm, &o);
}

static void figure_3_all_ten_values_and_five_labels(void **state)
{
    FILE *file = open_paper("figure3.csv");
    char line[256];
    int rows = 0;

    (void)state;
    for (; next_row(file, line, sizeof line); rows++) {
        char size[16];
        double ratio, llama, b158, ours[2];

        assert_int_equal(sscanf(line, "%15[^,],%lf,%lf,%lf", size, &ratio, &llama, &b158), 4);
        ours[0] = joules(figure3(size), false);
        ours[1] = joules(figure3(size), true);
        if (fabs(ours[0] / llama - 1) > 0.002 || fabs(ours[1] / b158 - 1) > 0.002)
            fail_msg("%s: %g and %g J, the paper has %g and %g", size, ours[0], ours[1], llama,
                     b158);
        if (lrint(floor(10 * ours[0] / ours[1])) != lrint(10 * ratio))
            fail_msg("%s: ratio %g, the label is %g", size, ours[0] / ours[1], ratio);
    }
    fclose(file);
    assert_int_equal(rows, 5);
}

static void report_2b4t_to_the_printed_digits(void **state)
{
    FILE *file = open_paper("energy_2b4t.csv");
    char line[256];
    int rows = 0;

    (void)state;
    for (; next_row(file, line, sizeof line); rows++) {
        struct energy_shape s = { .ffn_matrices = 3 };
        char name[64], ours[32], published[32];
        int ternary;

        assert_int_equal(sscanf(line, "%63[^,],%d,%d,%d,%d,%d,%d,%d,%31s", name, &s.hidden,
                                &s.layers, &s.heads, &s.kv_heads, &s.head_dim, &s.intermediate,
                                &ternary, published),
                         9);
        snprintf(ours, sizeof ours, "%.3f", joules(&s, ternary));
        if (strcmp(ours, published) != 0)
            fail_msg("%s: %s J, published %s J", name, ours, published);
    }
    fclose(file);
    assert_int_equal(rows, 6);
}

static void figure_3_left_is_71_times(void **state)
{
    double mac = energy_7nm.fp16_add_pj + energy_7nm.fp16_mul_pj;

    (void)state;
    assert_int_equal(lrint(floor(10 * mac / energy_7nm.int8_add_pj)), 714);
    mac = energy_45nm.fp16_add_pj + energy_45nm.fp16_mul_pj;
    assert_int_equal(lrint(10 * mac / energy_45nm.int8_add_pj), 500);
}

/* One layer, one head, by hand: additions cost 1 pJ, multiplications 1000, INT8 additions 1e-3. */
static const struct energy_shape tiny = { .name = "tiny",
                                          .hidden = 2,
                                          .layers = 1,
                                          .heads = 1,
                                          .kv_heads = 1,
                                          .head_dim = 2,
                                          .intermediate = 4,
                                          .ffn_matrices = 3,
                                          .vocab = 5 };
static const struct op_energy round_pj = { .fp16_add_pj = 1,
                                           .fp16_mul_pj = 1000,
                                           .int8_add_pj = 1e-3 };

static void assert_pj(double joule, double pico)
{
    if (fabs(joule * 1e12 - pico) > 1e-6)
        fail_msg("%.9g pJ, by hand %.9g", joule * 1e12, pico);
}

/* Weights: q, k, v, o 4 each, gate, up, down 8 each: 40. Additions a token: 1 * (6 + 2 + 8) for the
 * inputs of width 2, 3 * 2 for the down projection of width 4: 22. */
static void linear_layers_by_hand(void **state)
{
    struct energy_options o = { .tokens = 3 };

    (void)state;
    assert_pj(energy_model_parts(&tiny, &round_pj, &o).linear_j, 3 * (22 + 40 * 1000.0));
    o.ternary = true;
    /* scales: outputs 6 + 2 + 8 + 2, inputs 2 (q, k, v) + 2 (o) + 2 (gate, up) + 4 (down) */
    assert_pj(energy_model_parts(&tiny, &round_pj, &o).linear_j,
              3 * (22 * 1e-3 + (18 + 10) * 1000.0));
}

static void attention_by_hand_all_pairs_and_causal(void **state)
{
    struct energy_options o = { .tokens = 3, .ternary = true };

    (void)state;
    /* Q K': 9 pairs, 1 addition and 2 products each. A V: 3 x 2 outputs, 2 additions and 3
     * products each. */
    assert_pj(energy_model_parts(&tiny, &round_pj, &o).attention_j, 9 + 12 + 36 * 1000.0);
    o.causal = true;
    /* 6 pairs; A V: 0, 1, 2 additions and 1, 2, 3 products for each of 2 outputs */
    assert_pj(energy_model_parts(&tiny, &round_pj, &o).attention_j, 6 + 6 + 24 * 1000.0);
}

static void head_and_dram_are_extra_and_off_by_default(void **state)
{
    struct energy_options o = { .tokens = 3, .ternary = true, .weight_bits = 2 };
    struct energy_parts parts = energy_model_parts(&tiny, &round_pj, &o);

    (void)state;
    assert_pj(parts.head_j, 0);
    assert_pj(parts.dram_j, 0);
    o.dram_pj_per_bit = 10;
    assert_pj(energy_model_parts(&tiny, &round_pj, &o).dram_j, 40 * 2 * 10);
    o.lm_head = true; /* FP16 for a ternary model too, and read from DRAM as such */
    parts = energy_model_parts(&tiny, &round_pj, &o);
    assert_pj(parts.head_j, 3 * (5 + 10 * 1000.0));
    assert_pj(parts.dram_j, (40 * 2 + 10 * 16) * 10);
    assert_pj(energy_model_j(&tiny, &round_pj, &o),
              1e12 * (parts.linear_j + parts.attention_j + parts.head_j + parts.dram_j));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figure_3_all_ten_values_and_five_labels),
        cmocka_unit_test(report_2b4t_to_the_printed_digits),
        cmocka_unit_test(figure_3_left_is_71_times),
        cmocka_unit_test(linear_layers_by_hand),
        cmocka_unit_test(attention_by_hand_all_pairs_and_causal),
        cmocka_unit_test(head_and_dram_are_extra_and_off_by_default),
    };

    if (getenv("TRITBENCH_SOURCE_ROOT"))
        source_root = getenv("TRITBENCH_SOURCE_ROOT");
    if (argc > 1)
        source_root = argv[1];
    return cmocka_run_group_tests_name("energy_model", tests, NULL, NULL);
}
