/* SPDX-License-Identifier: MIT
 *
 * shapes.c: counts of weights that others have published, and what experts add. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "model/model.h"

static void families_have_sources(void **state)
{
    (void)state;
    for (const struct shape *s = shapes; s->name; s++) {
        const struct shape_family *f = shape_family_find(s->family);
        if (!f || !f->source[0])
            fail_msg("%s: family '%s' is not in the table", s->name, s->family);
        assert_ptr_equal(shape_find(s->name), s);
        assert_true(s->heads % s->kv_heads == 0 && s->head_dim % 2 == 0);
        assert_true(s->experts >= 1 && s->experts_used >= 1 && s->experts_used <= s->experts);
    }
    assert_null(shape_family_find("nosuch"));
}

/* Billions, as the models' authors print them: all weights, and those that a token meets. */
static void weights_are_the_published_ones(void **state)
{
    static const struct {
        const char *name;
        double all, active;
    } published[] = {
        { "7B", 6.7, 6.7 },
        { "13B", 13.0, 13.0 },
        { "30B", 32.5, 32.5 },
        { "65B", 65.2, 65.2 },
        { "70B", 69.0, 69.0 },
        { "2B4T", 2.4, 2.4 },
        { "mixtral-8x7b", 46.7, 12.9 },
        { "mixtral-8x22b", 141, 39 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        const struct shape *s = shape_find(published[i].name);
        const double all = shape_parameters(s) / 1e9;
        const double active = all - (shape_linear_weights(s) - shape_active_weights(s)) / 1e9;
        if (fabs(all / published[i].all - 1) > 0.01 ||
            fabs(active / published[i].active - 1) > 0.01)
            fail_msg("%s: %.2f and %.2f, published %.2f and %.2f", s->name, all, active,
                     published[i].all, published[i].active);
    }
}

/* A dense layer has the seven matrices; each further expert repeats the last three. */
static void experts_repeat_their_matrices(void **state)
{
    const struct shape *s = shape_find("mixtral-8x7b");

    (void)state;
    assert_int_equal(shape_linears(shape_find("7B")), LINEARS);
    assert_int_equal(shape_linears(s), 4 + 3 * 8);
    for (int e = 0; e < s->experts; e++)
        for (int i = LINEAR_GATE; i < LINEARS; i++) {
            const struct dims first = shape_linear(s, i);
            const struct dims d = shape_linear(s, i + EXPERT_LINEARS * e);
            assert_true(d.rows == first.rows && d.cols == first.cols);
        }
}

/* Predicted bytes have all experts, each model_expert_bytes; seven and eight rows of a router take
 * one panel. */
static void an_expert_more_is_its_bytes_more(void **state)
{
    (void)state;
    for (const struct family *const *f = families; *f; f++) {
        struct shape s = *shape_find("mixtral-8x7b");
        const size_t all = model_bytes(&s, *f, &f16, s.layers);
        s.experts--;
        assert_int_equal(all - model_bytes(&s, *f, &f16, s.layers),
                         (size_t)s.layers * model_expert_bytes(&s, *f));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_have_sources),
        cmocka_unit_test(weights_are_the_published_ones),
        cmocka_unit_test(experts_repeat_their_matrices),
        cmocka_unit_test(an_expert_more_is_its_bytes_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
