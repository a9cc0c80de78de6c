#include "elementary.inc.h"

static inline float PB_KERNEL(row_mean)(const float *restrict row, size_t width) {
  PB_REASSOCIATE
  float sum = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < width; i++) sum += row[i];
  return sum / (float)width;
}

/// 1 / sqrt(variance + epsilon)
static inline float PB_KERNEL(row_scale)(const float *restrict row, size_t width, float mean, float epsilon) {
  PB_REASSOCIATE
  float squares = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < width; i++) squares += (row[i] - mean) * (row[i] - mean);
  return 1.0f / sqrtf(squares / (float)width + epsilon);
}

static void PB_KERNEL(pb_layer_norm)(const float *restrict input, const float *restrict weight,
                                     const float *restrict bias, float epsilon, float *restrict output, size_t rows,
                                     size_t width) {
  for (size_t row = 0; row < rows; row++, input += width, output += width) {
    const float mean = PB_KERNEL(row_mean)(input, width);
    const float scale = PB_KERNEL(row_scale)(input, width, mean, epsilon);
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) output[i] = (input[i] - mean) * scale * weight[i] + bias[i];
  }
}

static void PB_KERNEL(pb_layer_norm_bf16)(const float *restrict input, const float *restrict weight,
                                          const float *restrict bias, float epsilon, uint16_t *restrict output,
                                          size_t rows, size_t width) {
  for (size_t row = 0; row < rows; row++, input += width, output += width) {
    const float mean = PB_KERNEL(row_mean)(input, width);
    const float scale = PB_KERNEL(row_scale)(input, width, mean, epsilon);
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      output[i] = pb_round_to_bf16(PB_KERNEL(to_bits)((input[i] - mean) * scale * weight[i] + bias[i]));
    }
  }
}

static void PB_KERNEL(pb_rms_norm)(const float *restrict input, const float *restrict weight, float epsilon,
                                   float *restrict output, size_t rows, size_t width) {
  for (size_t row = 0; row < rows; row++, input += width, output += width) {
    const float scale = PB_KERNEL(row_scale)(input, width, 0, epsilon);
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) output[i] = input[i] * scale * weight[i];
  }
}

static void PB_KERNEL(pb_rms_norm_bf16)(const float *restrict input, const float *restrict weight, float epsilon,
                                        uint16_t *restrict output, size_t rows, size_t width) {
  for (size_t row = 0; row < rows; row++, input += width, output += width) {
    const float scale = PB_KERNEL(row_scale)(input, width, 0, epsilon);
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      output[i] = pb_round_to_bf16(PB_KERNEL(to_bits)(input[i] * scale * weight[i]));
    }
  }
}

static void PB_KERNEL(pb_normalize_rows)(float *restrict values, const float *restrict weight,
                                         const float *restrict bias, float epsilon, int centers, size_t rows,
                                         size_t width) {
  for (size_t row = 0; row < rows; row++, values += width) {
    const float mean = centers ? PB_KERNEL(row_mean)(values, width) : 0;
    const float scale = PB_KERNEL(row_scale)(values, width, mean, epsilon);
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) values[i] = (values[i] - mean) * scale * weight[i] + bias[i];
  }
}

static void PB_KERNEL(pb_rotate_rows)(float *restrict values, const float *restrict cosines,
                                      const float *restrict sines, size_t rows, size_t width) {
  const size_t half = width / 2;
  for (size_t row = 0; row < rows; row++, values += width) {
    float *restrict second = values + half;
    PB_VECTORIZE
    for (size_t i = 0; i < half; i++) {
      const float a = values[i], b = second[i];
      values[i] = a * cosines[i] - b * sines[i];
      second[i] = b * cosines[half + i] + a * sines[half + i];
    }
  }
}

static void PB_KERNEL(pb_layer_norm_backward)(const float *restrict input, const float *restrict weight, float epsilon,
                                              const float *restrict gradient, float *restrict input_gradient, int adds,
                                              double *restrict weight_gradient, double *restrict bias_gradient,
                                              size_t rows, size_t width) {
  PB_REASSOCIATE
  for (size_t row = 0; row < rows; row++, input += width, gradient += width, input_gradient += width) {
    const float mean = PB_KERNEL(row_mean)(input, width);
    const float scale = PB_KERNEL(row_scale)(input, width, mean, epsilon);
    // With n the normalised input and g the gradient times the weight: scale (g - mean of g - n * mean of g n).
    float sum = 0, product = 0;
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      const float n = (input[i] - mean) * scale;
      const float g = gradient[i] * weight[i];
      sum += g;
      product += g * n;
      weight_gradient[i] += (double)(gradient[i] * n);
      bias_gradient[i] += (double)gradient[i];
    }
    sum /= (float)width;
    product /= (float)width;
    if (!adds) memset(input_gradient, 0, width * sizeof *input_gradient);
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      const float n = (input[i] - mean) * scale;
      input_gradient[i] += scale * (gradient[i] * weight[i] - sum - n * product);
    }
  }
}

static void PB_KERNEL(pb_add_bias)(float *restrict values, const float *restrict bias, size_t rows, size_t width) {
  for (size_t row = 0; row < rows; row++, values += width) {
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) values[i] += bias[i];
  }
}

static void PB_KERNEL(pb_add_residual_with_magnitudes)(const float *restrict branch, const float *restrict scale,
                                                       float *restrict residual, size_t rows, size_t width,
                                                       float *restrict magnitudes) {
  PB_REASSOCIATE
  for (size_t row = 0; row < rows; row++, branch += width, residual += width) {
    float branch_squares = 0;
    float residual_squares = 0;
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      const float x = residual[i];
      const float y = branch[i];
      residual_squares += x * x;
      branch_squares += y * y;
      residual[i] = x + y * scale[i];
    }
    magnitudes[row] = sqrtf(branch_squares) / (sqrtf(residual_squares) + 1e-6f);
  }
}
