/* SPDX-License-Identifier: MIT */
#include "reference/reference.h"

int64_t ref_dot(const int8_t *w, const int8_t *x, int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += w[i] * x[i];
    return sum;
}

void ref_linear_real(double *y, const double *w, const double *x, int rows, int cols)
{
    for (int r = 0; r < rows; r++) {
        y[r] = 0;
        for (int c = 0; c < cols; c++)
            y[r] += w[(size_t)r * (size_t)cols + (size_t)c] * x[c];
    }
}

void ref_linear_int(double *y, const int8_t *w, const double *w_scale, const int8_t *x,
                    double x_scale, int rows, int cols)
{
    for (int r = 0; r < rows; r++)
        y[r] = (double)ref_dot(w + (size_t)r * (size_t)cols, x, cols) * w_scale[r] * x_scale;
}

void ref_restore(double *y, int row, int col, double delta, const double *x)
{
    y[row] += delta * x[col];
}
