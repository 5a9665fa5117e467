/* SPDX-License-Identifier: MIT
 *
 * Whole forward passes of tiny networks: against the reference with the same weights, and against
 * themselves run in another way (batched, threaded, in company, cycled, on another instruction
 * set).
 *
 * How close is close? A pass in f32 is some 3e-7 of the largest logit away from one in double,
 * until a value beside a tie is rounded the other way, in the FP16 cache (1e-5 to 1e-4 then) or in
 * an int8 activation (1e-3 to 2e-2), and the rest of that sequence with it. A wrong formula is off
 * everywhere. So the bound is twofold: half of the tokens are CLOSE, and all of them are NEAR. A
 * token may meet another expert where two router logits were within a TIE. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/cpu.h"
#include "model/model.h"
#include "tests/check.h"
#include "tests/oracle_model.h"
#include "tests/oracle_shapes.h"

enum { SEED = 7, TOKENS = 6, SEQUENCES = 12, WHY = 200 };
static const double CLOSE = 2e-6, NEAR = 0.05; /* of the largest |logit| */
static const double FLOAT_NEAR = 5e-4;         /* where only the cache rounds */
static const double TIE = 0.03;                /* of two router logits */

/* What a test opens, closed by whoever ran it: a failed test does not come back. */
static struct {
    struct model *models[2];
    struct session *sessions[4];
    int model_count, session_count;
    struct ref_state state;
} opened;
static struct threads *one_thread, *all_threads;

struct subject {
    const struct shape *shape;
    const struct family *family, *head;
    enum kv_type kv;
};

/* ---- opening and running ---- */

static struct model *build_for(const struct subject *s, const char *isa, unsigned cpu, int resident,
                               struct threads *pool)
{
    char why[WHY] = "";
    struct model *m;

    if (model_build(&m, s->shape, s->family, s->head, isa, cpu, resident, SEED, pool, why,
                    sizeof why))
        check_fail("model_build: %s", why);
    return opened.models[opened.model_count++] = m;
}

static struct model *build(const struct subject *s, const char *isa, int resident,
                           struct threads *pool)
{
    return build_for(s, isa, cpu_detect(), resident, pool);
}

static struct session *open_session(const struct subject *subject, const struct model *m,
                                    struct threads *pool, int sequences)
{
    const struct session_plan plan = { .sequences = sequences,
                                       .positions = TOKENS,
                                       .max_tokens = sequences * TOKENS,
                                       .kv = subject->kv };
    char why[WHY] = "";
    struct session *s;

    if (session_open(&s, m, pool, &plan, why, sizeof why))
        check_fail("session_open: %s", why);
    return opened.sessions[opened.session_count++] = s;
}

static void close_all(void)
{
    ref_close(&opened.state);
    while (opened.session_count > 0)
        session_close(opened.sessions[--opened.session_count]);
    while (opened.model_count > 0)
        model_close(opened.models[--opened.model_count]);
}

static void run(struct session *s, int count, const int *token, const int *sequence, float *logits)
{
    const struct batch batch = { count, token, sequence };

    if (forward(s, &batch, logits))
        check_fail("forward refuses %d tokens", count);
}

static float *logits_of(const struct subject *s, int rows)
{
    return check_poisoned((size_t)(rows * s->shape->vocab));
}

/* Token by token, alone; logits is (TOKENS, vocab). */
static void decode(struct session *s, const int *token, float *logits)
{
    const int sequence = 0;

    session_rewind(s, 0);
    for (int t = 0; t < TOKENS; t++)
        run(s, 1, &token[t], &sequence, logits + t * s->model->shape->vocab);
}

static void random_tokens(const struct subject *s, int *token, int count)
{
    for (int t = 0; t < count; t++)
        token[t] = check_below(s->shape->vocab);
}

/* |want - got| of one row of logits, relative to the largest |want|; infinite when got is NaN. */
static double distance(const double *want, const float *got, int n)
{
    double largest = 0, off = 0;

    for (int i = 0; i < n; i++) {
        const double d = fabs(want[i] - (double)got[i]);
        largest = fmax(largest, fabs(want[i]));
        off = isnan(d) ? INFINITY : fmax(off, d);
    }
    return off / largest;
}

/* How far a value beside a tie may carry a token's logits. */
static double near_of(const struct subject *s)
{
    const bool floats = s->family->act == ACT_F32 && s->head->act == ACT_F32 && s->kv == KV_F16;

    return floats ? FLOAT_NEAR : NEAR;
}

/* What counts of a distance, when `margin` is the least that a router's choice was clear by. */
static double counted(const struct subject *s, double off, double margin)
{
    return margin < TIE && !isinf(off) ? fmin(off, near_of(s)) : off;
}

