/* SPDX-License-Identifier: MIT
 *
 * Attention by vectors: what does not depend on which. The including file, which includes this
 * last, has TILE (positions of values read at a time), dots_of_one, dots_of_four, softmax and
 * add_values, and vectors of a multiple of 8 floats. */
#ifndef KERNELS_ATTEND_ATTEND_LOOPS_H
#define KERNELS_ATTEND_ATTEND_LOOPS_H

/* All columns: of four queries, 16 at a time; of one, 64 while there are as many. */
INLINE void values(float *out, const float *scores, int positions, const struct attend *a,
                   const int count, const enum kv_type type)
{
    const size_t step = (size_t)positions;
    const int wide = count == 1 ? 8 : 2;

    for (int first = 0; first < positions; first += TILE) {
        const int last = first + TILE < positions ? first + TILE : positions;
        int at = 0;
        for (; at + 8 * wide <= a->stride; at += 8 * wide)
            add_values(out, scores, step, first, last, a, at, count, wide, type);
        for (; at < a->stride; at += 8)
            add_values(out, scores, step, first, last, a, at, count, 1, type);
    }
}

INLINE void attend(float *out, const float *q, const int *positions, int count,
                   const struct attend *a, float *scores, const enum kv_type type)
{
    const int stride = a->stride, longest = positions[count - 1];
    const bool four = count == ATTEND_QUERIES;

    if (four)
        dots_of_four(scores, (size_t)longest, q, a, positions[0], type);
    for (int j = 0; j < count; j++) {
        float *row = scores + (size_t)j * (size_t)longest;
        dots_of_one(row, q + j * stride, a, four ? positions[0] : 0, positions[j], type);
        softmax(row, positions[j], longest, a->scale, type == KV_I8 ? a->k_scale : NULL,
                type == KV_I8 ? a->v_scale : NULL);
    }
    if (four)
        values(out, scores, longest, a, ATTEND_QUERIES, type);
    for (int j = 0; j < count && !four; j++)
        values(out + j * stride, scores + (size_t)j * (size_t)longest, longest, a, 1, type);
}

#endif
