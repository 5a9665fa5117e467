/* SPDX-License-Identifier: MIT
 *
 * The network: shapes, weights, session, forward pass.
 *
 * struct model is const after model_build() and may serve many sessions. struct session is all that
 * changes in a pass: KV cache, positions, scratch. Each is one allocation, made and freed here; the
 * number of bytes is known before it is made, from the same function that makes it. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernels/kernel.h"
#include "kernels/threads.h"
#include "kernels/act/act.h"

#define MODEL_RMS_EPS 1e-5f /* of every RMSNorm */

/* ---- shapes.c: what there is ---- */

enum activation { SILU, RELU2 };

struct shape {
    const char *name, *family; /* family: a name of shape_families */
    int hidden, intermediate, layers, heads, kv_heads, head_dim, vocab;
    double rope_theta;
    enum activation activation;
    bool sub_norms;       /* the ternary graph norms before o and before down */
    bool tied_embeddings; /* the LM head is the embedding */
    int experts;          /* feed-forward networks of a layer; 1: a dense model, without a router */
    int experts_used;     /* by each token */
};
extern const struct shape shapes[]; /* name NULL at the end */

/* Whose shapes they are. */
struct shape_family {
    const char *name, *source;
};
extern const struct shape_family shape_families[]; /* name NULL at the end */

const struct shape *shape_find(const char *name);               /* NULL: no such name */
const struct shape_family *shape_family_find(const char *name); /* NULL: no such name */
double shape_linear_weights(const struct shape *s); /* weights of all linear layers and routers */
double shape_active_weights(const struct shape *s); /* those that one token meets */
double shape_parameters(const struct shape *s);     /* with embedding and head, without norms */

/* The linear matrices of one layer, in the order of a pass. A further expert's gate, up and down
 * follow: matrix LINEAR_UP + EXPERT_LINEARS * e is up of expert e. */
enum linear {
    LINEAR_Q,
    LINEAR_K,
    LINEAR_V,
    LINEAR_O,
    LINEAR_GATE,
    LINEAR_UP,
    LINEAR_DOWN,
    LINEARS,
    EXPERT_LINEARS = LINEARS - LINEAR_GATE
};
extern const char *const linear_names[LINEARS];
struct dims {
    int rows, cols;
};
int shape_linears(const struct shape *s); /* of a layer, all experts' */
struct dims shape_linear(const struct shape *s, int which);

/* ---- synth.c: weights ---- */

struct layer {
    struct wmat *linear;               /* (shape_linears) */
    struct wmat router;                /* f16 (experts, hidden); data NULL in a dense model */
    const float *attn_norm, *ffn_norm; /* (hidden) */
    const float *attn_sub_norm;        /* (heads * head_dim), or NULL */
    const float *ffn_sub_norm;         /* (experts, intermediate), or NULL */
};

struct model {
    const struct shape *shape;
    const struct family *family, *head_family; /* of the linear layers, of the LM head */
    const struct kernel *kernel, *head_kernel, *router_kernel;
    const struct act_kernels *act;
    uint64_t seed;
    int layers_resident;  /* R; layer l runs on weights l mod R */
    struct layer *layers; /* (layers_resident) */
    struct wmat *linears; /* (layers_resident, shape_linears) */
    struct wmat head;     /* (vocab, hidden) */
    const uint16_t
        *embedding;          /* FP16 (vocab, hidden); NULL: tied, and rows come from an f16 head */
    const float *final_norm; /* (hidden) */
    const float *rope;       /* (head_dim / 2): frequencies */
    double zero_share;       /* zeros among the ternary weights; 0 for other formats */
    size_t weights_bytes;    /* of the whole model: all layers, embedding, head, norms, scales */
    size_t resident_bytes;   /* of what is in memory: the same unless cycled */
    void *memory;
    size_t memory_bytes;
};

/* What model_build would allocate with `resident` of the shape's layers in memory. An embedding
 * that is tied to a head of another family than f16 is stored beside it, in FP16. */
size_t model_bytes(const struct shape *s, const struct family *f, const struct family *head,
                   int resident);
/* One expert of one layer. */
size_t model_expert_bytes(const struct shape *s, const struct family *f);

/* Builds seeded synthetic weights in packed form, in parallel, each part first touched by the
 * thread that will read it. The latent matrix is the same for every format: f16 stores it, i8
 * rounds it by row, the ternary families store its absmean quantisation. Routers are f16 in all of
 * them, and as random as the rest: which experts a token meets is chance. `isa` NULL: the best that
 * `cpu` has. 0; -ENOMEM or -ENOTSUP with a sentence in why. The caller closes *model. */
