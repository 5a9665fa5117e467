/* SPDX-License-Identifier: MIT */
#include "bench/table3_values.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the largest batch ---- */

void table3_store_batch(struct run *run, const struct pass_block *b, int s, int64_t cell,
                        bool proved)
{
    static const char formula[] = "weights + KV cache of 512 positions a sequence + scratch + "
                                  "logits, as allocated";
    const int threads = threads_count(run->pool);
    struct pass_test test = b->tests[0];
    const int64_t bytes = pass_bytes(&b->specs[s], &test, 1, threads);

    test.parallel++;
    run_derived(run, cell, "budget_bytes", (double)b->budget_bytes, "B",
                "--mem, or a share of what was free when the plan was made");
    run_derived(run, cell, "batch_bytes", (double)bytes, "B", formula);
    run_derived(run, cell, "next_batch_bytes", (double)pass_bytes(&b->specs[s], &test, 1, threads),
                "B", formula);
    if (proved || bytes > b->budget_bytes)
        run_derived(run, cell, "max_batch", proved ? b->tests[0].parallel : 0, "1",
                    "the most sequences whose batch_bytes are within budget_bytes");
}

/* ---- KV caches ---- */

enum { PIECES = 8, PIECE_MIN = 4, WHY_MAX = 200 };

/* Tokens of a piece of the prompt; logits are compared behind each. */
static int piece_of(int tokens)
{
    const int piece = tokens / PIECES;

    return piece < PIECE_MIN ? PIECE_MIN : piece;
}

int64_t table3_compare_cell(struct run *run, const struct pass_block *b, int threads)
{
    const struct pass_spec *spec = &b->specs[0];
    const struct cell cell = {
        .kind = "accuracy",
        .item = b->item,
        .model = spec->shape->name,
        .format = spec->family->name,
        .isa = spec->isa ? spec->isa : kernel_pick(spec->family, run->cpu)->isa,
        .phase = "prefill",
        .n_prompt = b->compare_tokens,
        .batch = piece_of(b->compare_tokens),
        .parallel = 1,
        .threads = threads,
        .layers_resident = spec->resident,
        .layers = spec->shape->layers,
        .predicted_ns = b->compare_ns,
        .kv = kv_names[KV_I8],
        .head = spec->head->name,
        .provenance = PROVENANCE_MEASURED,
    };

    return run_cell(run, &cell);
}

/* The logits behind each piece of the prompt, (pieces, vocab). */
static int prompt_logits(struct run *run, const struct model *model, enum kv_type kv, int tokens,
                         float *logits, char *why)
{
    const int piece = piece_of(tokens);
    const struct session_plan plan = { 1, tokens, piece, kv };
    struct session *session = NULL;
    int token[TABLE3_COMPARE_MAX / PIECES], sequence[TABLE3_COMPARE_MAX / PIECES] = { 0 };
    uint64_t random = run->config->seed | 1;
    int error = session_open(&session, model, run->pool, &plan, why, WHY_MAX);

    if (error)
        return error;
    session->cancel = &run_stop;
    for (int done = 0; done + piece <= tokens && !error; done += piece) {
        for (int i = 0; i < piece; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            token[i] = (int)((random >> 33) % (uint64_t)model->shape->vocab);
        }
        error = forward(session, &(struct batch){ piece, token, sequence },
                        logits + (size_t)(done / piece) * (size_t)model->shape->vocab);
    }
    session_close(session);
    return error;
}

static int largest_of(const float *x, int n)
{
    int best = 0;

    for (int i = 1; i < n; i++)
        best = x[i] > x[best] ? i : best;
    return best;
}

static void store_distance(struct run *run, int64_t cell, const float *want, const float *got,
                           int rows, int vocab)
{
    double off = 0, all = 0;
    int same = 0;

    for (int r = 0; r < rows; r++, want += vocab, got += vocab) {
        for (int i = 0; i < vocab; i++) {
            off += ((double)want[i] - (double)got[i]) * ((double)want[i] - (double)got[i]);
            all += (double)want[i] * (double)want[i];
        }
        same += largest_of(want, vocab) == largest_of(got, vocab);
    }
    run_value(run, cell, "logit_rows", rows, "1", PROVENANCE_MEASURED, NULL);
    run_value(run, cell, "kv_logit_error", sqrt(off / all), "1", PROVENANCE_MEASURED,
              all > 0 ? NULL : "all logits are 0");
    run_value(run, cell, "kv_top_token_same", (double)same / rows, "1", PROVENANCE_MEASURED, NULL);
}

void table3_compare(struct run *run, const struct pass_block *b, const struct model *model,
                    int64_t cell)
{
    const int tokens = b->compare_tokens, rows = tokens / piece_of(tokens);
    const size_t n = (size_t)rows * (size_t)model->shape->vocab;
    float *logits = NULL;
    char why[WHY_MAX] = "";
    int error = 0;

    if (run_stop || !run_cell_open(run, cell, 0))
        return;
    run_progress(run, "%s %s: KV caches compared over %d tokens", model->shape->name,
                 model->family->name, tokens);
    run_step(run, cell, -1, b->compare_ns);
    run_status(run, cell, "running", NULL);
    logits = malloc(2 * n * sizeof *logits);
    if (!logits)
        error = -ENOMEM;
    if (!error)
        error = prompt_logits(run, model, KV_F16, tokens, logits, why);
    if (!error)
        error = prompt_logits(run, model, KV_I8, tokens, logits + n, why);
    if (!error && !run->broken) {
        store_distance(run, cell, logits, logits + n, rows, model->shape->vocab);
        run_status(run, cell, "ok", NULL);
    } else if (error == -EINTR) {
        run_status(run, cell, "interrupted", "stopped by a signal");
    } else if (!run->broken) {
        run_status(run, cell, "failed", why[0] ? why : strerror(-error));
        run->failed = true;
    }
    run_step(run, 0, -1, 0);
    free(logits);
}
