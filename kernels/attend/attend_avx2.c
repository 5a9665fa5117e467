/* SPDX-License-Identifier: MIT
 *
 * Four products at a time, so that their sums across lanes cost one transposition: of four queries
 * with one key, which is read once then, or of one query with four keys. Both add in the same
 * order. */
#include "kernels/attend/attend.h"
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include "kernels/act/vector_avx2.h"

/* Values are read in tiles of positions, which the first level keeps for all columns. Rows are
 * asked for AHEAD bytes before their turn. */
enum { TILE = 32, AHEAD = 2048, LINE = 64 };

#define INLINE static inline __attribute__((always_inline))

INLINE __m256 load8(const void *rows, size_t at, const enum kv_type type)
{
    if (type == KV_F16)
        return _mm256_cvtph_ps(_mm_loadu_si128((const void *)((const uint16_t *)rows + at)));
    return _mm256_cvtepi32_ps(
        _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)((const int8_t *)rows + at))));
}

INLINE size_t size_of(const enum kv_type type)
{
    return type == KV_F16 ? sizeof(uint16_t) : sizeof(int8_t);
}

/* `count` elements from `at` on, AHEAD later. */
INLINE void fetch(const void *rows, size_t at, size_t count, const enum kv_type type)
{
    const char *from = (const char *)rows + at * size_of(type) + AHEAD;

    for (size_t i = 0; i < count * size_of(type); i += LINE)
        _mm_prefetch(from + i, _MM_HINT_T0);
}

/* Lane j: q[j * q_step ..] . k[at + j * k_step ..] over stride elements. */
INLINE __m128 dot4(const float *q, size_t q_step, const void *k, size_t at, size_t k_step,
                   size_t stride, const enum kv_type type)
{
    __m256 a[4], b[4];
    __m128 s[4];
    size_t i = 0;

    for (size_t j = 0; j < 4; j++)
        a[j] = b[j] = _mm256_setzero_ps();
    for (; i + 16 <= stride; i += 16)
        for (size_t j = 0; j < 4; j++) {
            const float *x = q + j * q_step + i;
            const size_t from = at + j * k_step + i;
            a[j] = _mm256_fmadd_ps(_mm256_loadu_ps(x), load8(k, from, type), a[j]);
            b[j] = _mm256_fmadd_ps(_mm256_loadu_ps(x + 8), load8(k, from + 8, type), b[j]);
        }
    for (size_t j = 0; j < 4; j++) {
        if (i < stride)
            a[j] = _mm256_fmadd_ps(_mm256_loadu_ps(q + j * q_step + i),
                                   load8(k, at + j * k_step + i, type), a[j]);
        a[j] = _mm256_add_ps(a[j], b[j]);
        s[j] = _mm_add_ps(_mm256_castps256_ps128(a[j]), _mm256_extractf128_ps(a[j], 1));
    }
    _MM_TRANSPOSE4_PS(s[0], s[1], s[2], s[3]);
    return _mm_add_ps(_mm_add_ps(s[0], s[2]), _mm_add_ps(s[1], s[3]));
}

/* scores[p] = q . k[p], first <= p < last. */
INLINE void dots_of_one(float *scores, const float *q, const struct attend *a, int first, int last,
                        const enum kv_type type)
{
    const size_t stride = (size_t)a->stride;
    int p = first;

    for (; p + 4 <= last; p += 4) {
        fetch(a->k, (size_t)p * stride, 4 * stride, type);
        _mm_storeu_ps(scores + p, dot4(q, 0, a->k, (size_t)p * stride, stride, stride, type));
    }
    for (; p < last; p++)
        scores[p] = _mm_cvtss_f32(dot4(q, 0, a->k, (size_t)p * stride, 0, stride, type));
}

