#include "include/pb_token_norm.h"

#include <math.h>

#include "dispatch.h"
#include "widening.h"

typedef struct {
  float mean, inverse_deviation;
} pb_moments;

#define PB_FAMILY "token_norm.inc.h"
#include "for_each_level.h"

#define PB_DISPATCH_TOKEN_NORM(type, element, kernel_element)                                                        \
  PB_DISPATCH(void, pb_token_moments_##type,                                                                         \
              (const element *tokens, size_t token_count, size_t width, const float *token_scales,                   \
               const float *channel_scales, float epsilon, float *mean, float *inverse_deviation),                   \
              ((const kernel_element *)tokens, token_count, width, token_scales, channel_scales, epsilon, mean,      \
               inverse_deviation))                                                                                   \
  PB_DISPATCH(void, pb_token_norm_##type,                                                                            \
              (const element *tokens, size_t token_count, size_t width, const float *token_scales,                   \
               const float *channel_scales, const float *weight, const float *bias, int centers, float epsilon,      \
               float *out),                                                                                          \
              ((const kernel_element *)tokens, token_count, width, token_scales, channel_scales, weight, bias,       \
               centers, epsilon, out))

PB_DISPATCH_TOKEN_NORM(f32, float, float)
PB_DISPATCH_TOKEN_NORM(f16, uint16_t, pb_half)
PB_DISPATCH_TOKEN_NORM(bf16, uint16_t, uint16_t)
PB_DISPATCH_TOKEN_NORM(i8, int8_t, int8_t)

static void moments_in_double(const float *token, size_t width, double *mean, double *variance) {
  double sum = 0;
  for (size_t d = 0; d < width; d++) sum += token[d];
  *mean = sum / (double)width;
  double squares = 0;
  for (size_t d = 0; d < width; d++) squares += (token[d] - *mean) * (token[d] - *mean);
  *variance = squares / (double)width;
}

void pb_token_moments_reference(const float *tokens, size_t token_count, size_t width, float epsilon, float *mean,
                                float *inverse_deviation) {
  for (size_t t = 0; t < token_count; t++) {
    double token_mean, variance;
    moments_in_double(tokens + t * width, width, &token_mean, &variance);
    mean[t] = (float)token_mean;
    inverse_deviation[t] = (float)(1 / sqrt(variance + epsilon));
  }
}

void pb_token_norm_reference(const float *tokens, size_t token_count, size_t width, const float *weight,
                             const float *bias, int centers, float epsilon, float *out) {
  for (size_t t = 0; t < token_count; t++) {
    double mean, variance;
    moments_in_double(tokens + t * width, width, &mean, &variance);
    if (!centers) {
      variance += mean * mean;
      mean = 0;
    }
    for (size_t d = 0; d < width; d++) {
      const size_t i = t * width + d;
      out[i] = (float)((tokens[i] - mean) / sqrt(variance + epsilon) * weight[d] + bias[d]);
    }
  }
}
