// Activations of a multilayer perceptron: in one sweep with the bias of the layer before, and by themselves with their
// way back.
#pragma once
#include <stddef.h>
#include <stdint.h>

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

/// output[row, i] = silu(input[row, i]) * input[row, width + i], with silu(x) = x sigmoid(x), for an input of twice the
/// output's width: SwiGLU. As it is or rounded to bfloat16.
void pb_gate_silu(const float *input, float *output, size_t rows, size_t width);
void pb_gate_silu_bf16(const float *input, uint16_t *output, size_t rows, size_t width);

/// values[i] = f(values[i]), and gradient[i] *= f'(x), where output[i] = f(x): these functions' derivatives are functions
/// of their output. Softplus is log(1 + exp(x)).
void pb_relu(float *values, size_t count);
void pb_relu_backward(const float *output, float *gradient, size_t count);
void pb_tanh(float *values, size_t count);
void pb_tanh_backward(const float *output, float *gradient, size_t count);
void pb_sigmoid(float *values, size_t count);
void pb_sigmoid_backward(const float *output, float *gradient, size_t count);
void pb_softplus(float *values, size_t count);
void pb_softplus_backward(const float *output, float *gradient, size_t count);

/// The exact GELU; its derivative needs the input.
void pb_gelu(const float *input, float *output, size_t count);
void pb_gelu_backward(const float *input, float *gradient, size_t count);

double pb_gelu_reference(double x);
double pb_gelu_tanh_reference(double x);
double pb_quick_gelu_reference(double x);
double pb_silu_reference(double x);
double pb_gelu_derivative_reference(double x);
double pb_softplus_reference(double x);
double pb_sigmoid_reference(double x);

#ifdef __cplusplus
}
#endif
