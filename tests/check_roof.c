/* SPDX-License-Identifier: MIT
 *
 * The loops of known cost: each reads every byte that it is paid for, and none beyond, and no round
 * is left out. */
#include "tests/check_roof.h"
#include <string.h>
#include "kernels/roof/roof.h"
#include "tests/check_isa.h"

enum { BYTES = 4096, AHEAD = 2048 };

static void try_read(const struct roof_kernels *k, int streams, size_t prefetch)
{
    char *data = check_alloc(BYTES);

    check_context("read, %d streams, %zu bytes ahead", streams, prefetch);
    memset(data, 0, BYTES);
    const uint64_t zero = k->read(data, BYTES, streams, prefetch);
    for (size_t i = 0; i < BYTES; i++) {
        data[i] = 1;
        if (k->read(data, BYTES, streams, prefetch) == zero)
            check_fail("byte %zu has not been read", i);
        data[i] = 0;
    }
    check_release(0);
}

static void try_compute(roof_compute_fn *fn, const char *name, int ops)
{
    check_context("%s", name);
    check_that(ops > 0);
    for (uint64_t rounds = 0; rounds < 5; rounds++)
        if (fn(rounds) == fn(rounds + 1))
            check_fail("%d rounds give what %d give", (int)rounds + 1, (int)rounds);
}

static void check_roof_body(const void *kernels)
{
    const struct roof_kernels *k = kernels;

    for (int streams = 1; streams <= 8; streams *= 2) {
        try_read(k, streams, 0);
        try_read(k, streams, AHEAD);
    }
    try_compute(k->f32, "f32", k->f32_ops);
    try_compute(k->i8, "i8", k->i8_ops);
    try_compute(k->ternary, "ternary", k->ternary_ops);
}

void check_roof(void)
{
    for (const struct roof_kernels *k = roof_kernels;; k++) {
        const char *why_not = check_why_not(k->needs);
        if (why_not)
            check_skip(why_not, "roof_%s", k->isa);
        else
            check_run(CHECK_PASSES, check_roof_body, k, "roof_%s", k->isa);
        if (!k->needs)
            break;
    }
}
