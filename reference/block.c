/* SPDX-License-Identifier: MIT */
#include <math.h> /* cos, exp, fmax, pow, sin, sqrt */
#include "reference/reference.h"

void ref_rmsnorm(double *y, const double *x, const double *gain, int n, double eps)
{
    double squares = 0;
    for (int i = 0; i < n; i++)
        squares += x[i] * x[i];
    const double rms = sqrt(squares / n + eps);
    for (int i = 0; i < n; i++)
        y[i] = x[i] / rms * gain[i];
}

void ref_rope(double *x, int heads, int head_dim, int position, double theta)
{
    for (int h = 0; h < heads; h++) {
        for (int i = 0; i < head_dim / 2; i++) {
            const double angle = position * pow(theta, -2.0 * i / head_dim);
            double *pair = x + h * head_dim + 2 * i;
            const double a = pair[0], b = pair[1];
            pair[0] = a * cos(angle) - b * sin(angle);
            pair[1] = a * sin(angle) + b * cos(angle);
        }
    }
}

void ref_softmax(double *x, int n)
{
    double largest = x[0], sum = 0;
    for (int i = 1; i < n; i++)
        largest = fmax(largest, x[i]);
    for (int i = 0; i < n; i++) {
        x[i] = exp(x[i] - largest); /* the same quotient, without overflow */
        sum += x[i];
    }
    for (int i = 0; i < n; i++)
        x[i] /= sum;
}

void ref_attention(double *out, const double *q, const double *k, const double *v, int heads,
                   int kv_heads, int head_dim, int positions, double *scores)
{
    for (int h = 0; h < heads; h++) {
        const double *query = q + h * head_dim;
        double *result = out + h * head_dim;
        const int kv_head = h / (heads / kv_heads);

        for (int p = 0; p < positions; p++) {
            const double *key = k + (p * kv_heads + kv_head) * head_dim;
            scores[p] = 0;
            for (int i = 0; i < head_dim; i++)
                scores[p] += query[i] * key[i];
            scores[p] /= sqrt(head_dim);
        }
        ref_softmax(scores, positions);
        for (int i = 0; i < head_dim; i++) {
            result[i] = 0;
            for (int p = 0; p < positions; p++)
                result[i] += scores[p] * v[(p * kv_heads + kv_head) * head_dim + i];
        }
    }
}

void ref_route(int *chosen, double *weight, const double *logits, int n, int used)
{
    for (int i = 0; i < used; i++) {
        chosen[i] = -1;
        for (int e = 0; e < n; e++) {
            const bool before = i > 0 && (logits[e] > weight[i - 1] ||
                                          (logits[e] == weight[i - 1] && e <= chosen[i - 1]));
            if (!before && (chosen[i] < 0 || logits[e] > logits[chosen[i]]))
                chosen[i] = e;
        }
        weight[i] = logits[chosen[i]];
    }
    ref_softmax(weight, used);
}

void ref_swiglu(double *y, const double *gate, const double *up, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = gate[i] / (1 + exp(-gate[i])) * up[i];
}

void ref_relu2(double *y, const double *gate, const double *up, int n)
{
    for (int i = 0; i < n; i++) {
        const double positive = fmax(gate[i], 0);
        y[i] = positive * positive * up[i];
    }
}