/* The same of four queries; scores is (4, step). */
INLINE void dots_of_four(float *scores, size_t step, const float *q, const struct attend *a,
                         int last, const enum kv_type type)
{
    const size_t stride = (size_t)a->stride;

    for (int p = 0; p < last; p++) {
        float dots[4];
        _mm_storeu_ps(dots, dot4(q, stride, a->k, (size_t)p * stride, 0, stride, type));
        for (size_t j = 0; j < 4; j++)
            scores[j * step + (size_t)p] = dots[j];
    }
}

/* From products to the weights of the values; zero from `positions` up to `padded`. */
static void softmax(float *scores, int positions, int padded, float scale, const float *k_scale,
                    const float *v_scale)
{
    const __m256 scale8 = _mm256_set1_ps(scale), lowest = _mm256_set1_ps(-INFINITY);
    __m256 max = lowest, total = _mm256_setzero_ps();

    for (int p = 0; p < positions; p += 8) {
        const int left = positions - p;
        __m256 x = _mm256_mul_ps(load_part(scores + p, left), scale8);
        if (k_scale)
            x = _mm256_mul_ps(x, load_part(k_scale + p, left));
        store_part(scores + p, x, left);
        max = _mm256_max_ps(max, _mm256_blendv_ps(lowest, x, _mm256_castsi256_ps(tail_mask(left))));
    }
    max = _mm256_set1_ps(max_of(max));
    for (int p = 0; p < positions; p += 8) {
        const int left = positions - p;
        const __m256 e = exp8(_mm256_sub_ps(load_part(scores + p, left), max));
        store_part(scores + p, e, left);
        total = _mm256_add_ps(total, _mm256_and_ps(e, _mm256_castsi256_ps(tail_mask(left))));
    }
    const __m256 factor = _mm256_set1_ps(1 / sum_of(total));
    for (int p = 0; p < positions; p += 8) {
        const int left = positions - p;
        __m256 x = _mm256_mul_ps(load_part(scores + p, left), factor);
        if (v_scale)
            x = _mm256_mul_ps(x, load_part(v_scale + p, left));
        store_part(scores + p, x, left);
    }
    for (int p = positions; p < padded; p++)
        scores[p] = 0;
}

/* Columns [at, at + 8 n) of `count` queries' outputs, whose sums stay in registers: positions
 * [first, last) are added. step: from one query's scores to the next one's. */
INLINE void add_values(float *out, const float *scores, size_t step, int first, int last,
                       const struct attend *a, int at, const int count, const int n,
                       const enum kv_type type)
{
    __m256 sum[ATTEND_QUERIES][8];

    for (int j = 0; j < count; j++)
        for (int i = 0; i < n; i++)
            sum[j][i] =
                first ? _mm256_loadu_ps(out + j * a->stride + at + 8 * i) : _mm256_setzero_ps();
    for (int p = first; p < last; p++) {
        __m256 v[8];
        if (!at) /* the tile's first pass */
            fetch(a->v, (size_t)p * (size_t)a->stride, (size_t)a->stride, type);
        for (int i = 0; i < n; i++)
            v[i] = load8(a->v, (size_t)p * (size_t)a->stride + (size_t)(at + 8 * i), type);
        for (int j = 0; j < count; j++) {
            const __m256 share = _mm256_set1_ps(scores[(size_t)j * step + (size_t)p]);
            for (int i = 0; i < n; i++)
                sum[j][i] = _mm256_fmadd_ps(share, v[i], sum[j][i]);
        }
    }
    for (int j = 0; j < count; j++)
        for (int i = 0; i < n; i++)
            _mm256_storeu_ps(out + j * a->stride + at + 8 * i, sum[j][i]);
}

#include "kernels/attend/attend_loops.h"

void attend_f16_avx2(float *out, const float *q, const int *positions, int count,
                     const struct attend *a, float *scores)
{
    attend(out, q, positions, count, a, scores, KV_F16);
}

void attend_i8_avx2(float *out, const float *q, const int *positions, int count,
                    const struct attend *a, float *scores)
{
    attend(out, q, positions, count, a, scores, KV_I8);
}
