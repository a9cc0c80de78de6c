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

static void PB_KERNEL(pb_gate_silu)(const float *restrict input, float *restrict output, size_t rows, size_t width) {
  for (size_t row = 0; row < rows; row++, input += 2 * width, output += width) {
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) output[i] = input[i] * PB_KERNEL(sigmoid)(input[i]) * input[width + i];
  }
}

static void PB_KERNEL(pb_gate_silu_bf16)(const float *restrict input, uint16_t *restrict output, size_t rows,
                                         size_t width) {
  for (size_t row = 0; row < rows; row++, input += 2 * width, output += width) {
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      output[i] = pb_round_to_bf16(PB_KERNEL(to_bits)(input[i] * PB_KERNEL(sigmoid)(input[i]) * input[width + i]));
    }
  }
}

#define PB_ELEMENTWISE(name, function, derivative)                                                              \
  static void PB_KERNEL(pb_##name)(float *restrict values, size_t count) {                                      \
    PB_VECTORIZE                                                                                                \
    for (size_t i = 0; i < count; i++) {                                                                        \
      const float x = values[i];                                                                                \
      values[i] = function;                                                                                     \
    }                                                                                                           \
  }                                                                                                             \
                                                                                                                \
  static void PB_KERNEL(pb_##name##_backward)(const float *restrict output, float *restrict gradient,           \
                                              size_t count) {                                                   \
    PB_VECTORIZE                                                                                                \
    for (size_t i = 0; i < count; i++) {                                                                        \
      const float y = output[i];                                                                                \
      gradient[i] *= derivative;                                                                                \
    }                                                                                                           \
  }

// A NaN goes through; only what is below zero is cut off.
PB_ELEMENTWISE(relu, x < 0.0f ? 0.0f : x, (y == 0.0f ? 0.0f : 1.0f))
PB_ELEMENTWISE(tanh, PB_KERNEL(hyperbolic_tangent)(x), (1.0f - y * y))
PB_ELEMENTWISE(sigmoid, PB_KERNEL(sigmoid)(x), (y * (1.0f - y)))
// The logistic function of x is 1 - exp(-softplus(x)).
PB_ELEMENTWISE(softplus, PB_KERNEL(softplus)(x), -PB_KERNEL(exponential_less_1)(-y))
#undef PB_ELEMENTWISE

static void PB_KERNEL(pb_gelu)(const float *restrict input, float *restrict output, size_t count) {
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const float x = input[i];
    const float product = x * PB_KERNEL(normal_tail)(x < 0.0f ? -x : x);
    output[i] = x < 0.0f ? product : x - product;
  }
}

static void PB_KERNEL(pb_gelu_backward)(const float *restrict input, float *restrict gradient, size_t count) {
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    // Phi(x) + x phi(x); beyond 16 the density is nothing.
    const float x = input[i];
    float distance = x < 0.0f ? -x : x;
    distance = distance > 16.0f ? 16.0f : distance;
    const float tail = PB_KERNEL(normal_tail)(distance);
    const float slope = 0.398942280f * distance * PB_KERNEL(exponential)(-0.5f * distance * distance);
    gradient[i] *= x < 0.0f ? tail - slope : 1.0f - tail + slope;
  }
}