int model_build(struct model **model, const struct shape *s, const struct family *f,
                const struct family *head, const char *isa, unsigned cpu, int resident,
                uint64_t seed, struct threads *pool, char *why, size_t why_size);
void model_close(struct model *model);

/* The latent weights of one row of a linear matrix, as model_build packs them: for tests. dst is
 * (cols) elements of the family's kind; *scale is the row's (or the tensor's) scale. */
void model_latent_row(const struct shape *s, const struct family *f, uint64_t seed, int layer,
                      int which, int row, void *dst, float *scale);
/* The same for the head; and for the router and the embedding, FP16 (hidden). */
void model_latent_router(const struct shape *s, uint64_t seed, int layer, int row, uint16_t *dst);
void model_latent_head(const struct shape *s, const struct family *head, uint64_t seed, int row,
                       void *dst, float *scale);
void model_latent_embedding(const struct shape *s, uint64_t seed, int row, uint16_t *dst);

/* ---- session.c: what changes ---- */

/* The parts of a pass, as a profile tells them apart. */
enum part {
    PART_EMBEDDING, /* and the angles of the rotation */
    PART_NORMS,     /* and the quantiser of activations */
    PART_QKV,
    PART_ROPE, /* and storing k and v */
    PART_ATTENTION,
    PART_O,      /* and its residual, as that of down */
    PART_ROUTER, /* and sorting the tokens by expert; nothing in a dense model */
    PART_GATE_UP,
    PART_ACTIVATION, /* silu(gate) * up */
    PART_DOWN,
    PART_HEAD,
    PARTS
};
extern const char *const part_names[PARTS]; /* words for columns: "linear_qkv" */

/* Where the time of the passes goes: each part from the end of the one before it, waiting for the
 * other threads included. */
struct profile {
    int64_t (*clock_ns)(void);
    int64_t mark, ns[PARTS];
};

struct session_plan {
    int sequences;  /* at once */
    int positions;  /* of each sequence: prompt, generated, depth */
    int max_tokens; /* in one forward pass, all sequences together */
    enum kv_type kv;
};

struct session {
    const struct model *model;
    struct threads *pool;
    struct session_plan plan;
    int *length;              /* (sequences): positions filled */
    void *k, *v;              /* (layers, sequences, kv_heads, positions, head_stride) */
    float *k_scale, *v_scale; /* (layers, sequences, kv_heads, positions); KV_F16: NULL */
    int head_stride;          /* head_dim rounded up to 8 */
    size_t kv_bytes, scratch_bytes;
    int64_t layers_run;         /* by all passes; may be set to 0 between them, as the next */
    int64_t experts_read;       /* by all passes: experts with a token, of each layer */
    struct profile *profile;    /* what passes add their parts to; NULL: the clock is not read */
    const volatile int *cancel; /* set from outside, e.g. by a signal: the pass ends with -EINTR */
    struct scratch *scratch;    /* session.c and forward.c */
    void *memory;
    size_t memory_bytes;
};

/* The KV cache of one position of one sequence, in all layers. */
size_t session_position_bytes(const struct shape *s, enum kv_type kv);
/* What session_open would allocate for a pool of `threads`. */
void session_bytes(const struct shape *s, const struct session_plan *plan, int threads,
                   size_t *kv_bytes, size_t *scratch_bytes);
/* 0; -ENOMEM with a sentence in why. The caller closes *session; pool and model outlive it. */
int session_open(struct session **session, const struct model *model, struct threads *pool,
                 const struct session_plan *plan, char *why, size_t why_size);
void session_close(struct session *session);
/* Forgets all but the first `length` positions of every sequence. */
void session_rewind(struct session *session, int length);
/* Fills positions [0, length) of every sequence with seeded values and sets the length: depth
 * without the cost of a prompt. */
void session_fill(struct session *session, int length, uint64_t seed);

/* ---- forward.c ---- */

struct batch {
    int count;
    const int *token;    /* (count): in [0, vocab) */
    const int *sequence; /* (count): in [0, sequences); a sequence's tokens in order */
};

/* One pass over `batch`: extends each token's sequence by one position. logits is (sequences,
 * vocab): the row of a sequence is written from its last token of the batch; NULL: no LM head. 0;
 * -EINVAL when tokens, sequences or positions are out of range; -EINTR when cancelled. */
int forward(struct session *session, const struct batch *batch, float *logits);

#endif
