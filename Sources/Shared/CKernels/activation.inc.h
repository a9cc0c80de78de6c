#include "elementary.inc.h"

static void PB_KERNEL(pb_bias_gelu)(float *restrict values, const float *restrict bias, size_t rows, size_t width) {
  for (size_t row = 0; row < rows; row++, values += width) {
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      const float x = values[i] + bias[i];
      // x Phi(x), from the tail on x's side of zero: nothing cancels for negative x.
      const float product = x * PB_KERNEL(normal_tail)(x < 0.0f ? -x : x);
      values[i] = x < 0.0f ? product : x - product;
    }
  }
}

static void PB_KERNEL(pb_bias_gelu_tanh)(float *restrict values, const float *restrict bias, size_t rows,
                                         size_t width) {
  for (size_t row = 0; row < rows; row++, values += width) {
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      const float x = values[i] + bias[i];
      // (1 + tanh(u)) / 2 = sigmoid(2 u), with u = sqrt(2 / pi) (x + 0.044715 x^3)
      values[i] = x * PB_KERNEL(sigmoid)(1.59576912f * x * (1.0f + 0.044715f * x * x));
    }
  }
}

static void PB_KERNEL(pb_bias_quick_gelu)(float *restrict values, const float *restrict bias, size_t rows,
                                          size_t width) {
  for (size_t row = 0; row < rows; row++, values += width) {
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      const float x = values[i] + bias[i];
      values[i] = x * PB_KERNEL(sigmoid)(1.702f * x);
    }
  }
}
