// What stands between the matrix products of a Transformer block, over tokens `[rows, width]`.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// output = (input - mean) / sqrt(variance + epsilon) * weight + bias, with each row's own mean and variance (Ba et al.,
/// 2016; PyTorch's LayerNorm).
void pb_layer_norm(const float *input, const float *weight, const float *bias, float epsilon, float *output,
                   size_t rows, size_t width);

/// The same, rounded to bfloat16.
void pb_layer_norm_bf16(const float *input, const float *weight, const float *bias, float epsilon, uint16_t *output,
                        size_t rows, size_t width);

/// output = input / sqrt(mean of input^2 + epsilon) * weight, with each row's own mean (Zhang and Sennrich, 2019; PyTorch's
/// RMSNorm); as it is or rounded to bfloat16.
void pb_rms_norm(const float *input, const float *weight, float epsilon, float *output, size_t rows, size_t width);
void pb_rms_norm_bf16(const float *input, const float *weight, float epsilon, uint16_t *output, size_t rows,
                      size_t width);

/// Either norm in place: the layer norm where `centers`, else the other one, with a bias.
void pb_normalize_rows(float *values, const float *weight, const float *bias, float epsilon, int centers, size_t rows,
                       size_t width);

/// Turns every row alike: (x, y) = (values[i], values[i + width / 2]) becomes (x cos a - y sin a, y cos b + x sin b), where a
/// and b are the angles of the two places, whose cosines and sines are given, [width].
void pb_rotate_rows(float *values, const float *cosines, const float *sines, size_t rows, size_t width);

/// The way back. From the gradient with respect to the output, input_gradient receives the one with respect to the input,
/// added to what is there where `adds`; what belongs to weight and bias is added in double precision, so that many rows
/// may be summed.
void pb_layer_norm_backward(const float *input, const float *weight, float epsilon, const float *gradient,
                            float *input_gradient, int adds, double *weight_gradient, double *bias_gradient,
                            size_t rows, size_t width);

/// values += bias
void pb_add_bias(float *values, const float *bias, size_t rows, size_t width);

/// residual += branch * scale; and magnitudes[row] = |branch| / (|residual| + 1e-6), with the residual as it was before.
void pb_add_residual_with_magnitudes(const float *branch, const float *scale, float *residual, size_t rows,
                                     size_t width, float *magnitudes);

void pb_layer_norm_reference(const float *input, const float *weight, const float *bias, float epsilon, float *output,
                             size_t rows, size_t width);
void pb_rms_norm_reference(const float *input, const float *weight, float epsilon, float *output, size_t rows,
                           size_t width);
void pb_rotate_rows_reference(const float *input, const float *cosines, const float *sines, float *output, size_t rows,
                              size_t width);
void pb_layer_norm_backward_reference(const float *input, const float *weight, float epsilon, const float *gradient,
                                      float *input_gradient, int adds, double *weight_gradient, double *bias_gradient,
                                      size_t rows, size_t width);
void pb_add_residual_with_magnitudes_reference(const float *branch, const float *scale, float *residual,
                                               size_t rows, size_t width, float *magnitudes);

#ifdef __cplusplus
}
#endif
