// Activations of a multilayer perceptron, in one sweep with the bias of the layer before.
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// values[row, i] = f(values[row, i] + bias[i]), for values `[rows, width]` and f(x) =
/// - x Phi(x), the exact GELU,
/// - x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, its tanh approximation,
/// - x sigmoid(1.702 x).
void pb_bias_gelu(float *values, const float *bias, size_t rows, size_t width);
void pb_bias_gelu_tanh(float *values, const float *bias, size_t rows, size_t width);
void pb_bias_quick_gelu(float *values, const float *bias, size_t rows, size_t width);

double pb_gelu_reference(double x);
double pb_gelu_tanh_reference(double x);
double pb_quick_gelu_reference(double x);

#ifdef __cplusplus
}
#endif
