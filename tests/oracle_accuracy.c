/* SPDX-License-Identifier: MIT
 *
 * What 8 bits cost where FP16 is the default: the KV cache, the LM head. A network of FP16 weights,
 * run with and without; the distance of all logits, root mean square over root mean square. The
 * bounds are what docs/method.md states. */
#include <math.h>
#include <stdio.h>
#include "kernels/cpu.h"
#include "model/model.h"
#include "tests/check.h"

enum { TOKENS = 64, SEED = 3, WHY = 200 };

static const struct shape shape = { .name = "accuracy",
                                    .hidden = 256,
                                    .intermediate = 704,
                                    .layers = 6,
                                    .heads = 4,
                                    .kv_heads = 4,
                                    .head_dim = 64,
                                    .vocab = 512,
                                    .rope_theta = 10000,
                                    .activation = SILU,
                                    .experts = 1,
                                    .experts_used = 1 };

static struct threads *pool;

/* (TOKENS, vocab): token by token. */
static float *logits_with(const struct family *head, enum kv_type kv)
{
    const struct session_plan plan = {
        .sequences = 1, .positions = TOKENS, .max_tokens = 1, .kv = kv
    };
    float *logits = check_alloc((size_t)(TOKENS * shape.vocab) * sizeof *logits);
    struct model *m = NULL;
    struct session *s = NULL;
    char why[WHY] = "";
    int error = model_build(&m, &shape, &f16, head, NULL, cpu_detect(), shape.layers, SEED, pool,
                            why, sizeof why);

    if (!error)
        error = session_open(&s, m, pool, &plan, why, sizeof why);
    for (int t = 0; t < TOKENS && !error; t++) {
        const int token = (t * 37 + 5) % shape.vocab, sequence = 0;
        error = forward(s, &(struct batch){ 1, &token, &sequence }, logits + t * shape.vocab);
    }
    session_close(s);
    model_close(m);
    if (error)
        check_fail("error %d %s", error, why);
    return logits;
}

static double distance(const float *want, const float *got)
{
    double off = 0, all = 0;

    for (int i = 0; i < TOKENS * shape.vocab; i++) {
        off += pow((double)want[i] - (double)got[i], 2);
        all += pow((double)want[i], 2);
    }
    return sqrt(off / all);
}

static const struct
try {
    const char *name;
    const struct family *head;
    enum kv_type kv;
    double low, high; /* of the distance: nearer than low, nothing was rounded */
}
tries[] = {
    { "int8 KV cache", &f16, KV_I8, 1e-3, 0.01 },
    { "int8 LM head", &i8, KV_F16, 1e-3, 0.015 },
};

static void accuracy(const void *arg)
{
    const struct try *t = arg;
    const double off = distance(logits_with(&f16, KV_F16), logits_with(t->head, t->kv));

    check_note("%s: logits off by %.4f of their root mean square", t->name, off);
    check_context("off by %.4f", off);
    check_that(off >= t->low && off <= t->high);
}

static void group(void)
{
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        check_run(CHECK_PASSES, accuracy, &tries[i], "accuracy: %s", tries[i].name);
}

int main(int argc, char **argv)
{
    static check_group *const groups[] = { group, NULL };
    char why[WHY] = "";

    if (threads_open(&pool, 1, why, sizeof why)) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    const int status = check_main(argc, argv, groups);
    threads_close(pool);
    return status;
}
