/* SPDX-License-Identifier: MIT
 *
 * Every shape that can be run, and where it is from. */
#include <string.h>
#include "model/model.h"

const struct shape_family shape_families[] = {
    { "paper", "BitNet b1.58 Training Tips, Table 1" },
    { "llama", "Meta's configurations: the larger sizes of Figure 2" },
    { "1bitllm", "1bitLLM's reproductions of b1.58" },
    { "msft", "Microsoft's BitNet b1.58 2B4T" },
    { "hf", "HF1BitLLM's Llama3-8B-1.58" },
    { "tii", "TII's Falcon3 1.58bit" },
    { "mistral", "Mistral AI's Mixtral v0.1, with the norms of b1.58" },
    { "dummy", "shape-only models of microsoft/BitNet; peer-3B, which every peer can run" },
    { NULL, NULL },
};

// clang-format off
const struct shape shapes[] = {
/*   name                family     hidden  inter  layers heads kv  dim  vocab   theta     activation sub_norms tied  experts used */
    { "700M",             "paper",    1536,   4096,   24,    24,  24,   64,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "1.3B",             "paper",    2048,   5460,   24,    32,  32,   64,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "3B",               "paper",    3200,   8640,   26,    32,  32,  100,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "3.9B",             "paper",    3200,  12800,   26,    32,  32,  100,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "7B",               "llama",    4096,  11008,   32,    32,  32,  128,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "13B",              "llama",    5120,  13824,   40,    40,  40,  128,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "30B",              "llama",    6656,  17920,   60,    52,  52,  128,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "65B",              "llama",    8192,  22016,   80,    64,  64,  128,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "70B",              "llama",    8192,  28672,   80,    64,   8,  128,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "b158-large",       "1bitllm",  1536,   4096,   24,    16,  16,   96,   32002,    10000, SILU,   true,  true,   1,     1 },
    { "b158-xl",          "1bitllm",  2048,   5460,   24,    32,  32,   64,   32002,    10000, SILU,   true,  true,   1,     1 },
    { "b158-3B",          "1bitllm",  3200,   8640,   26,    32,  32,  100,   32002,    10000, SILU,   true,  true,   1,     1 },
    { "2B4T",             "msft",     2560,   6912,   30,    20,   5,  128,  128256,   500000, RELU2,  true,  true,   1,     1 },
    { "Llama3-8B-1.58",   "hf",       4096,  14336,   32,    32,   8,  128,  128256,   500000, SILU,   false, false,  1,     1 },
    { "Falcon3-1B",       "tii",      2048,   8192,   18,     8,   4,  256,  131072,  1000042, SILU,   false, false,  1,     1 },
    { "Falcon3-10B",      "tii",      3072,  23040,   40,    12,   4,  256,  131072,  1000042, SILU,   false, false,  1,     1 },
    { "mixtral-8x7b",     "mistral",  4096,  14336,   32,    32,   8,  128,   32000,  1000000, SILU,   true,  false,  8,     2 },
    { "mixtral-8x22b",    "mistral",  6144,  16384,   56,    48,   8,  128,   32000,  1000000, SILU,   true,  false,  8,     2 },
    { "peer-3B",          "dummy",    3072,   8192,   26,    32,  32,   96,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-125M",       "dummy",     768,   3072,   11,    12,  12,   64,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-350M",       "dummy",    1024,   3072,   24,    16,  16,   64,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-1B",         "dummy",    2048,   3584,   24,    32,  32,   64,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-1.5B",       "dummy",    1536,   9216,   28,    32,  32,   48,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-2.7B",       "dummy",    3072,   7680,   24,    32,  32,   96,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-3.8B",       "dummy",    3840,   8192,   24,    32,  32,  120,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-7B",         "dummy",    4096,  12032,   32,    32,  32,  128,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-13B",        "dummy",    5120,  13824,   40,    40,  40,  128,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-30B",        "dummy",    6656,  16384,   60,    52,  52,  128,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-70B",        "dummy",    8192,  24576,   80,    64,  64,  128,   32000,    10000, SILU,   true,  false,  1,     1 },
    { "dummy-100B",       "dummy",    8192,  45568,   72,    64,  64,  128,   32000,    10000, SILU,   true,  false,  1,     1 },
    { NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, SILU, false, false, 0, 0 },
};
// clang-format on

const char *const linear_names[LINEARS] = { "q", "k", "v", "o", "gate", "up", "down" };

const struct shape *shape_find(const char *name)
{
    for (const struct shape *s = shapes; s->name; s++)
        if (!strcmp(s->name, name))
            return s;
    return NULL;
}

const struct shape_family *shape_family_find(const char *name)
{
    for (const struct shape_family *f = shape_families; f->name; f++)
        if (!strcmp(f->name, name))
            return f;
    return NULL;
}

int shape_linears(const struct shape *s)
{
    return LINEAR_GATE + EXPERT_LINEARS * s->experts;
}

struct dims shape_linear(const struct shape *s, int which)
{
    const int q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;

    switch (which < LINEARS ? which : LINEAR_GATE + (which - LINEAR_GATE) % EXPERT_LINEARS) {
    case LINEAR_Q:
        return (struct dims){ q, s->hidden };
    case LINEAR_K:
    case LINEAR_V:
        return (struct dims){ kv, s->hidden };
    case LINEAR_O:
        return (struct dims){ s->hidden, q };
    case LINEAR_GATE:
    case LINEAR_UP:
        return (struct dims){ s->intermediate, s->hidden };
    default:
        return (struct dims){ s->hidden, s->intermediate };
    }
}

/* Of all layers, each with `experts` of its experts. */
static double weights_with(const struct shape *s, int experts)
{
    double sum = s->experts > 1 ? (double)s->experts * s->hidden : 0; /* the router */

    for (int i = 0; i < LINEAR_GATE + EXPERT_LINEARS * experts; i++) {
        const struct dims d = shape_linear(s, i);
        sum += (double)d.rows * d.cols;
    }
    return sum * s->layers;
}

double shape_linear_weights(const struct shape *s)
{
    return weights_with(s, s->experts);
}

double shape_active_weights(const struct shape *s)
{
    return weights_with(s, s->experts_used);
}

double shape_parameters(const struct shape *s)
{
    return shape_linear_weights(s) + (s->tied_embeddings ? 1.0 : 2.0) * s->vocab * s->hidden;
}