/* Integer families promise the same bits whatever the grouping; others are near. */
static void same(const struct subject *s, const float *want, const float *got, int n)
{
    double *bound = NULL;

    if (s->family->error_per_column > 0) {
        float largest = 0;
        bound = check_alloc((size_t)n * sizeof *bound);
        for (int i = 0; i < n; i++)
            largest = fmaxf(largest, fabsf(want[i]));
        for (int i = 0; i < n; i++)
            bound[i] = near_of(s) * (double)largest;
    }
    check_equal(want, got, bound, (size_t)n);
}

/* ---- against the reference ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void judge(const struct subject *s, double *off, int n)
{
    const double near = near_of(s);

    qsort(off, (size_t)n, sizeof *off, by_value);
    check_context("median off by %.1e, worst by %.1e", off[n / 2], off[n - 1]);
    check_that(off[n / 2] <= CLOSE);
    check_that(off[n - 1] <= near);
}

static void against_reference(const struct subject *s, int resident)
{
    struct model *m = build(s, NULL, resident, one_thread);
    struct session *session = open_session(s, m, one_thread, 1);
    const struct ref_model *reference = oracle_model(m, s->kv);
    const int vocab = s->shape->vocab;
    double *want = check_alloc((size_t)vocab * sizeof *want);
    double off[SEQUENCES * TOKENS];
    float *got = logits_of(s, TOKENS);

    for (int i = 0; i < SEQUENCES; i++) {
        int token[TOKENS];
        random_tokens(s, token, TOKENS);
        decode(session, token, got);
        check_that(ref_open(&opened.state, reference, TOKENS));
        for (int t = 0; t < TOKENS; t++) {
            ref_forward(want, &opened.state, token[t]);
            off[i * TOKENS + t] =
                counted(s, distance(want, got + t * vocab, vocab), opened.state.margin);
        }
        ref_close(&opened.state);
    }
    judge(s, off, SEQUENCES * TOKENS);
}

static void reference(const void *subject)
{
    const struct subject *s = subject;

    against_reference(s, s->shape->layers);
}

static void reference_cycled(const void *subject)
{
    against_reference(subject, 1);
}

static void latent(const void *subject)
{
    const struct subject *s = subject;

    oracle_latent(build(s, NULL, s->shape->layers, all_threads));
}

/* ---- against itself ---- */

static void prefill(const void *subject)
{
    const struct subject *s = subject;
    struct session *session =
        open_session(s, build(s, NULL, s->shape->layers, all_threads), all_threads, 1);
    const int sequence[TOKENS] = { 0 }, vocab = s->shape->vocab;
    float *want = logits_of(s, TOKENS), *got = logits_of(s, 1);
    int token[TOKENS];

    random_tokens(s, token, TOKENS);
    decode(session, token, want);
    for (int split = 0; split < TOKENS; split++) { /* in one pass, or in two */
        check_context("%d tokens before the others", split);
        session_rewind(session, 0);
        if (split)
            run(session, split, token, sequence, NULL);
        run(session, TOKENS - split, token + split, sequence, got);
        same(s, want + (TOKENS - 1) * vocab, got, vocab);
    }
}

static void threads(const void *subject)
{
    const struct subject *s = subject;
    struct model *m = build(s, NULL, s->shape->layers, one_thread);
    struct model *n = build(s, NULL, s->shape->layers, all_threads);
    float *want = logits_of(s, TOKENS), *got = logits_of(s, TOKENS);
    int token[TOKENS];

    check_that(m->memory_bytes == n->memory_bytes);
    check_that(!memcmp(m->memory, n->memory, m->memory_bytes));
    random_tokens(s, token, TOKENS);
    decode(open_session(s, m, one_thread, 1), token, want);
    decode(open_session(s, m, all_threads, 1), token, got);
    check_equal(want, got, NULL, (size_t)(TOKENS * s->shape->vocab));
}

/* Of matrices so tall that threads take parts of each other's rows, each time others. Six
 * sequences: more tokens than a GEMV's streams take, in tiles that threads pack for each other. */
static void threads_in_parts(const void *subject)
{
    enum { ROUNDS = 8, SESSIONS = 6 };
    const struct subject *s = subject;
    struct model *m = build(s, NULL, s->shape->layers, one_thread);
    struct session *one = open_session(s, m, one_thread, SESSIONS);
    struct session *many = open_session(s, m, all_threads, SESSIONS);
    float *want = logits_of(s, SESSIONS), *got = logits_of(s, SESSIONS);
    int token[SESSIONS * TOKENS], sequence[SESSIONS * TOKENS];

    random_tokens(s, token, SESSIONS * TOKENS);
    for (int i = 0; i < SESSIONS * TOKENS; i++)
        sequence[i] = i / TOKENS;
    run(one, SESSIONS * TOKENS, token, sequence, want);
    for (int round = 0; round < ROUNDS; round++) {
        check_context("round %d", round);
        session_rewind(many, 0);
        run(many, SESSIONS * TOKENS, token, sequence, got);
        check_equal(want, got, NULL, (size_t)(SESSIONS * s->shape->vocab));
    }
}

