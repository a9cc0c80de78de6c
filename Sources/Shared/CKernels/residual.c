#include "include/pb_residual.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

#define PB_FAMILY "residual.inc.h"
#include "for_each_level.h"

PB_DISPATCH(void, pb_layer_norm,
            (const float *input, const float *weight, const float *bias, float epsilon, float *output, size_t rows,
             size_t width),
            (input, weight, bias, epsilon, output, rows, width))
PB_DISPATCH(void, pb_layer_norm_bf16,
            (const float *input, const float *weight, const float *bias, float epsilon, uint16_t *output, size_t rows,
             size_t width),
            (input, weight, bias, epsilon, output, rows, width))
PB_DISPATCH(void, pb_rms_norm,
            (const float *input, const float *weight, float epsilon, float *output, size_t rows, size_t width),
            (input, weight, epsilon, output, rows, width))
PB_DISPATCH(void, pb_rms_norm_bf16,
            (const float *input, const float *weight, float epsilon, uint16_t *output, size_t rows, size_t width),
            (input, weight, epsilon, output, rows, width))
PB_DISPATCH(void, pb_normalize_rows,
            (float *values, const float *weight, const float *bias, float epsilon, int centers, size_t rows, size_t width),
            (values, weight, bias, epsilon, centers, rows, width))
PB_DISPATCH(void, pb_rotate_rows,
            (float *values, const float *cosines, const float *sines, size_t rows, size_t width),
            (values, cosines, sines, rows, width))
PB_DISPATCH(void, pb_layer_norm_backward,
            (const float *input, const float *weight, float epsilon, const float *gradient, float *input_gradient, int adds,
             double *weight_gradient, double *bias_gradient, size_t rows, size_t width),
            (input, weight, epsilon, gradient, input_gradient, adds, weight_gradient, bias_gradient, rows, width))
PB_DISPATCH(void, pb_add_bias, (float *values, const float *bias, size_t rows, size_t width),
            (values, bias, rows, width))
PB_DISPATCH(void, pb_add_residual_with_magnitudes,
            (const float *branch, const float *scale, float *residual, size_t rows, size_t width, float *magnitudes),
            (branch, scale, residual, rows, width, magnitudes))

void pb_layer_norm_reference(const float *input, const float *weight, const float *bias, float epsilon, float *output,
                             size_t rows, size_t width) {
  for (size_t row = 0; row < rows; row++) {
    const float *x = input + row * width;
    double mean = 0;
    for (size_t i = 0; i < width; i++) mean += x[i];
    mean /= (double)width;
    double variance = 0;
    for (size_t i = 0; i < width; i++) variance += (x[i] - mean) * (x[i] - mean);
    variance /= (double)width;
    for (size_t i = 0; i < width; i++) {
      output[row * width + i] = (float)((x[i] - mean) / sqrt(variance + epsilon) * weight[i] + bias[i]);
    }
  }
}

void pb_rms_norm_reference(const float *input, const float *weight, float epsilon, float *output, size_t rows,
                           size_t width) {
  for (size_t row = 0; row < rows; row++) {
    const float *x = input + row * width;
    double squares = 0;
    for (size_t i = 0; i < width; i++) squares += (double)x[i] * x[i];
    for (size_t i = 0; i < width; i++) {
      output[row * width + i] = (float)(x[i] / sqrt(squares / (double)width + epsilon) * weight[i]);
    }
  }
}

void pb_rotate_rows_reference(const float *input, const float *cosines, const float *sines, float *output, size_t rows,
                              size_t width) {
  for (size_t i = 0; i < rows * width; i++) {
    const size_t column = i % width;
    const double partner = column < width / 2 ? -input[i + width / 2] : input[i - width / 2];
    output[i] = (float)((double)input[i] * cosines[column] + partner * sines[column]);
  }
}

void pb_layer_norm_backward_reference(const float *input, const float *weight, float epsilon, const float *gradient,
                                      float *input_gradient, int adds, double *weight_gradient, double *bias_gradient,
                                      size_t rows, size_t width) {
  for (size_t row = 0; row < rows; row++, input += width, gradient += width, input_gradient += width) {
    double mean = 0, variance = 0, sum = 0, product = 0;
    for (size_t i = 0; i < width; i++) mean += input[i];
    mean /= (double)width;
    for (size_t i = 0; i < width; i++) variance += (input[i] - mean) * (input[i] - mean);
    const double scale = 1 / sqrt(variance / (double)width + epsilon);
    for (size_t i = 0; i < width; i++) {
      const double n = (input[i] - mean) * scale;
      sum += (double)gradient[i] * weight[i];
      product += (double)gradient[i] * weight[i] * n;
      weight_gradient[i] += gradient[i] * n;
      bias_gradient[i] += gradient[i];
    }
    for (size_t i = 0; i < width; i++) {
      const double n = (input[i] - mean) * scale;
      const double g = (double)gradient[i] * weight[i] - sum / (double)width - n * product / (double)width;
      input_gradient[i] = (float)((adds ? input_gradient[i] : 0) + scale * g);
    }
  }
}

void pb_add_residual_with_magnitudes_reference(const float *branch, const float *scale, float *residual,
                                               size_t rows, size_t width, float *magnitudes) {
  for (size_t row = 0; row < rows; row++) {
    double branch_squares = 0;
    double residual_squares = 0;
    for (size_t i = 0; i < width; i++) {
      const double x = residual[row * width + i];
      const double y = branch[row * width + i];
      branch_squares += y * y;
      residual_squares += x * x;
      residual[row * width + i] = (float)(x + y * scale[i]);
    }
    magnitudes[row] = (float)(sqrt(branch_squares) / (sqrt(residual_squares) + 1e-6));
  }
}
