/* SPDX-License-Identifier: MIT
 *
 * Attention of a few queries over the keys and values of one head. C is the specification; the
 * others are within 2e-6 of the largest element, times the largest |score| where that is above 1,
 * as an exponential magnifies. What one query gets does not depend on those beside it, bit for bit.
 */
#ifndef KERNELS_ATTEND_ATTEND_H
#define KERNELS_ATTEND_ATTEND_H

#include <stdint.h>

/* What keys and values are kept as. */
enum kv_type {
    KV_F16,
    KV_I8, /* in [-127, 127], with a scale a position */
    KV_TYPES
};
extern const char *const kv_names[KV_TYPES]; /* "f16", "i8": the words on the command line */

enum { ATTEND_QUERIES = 4 };

/* One head's keys and values, each (positions, stride), stride a multiple of 8 and at least the
 * head's dimension; zero from that on. */
struct attend {
    const void *k, *v;              /* uint16_t, IEEE binary16; or int8_t */
    const float *k_scale, *v_scale; /* (positions), for int8 */
    int stride;
    float scale; /* of the scores */
};

/* out[i] = softmax over p < positions[i] of (q[i] . k[p] * scale), times v[p]. q and out are
 * (count, stride), with that padding too, count at most ATTEND_QUERIES; positions never fall, and
 * are 1 at least. scores is scratch, (count, positions[count - 1]). */
typedef void attend_fn(float *out, const float *q, const int *positions, int count,
                       const struct attend *a, float *scores);

extern attend_fn attend_f16_c, attend_f16_avx2, attend_f16_neon;
extern attend_fn attend_i8_c, attend_i8_avx2, attend_i8_neon;

#endif