/* Three sequences: two interleaved and of different length, one that sits out. */
static void company(const void *subject)
{
    const struct subject *s = subject;
    struct model *m = build(s, NULL, s->shape->layers, all_threads);
    struct session *alone = open_session(s, m, all_threads, 1);
    struct session *together = open_session(s, m, all_threads, 3);
    const int vocab = s->shape->vocab;
    int token[2][TOKENS], mixed[2 * TOKENS], sequence[2 * TOKENS], count = 0;
    float *want[2], *got = logits_of(s, 3);

    for (int i = 0; i < 2; i++) {
        random_tokens(s, token[i], TOKENS);
        want[i] = logits_of(s, TOKENS);
        decode(alone, token[i], want[i]);
    }
    for (int t = 0; t < TOKENS - 1; t++)
        for (int i = 0; i < 2 && (i == 0 || t < TOKENS - 3); i++) {
            mixed[count] = token[i][t];
            sequence[count++] = 2 * i; /* sequence 1 has no tokens */
        }
    run(together, count, mixed, sequence, got);
    same(s, want[0] + (TOKENS - 2) * vocab, got, vocab);
    same(s, want[1] + (TOKENS - 4) * vocab, got + 2 * vocab, vocab);
    for (int i = 0; i < vocab; i++)
        check_that(check_is_poison(got[vocab + i]));
    check_that(together->length[0] == TOKENS - 1 && together->length[1] == 0 &&
               together->length[2] == TOKENS - 3);

    const int next[] = { token[1][TOKENS - 3], token[0][TOKENS - 1] }, whose[] = { 2, 0 };
    run(together, 2, next, whose, got);
    same(s, want[0] + (TOKENS - 1) * vocab, got, vocab);
    same(s, want[1] + (TOKENS - 3) * vocab, got + 2 * vocab, vocab);
}

static void isa(const void *subject)
{
    const struct subject *s = subject;
    struct session *c = open_session(s, build(s, "c", s->shape->layers, one_thread), one_thread, 1);
    struct model *m = build(s, NULL, s->shape->layers, one_thread);
    struct session *best = open_session(s, m, one_thread, 1);
    const struct ref_model *reference = /* for its margins */
        s->shape->experts > 1 ? oracle_model(m, s->kv) : NULL;
    const int vocab = s->shape->vocab;
    float *want = logits_of(s, TOKENS), *got = logits_of(s, TOKENS);
    double *wide = check_alloc((size_t)vocab * sizeof *wide), off[SEQUENCES * TOKENS];
    double *unused = check_alloc((size_t)vocab * sizeof *unused);

    for (int i = 0; i < SEQUENCES; i++) {
        int token[TOKENS];
        random_tokens(s, token, TOKENS);
        decode(c, token, want);
        decode(best, token, got);
        if (reference)
            check_that(ref_open(&opened.state, reference, TOKENS));
        for (int t = 0; t < TOKENS; t++) {
            if (reference)
                ref_forward(unused, &opened.state, token[t]);
            for (int v = 0; v < vocab; v++)
                wide[v] = (double)want[t * vocab + v];
            off[i * TOKENS + t] = counted(s, distance(wide, got + t * vocab, vocab),
                                          reference ? opened.state.margin : INFINITY);
        }
        ref_close(&opened.state);
    }
    judge(s, off, SEQUENCES * TOKENS);
}

/* One resident layer that runs `layers` times is a model with that layer in each place. */
static void cycled(const void *subject)
{
    const struct subject *s = subject;
    const int layers = s->shape->layers;
    struct model *m = build(s, NULL, 1, one_thread);
    struct layer *repeated = check_alloc((size_t)layers * sizeof *repeated);
    struct model spread = *m;
    float *want = logits_of(s, TOKENS), *got = logits_of(s, TOKENS);
    int token[TOKENS];

    for (int l = 0; l < layers; l++)
        repeated[l] = m->layers[0];
    spread.layers = repeated;
    spread.layers_resident = layers;
    check_that(m->weights_bytes == model_bytes(s->shape, s->family, s->head, layers));
    check_that(m->resident_bytes == model_bytes(s->shape, s->family, s->head, 1));
    check_that(layers == 1 || m->resident_bytes < m->weights_bytes);
    random_tokens(s, token, TOKENS);
    decode(open_session(s, m, one_thread, 1), token, got);
    decode(open_session(s, &spread, one_thread, 1), token, want);
    check_equal(want, got, NULL, (size_t)(TOKENS * s->shape->vocab));
}

