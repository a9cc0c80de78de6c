#pragma once

#include <stddef.h>
#include <stdint.h>

// Attention pooling over an image's tokens [token_count, width], which are read in their stored type and widened in
// registers: float16 and bfloat16 as bits, 8 bits times `channel_scales` [width] (NULL for every other type; the tokens'
// own scales are the caller's).
//
// Of a query, every bit of the result is the same whatever other queries go with it: products are summed in 16 lanes
// over the width, whose sums are then added in one order; weighted tokens in the tokens' order.

/// out[q * out_stride + t] = sum over d of tokens[t, d] * queries[q * width + d]
#define PB_DECLARE_TOKEN_DOTS(type, element)                                                                         \
  void pb_token_dots_##type(const element *tokens, size_t token_count, size_t width, const float *channel_scales,    \
                            const float *queries, size_t query_count, float *out, size_t out_stride);

/// out[q * width + d] += sum over t of weights[q * weight_stride + t] * tokens[t, d]
///
/// `next`, which may be NULL, is where as many tokens are that will be asked for afterwards: memory is asked for them while
/// it has nothing else to do, as these tokens are still in the cache from the products.
#define PB_DECLARE_TOKEN_WEIGHTED_SUMS(type, element)                                                                \
  void pb_token_weighted_sums_##type(const element *tokens, size_t token_count, size_t width,                        \
                                     const float *channel_scales, const float *weights, size_t weight_stride,        \
                                     size_t query_count, float *out, const element *next);

PB_DECLARE_TOKEN_DOTS(f32, float)
PB_DECLARE_TOKEN_DOTS(f16, uint16_t)
PB_DECLARE_TOKEN_DOTS(bf16, uint16_t)
PB_DECLARE_TOKEN_DOTS(i8, int8_t)
PB_DECLARE_TOKEN_WEIGHTED_SUMS(f32, float)
PB_DECLARE_TOKEN_WEIGHTED_SUMS(f16, uint16_t)
PB_DECLARE_TOKEN_WEIGHTED_SUMS(bf16, uint16_t)
PB_DECLARE_TOKEN_WEIGHTED_SUMS(i8, int8_t)
#undef PB_DECLARE_TOKEN_DOTS
#undef PB_DECLARE_TOKEN_WEIGHTED_SUMS

/// out[d] = the sum over t, from `first`, of (tokens[t, d] - means[d])^2: what is left of a channel's variance. Here the
/// tokens' own scales [token_count] are applied, too; NULL where tokens are not in 8 bits.
#define PB_DECLARE_TOKEN_SQUARES(type, element)                                                                      \
  void pb_token_squares_##type(const element *tokens, size_t first, size_t token_count, size_t width,                \
                               const float *token_scales, const float *channel_scales, const float *means, float *out);

PB_DECLARE_TOKEN_SQUARES(f32, float)
PB_DECLARE_TOKEN_SQUARES(f16, uint16_t)
PB_DECLARE_TOKEN_SQUARES(bf16, uint16_t)
PB_DECLARE_TOKEN_SQUARES(i8, int8_t)
#undef PB_DECLARE_TOKEN_SQUARES

/// What stands between the products and the weighted sums of one query: rows of `pb_pooling_padded(token_count)` floats,
/// whose last ones are worked on and mean nothing. Tokens before `first` take no part.
///
/// Tokens may be normalised one by one (LayerNorm without its affine part) by their `means` and `inverse_deviations`, both
/// NULL where they are not; `query_sum` is then the sum of the query's elements.
typedef struct {
  size_t token_count, first;
  const float *means, *inverse_deviations;
} pb_pooling_tokens;

static inline size_t pb_pooling_padded(size_t token_count) { return (token_count + 15) / 16 * 16; }

/// From products with the query to the softmax over the tokens, `attention`, and to the weights of the stored tokens, in
/// `row`. `offsets`, NULL or of a row's length, are added before the softmax.
///
/// Returns what is to be subtracted from every element of the weighted sum: 0 but for normalised tokens.
float pb_pooling_softmax(pb_pooling_tokens tokens, float *row, const float *offsets, float query_sum, float *attention);

/// The way back. `row` holds the products of the tokens with the gradient of the weighted sum, whose elements add up to
/// `gradient_sum`, and takes the weights of the stored tokens in the query's gradient. `attention_gradient`, NULL or of a
/// row's length, is what else depends on the attention. The gradient of the scores is added to `offset_gradients` unless
/// that is NULL. Returns likewise what to subtract from the query's gradient.
float pb_pooling_softmax_backward(pb_pooling_tokens tokens, const float *attention, float *row,
                                  const float *attention_gradient, float gradient_sum, float *offset_gradients);

/// The same of tokens in single precision, summed in double precision: what tests compare the kernels with.
void pb_token_dots_reference(const float *tokens, size_t token_count, size_t width, const float *queries,
                             size_t query_count, float *out, size_t out_stride);
void pb_token_weighted_sums_reference(const float *tokens, size_t token_count, size_t width, const float *weights,
                                      size_t weight_stride, size_t query_count, float *out);
float pb_pooling_softmax_reference(pb_pooling_tokens tokens, float *row, const float *offsets, float query_sum,
                                   float *attention);
float pb_pooling_softmax_backward_reference(pb_pooling_tokens tokens, const float *attention, float *row,
                                            const float *attention_gradient, float gradient_sum,
                                            float *offset_gradients);
void pb_token_squares_reference(const float *tokens, size_t first, size_t token_count, size_t width,
                                const float *means, float *out);
