#include "include/pb_pooling.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

/// How many floats one step takes: a register of AVX-512, two of AVX2, four of NEON.
#define PB_LANES 16
/// The bytes of a cache line.
#define PB_LINE 64
typedef float pb_f32x16 __attribute__((ext_vector_type(16)));
typedef uint16_t pb_u16x16 __attribute__((ext_vector_type(16)));
typedef uint32_t pb_u32x16 __attribute__((ext_vector_type(16)));
typedef int8_t pb_i8x16 __attribute__((ext_vector_type(16)));
typedef _Float16 pb_f16x16 __attribute__((ext_vector_type(16)));

// Vectors wider than a level's registers never cross a call: whoever takes or returns one is inlined.
#pragma clang diagnostic ignored "-Wpsabi"
#define PB_INLINE static inline __attribute__((always_inline, unused))

#define PB_FAMILY "pooling.inc.h"
#include "for_each_level.h"

#define PB_DISPATCH_POOLING(type, element)                                                                           \
  PB_DISPATCH(void, pb_token_dots_##type,                                                                            \
              (const element *tokens, size_t token_count, size_t width, const float *channel_scales,                 \
               const float *queries, size_t query_count, float *out, size_t out_stride),                             \
              (tokens, token_count, width, channel_scales, queries, query_count, out, out_stride))                   \
  PB_DISPATCH(void, pb_token_weighted_sums_##type,                                                                   \
              (const element *tokens, size_t token_count, size_t width, const float *channel_scales,                 \
               const float *weights, size_t weight_stride, size_t query_count, float *out, const element *next),     \
              (tokens, token_count, width, channel_scales, weights, weight_stride, query_count, out, next))                \
  PB_DISPATCH(void, pb_token_squares_##type,                                                                         \
              (const element *tokens, size_t first, size_t token_count, size_t width, const float *token_scales,     \
               const float *channel_scales, const float *means, float *out),                                         \
              (tokens, first, token_count, width, token_scales, channel_scales, means, out))

PB_DISPATCH_POOLING(f32, float)
PB_DISPATCH_POOLING(f16, uint16_t)
PB_DISPATCH_POOLING(bf16, uint16_t)
PB_DISPATCH_POOLING(i8, int8_t)

PB_DISPATCH(float, pb_pooling_softmax,
            (pb_pooling_tokens tokens, float *row, const float *offsets, float query_sum, float *attention),
            (tokens, row, offsets, query_sum, attention))
PB_DISPATCH(float, pb_pooling_softmax_backward,
            (pb_pooling_tokens tokens, const float *attention, float *row, const float *attention_gradient,
             float gradient_sum, float *offset_gradients),
            (tokens, attention, row, attention_gradient, gradient_sum, offset_gradients))

void pb_token_dots_reference(const float *tokens, size_t token_count, size_t width, const float *queries,
                             size_t query_count, float *out, size_t out_stride) {
  for (size_t q = 0; q < query_count; q++) {
    for (size_t t = 0; t < token_count; t++) {
      double sum = 0;
      for (size_t d = 0; d < width; d++) sum += (double)tokens[t * width + d] * queries[q * width + d];
      out[q * out_stride + t] = (float)sum;
    }
  }
}

void pb_token_weighted_sums_reference(const float *tokens, size_t token_count, size_t width, const float *weights,
                                      size_t weight_stride, size_t query_count, float *out) {
  for (size_t q = 0; q < query_count; q++) {
    for (size_t d = 0; d < width; d++) {
      double sum = out[q * width + d];
      for (size_t t = 0; t < token_count; t++) {
        sum += (double)weights[q * weight_stride + t] * tokens[t * width + d];
      }
      out[q * width + d] = (float)sum;
    }
  }
}

static double normalized(pb_pooling_tokens tokens, size_t t, double product, double sum) {
  return tokens.means ? tokens.inverse_deviations[t] * (product - tokens.means[t] * sum) : product;
}

/// Turns a row of weights of normalised tokens into those of the stored ones.
static float unnormalize(pb_pooling_tokens tokens, float *row) {
  double correction = 0;
  if (!tokens.means) return 0;
  for (size_t t = tokens.first; t < tokens.token_count; t++) {
    row[t] *= tokens.inverse_deviations[t];
    correction += (double)row[t] * tokens.means[t];
  }
  return (float)correction;
}

float pb_pooling_softmax_reference(pb_pooling_tokens tokens, float *row, const float *offsets, float query_sum,
                                   float *attention) {
  double maximum = -INFINITY, sum = 0;
  for (size_t t = tokens.first; t < tokens.token_count; t++) {
    const double score = normalized(tokens, t, row[t], query_sum) + (offsets ? offsets[t] : 0);
    row[t] = (float)score;
    maximum = score > maximum ? score : maximum;
  }
  for (size_t t = tokens.first; t < tokens.token_count; t++) sum += exp(row[t] - maximum);
  for (size_t t = 0; t < tokens.token_count; t++) {
    row[t] = attention[t] = t < tokens.first ? 0 : (float)(exp(row[t] - maximum) / sum);
  }
  return unnormalize(tokens, row);
}

float pb_pooling_softmax_backward_reference(pb_pooling_tokens tokens, const float *attention, float *row,
                                            const float *attention_gradient, float gradient_sum,
                                            float *offset_gradients) {
  double mean = 0;
  for (size_t t = tokens.first; t < tokens.token_count; t++) {
    const double gradient =
        normalized(tokens, t, row[t], gradient_sum) + (attention_gradient ? attention_gradient[t] : 0);
    row[t] = (float)gradient;
    mean += attention[t] * gradient;
  }
  for (size_t t = 0; t < tokens.token_count; t++) {
    row[t] = t < tokens.first ? 0 : (float)(attention[t] * (row[t] - mean));
    if (offset_gradients) offset_gradients[t] += row[t];
  }
  return unnormalize(tokens, row);
}

void pb_token_squares_reference(const float *tokens, size_t first, size_t token_count, size_t width,
                                const float *means, float *out) {
  for (size_t d = 0; d < width; d++) {
    double sum = 0;
    for (size_t t = first; t < token_count; t++) {
      const double distance = (double)tokens[t * width + d] - means[d];
      sum += distance * distance;
    }
    out[d] = (float)sum;
  }
}