/* What is refused changes nothing. */
static void refusals(const void *subject)
{
    const struct subject *s = subject;
    struct session *session = open_session(s, build(s, NULL, 1, one_thread), one_thread, 2);
    const int token[2 * TOKENS + 1] = { 0 }, sequence[2 * TOKENS + 1] = { 0 };
    const int too_large = s->shape->vocab, negative = -1, third = 2;
    const struct batch wrong[] = {
        { 0, token, sequence },          { 2 * TOKENS + 1, token, sequence },
        { TOKENS + 1, token, sequence }, { 1, &too_large, sequence },
        { 1, &negative, sequence },      { 1, token, &third },
        { 1, token, &negative },
    };
    volatile int cancel = 1;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        check_context("batch %zu", i);
        check_that(forward(session, &wrong[i], NULL) == -EINVAL);
        check_that(session->length[0] == 0 && session->length[1] == 0);
    }
    session->cancel = &cancel;
    check_that(forward(session, &(struct batch){ 1, token, sequence }, NULL) == -EINTR);
    cancel = 0;
    check_that(forward(session, &(struct batch){ TOKENS, token, sequence }, NULL) == 0);
    check_that(session->length[0] == TOKENS && session->length[1] == 0);
    check_that(forward(session, &(struct batch){ 1, token, sequence }, NULL) == -EINVAL);
}

/* On a CPU that has everything: a forced instruction set is no reason for C in any part. */
static void forced(const void *arg)
{
    const struct subject *s = arg;

    for (const struct kernel *k = s->family->kernels; k->needs; k++) {
        const struct model *m = build_for(s, k->isa, ~0u, 1, one_thread);
        check_that(m->kernel == k);
        if (!m->act->needs || !m->head_kernel->needs || !m->router_kernel->needs)
            check_fail("%s: %s, head %s, router %s", k->isa, m->act->isa, m->head_kernel->isa,
                       m->router_kernel->isa);
        close_all();
    }
    check_that(!build_for(s, "c", ~0u, 1, one_thread)->act->needs);
}

/* ---- the group ---- */

static void group(void)
{
    static const struct {
        const char *name;
        check_body *body;
    } tests[] = {
        { "equals the reference", reference },
        { "equals the reference, cycled", reference_cycled },
        { "weights are the latent ones", latent },
        { "prefill is decode", prefill },
        { "one thread is many", threads },
        { "together is alone", company },
        { "C is the best instruction set", isa },
        { "cycled is repeated", cycled },
        { "refusals", refusals },
    };

    static const struct {
        const struct family *head;
        enum kv_type kv;
    } variants[] = { { &f16, KV_F16 }, { &i8, KV_I8 }, { &f16, KV_I8 }, { &i8, KV_F16 } };

    for (size_t c = 0; oracle_shapes[c].name; c++)
        for (const struct family *const *f = families; *f; f++)
            for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
                for (size_t t = 0; t < sizeof tests / sizeof *tests; t++) {
                    const struct subject s = { &oracle_shapes[c], *f, variants[v].head,
                                               variants[v].kv };
                    if (tests[t].body == reference_cycled && oracle_shapes[c].layers == 1)
                        continue; /* nothing to go round */
                    if (v > 1 && tests[t].body != reference)
                        continue; /* the two before have been through everything */
                    check_run(CHECK_PASSES, tests[t].body, &s, "forward: %s %s, head %s, KV %s: %s",
                              oracle_shapes[c].name, (*f)->name, s.head->name, kv_names[s.kv],
                              tests[t].name);
                    close_all();
                }
    for (const struct family *const *f = families; *f; f++) {
        const struct subject s = { &oracle_tall, *f, &f16, KV_F16 };
        check_run(CHECK_PASSES, threads_in_parts, &s, "forward: %s: one thread is many, in parts",
                  (*f)->name);
        close_all();
        check_run(CHECK_PASSES, forced, &s, "forward: %s: a forced ISA holds for all parts",
                  (*f)->name);
        close_all();
    }
}

int main(int argc, char **argv)
{
    static check_group *const groups[] = { group, NULL };
    char why[WHY] = "";
    int status = 1;

    /* The larger first: a pool pins its caller, and leaves one CPU to whom it opens next. */
    if (!threads_open(&all_threads, threads_units(), why, sizeof why) &&
        !threads_open(&one_thread, 1, why, sizeof why))
        status = check_main(argc, argv, groups);
    else
        printf("Bail out! %s\n", why);
    threads_close(one_thread);
    threads_close(all_threads);
    return status;
}
