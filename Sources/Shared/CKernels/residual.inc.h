static void PB_KERNEL(pb_layer_norm)(const float *restrict input, const float *restrict weight,
                                     const float *restrict bias, float epsilon, float *restrict output, size_t rows,
                                     size_t width) {
  PB_REASSOCIATE
  for (size_t row = 0; row < rows; row++, input += width, output += width) {
    float sum = 0;
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) sum += input[i];
    const float mean = sum / (float)width;
    float squares = 0;
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) squares += (input[i] - mean) * (input[i] - mean);
    const float scale = 1.0f / sqrtf(squares / (float)width + epsilon);
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) output[i] = (input[i] - mean) * scale * weight[i] + bias[i];
  }
}

static void PB_KERNEL(pb_add_bias)(float *restrict values, const float *restrict bias, size_t rows, size_t width) {
  for (size_t row = 0; row < rows; row++, values += width) {
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) values[i] += bias[i];
  }
}

static void PB_KERNEL(pb_add_residual)(const float *restrict branch, const float *restrict bias,
                                       const float *restrict scale, float *restrict residual, size_t rows,
                                       size_t width) {
  for (size_t row = 0; row < rows; row++, branch += width, residual += width) {
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) residual[i] += (branch[i] + bias[i]) * scale[i];
  }
}

static void PB_KERNEL(pb_add_residual_with_magnitudes)(const float *restrict branch, const float *restrict bias,
                                                       const float *restrict scale, float *restrict residual,
                                                       size_t rows, size_t width, float *restrict magnitudes) {
  PB_REASSOCIATE
  for (size_t row = 0; row < rows; row++, branch += width, residual += width) {
    float branch_squares = 0;
    float residual_squares = 0;
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      const float x = residual[i];
      const float y = branch[i] + bias[i];
      residual_squares += x * x;
      branch_squares += y * y;
      residual[i] = x + y * scale[i];
    }
    magnitudes[row] = sqrtf(branch_squares) / (sqrtf(residual_squares) + 1e-6f);
  }
}
