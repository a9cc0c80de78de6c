// Layer norm over tokens in their stored type, widened to single precision in registers.
//
// tokens is [token_count, width], contiguous, with width at least 1. Tokens in 8 bits have token_scales [token_count] and
// channel_scales [width], as in pb_quantization.h; the other types have none, and what is passed for them is not looked
// at. Variance is taken over width, as PyTorch's LayerNorm takes it, in a second pass around the mean of the first; that
// pass also corrects the mean. Sums may be reordered; their order depends on the CPU level only.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// mean[t] = the mean of token t; inverse_deviation[t] = 1 / sqrt(its variance + epsilon).
///
/// For heads that fold the norm into their queries: the dot of a normalised token with a query is
/// inverse_deviation[t] * (x_t . (weight * query) - mean[t] * sum(weight * query)) + bias . query.
void pb_token_moments_f32(const float *tokens, size_t token_count, size_t width, const float *token_scales,
                          const float *channel_scales, float epsilon, float *mean, float *inverse_deviation);
void pb_token_moments_f16(const uint16_t *tokens, size_t token_count, size_t width, const float *token_scales,
                          const float *channel_scales, float epsilon, float *mean, float *inverse_deviation);
void pb_token_moments_bf16(const uint16_t *tokens, size_t token_count, size_t width, const float *token_scales,
                           const float *channel_scales, float epsilon, float *mean, float *inverse_deviation);
void pb_token_moments_i8(const int8_t *tokens, size_t token_count, size_t width, const float *token_scales,
                         const float *channel_scales, float epsilon, float *mean, float *inverse_deviation);

/// out[t, d] = (x[t, d] - mean[t]) * inverse_deviation[t] * weight[d] + bias[d]. Where not `centers`, the mean is taken for 0:
/// the norm by the root of the mean square.
void pb_token_norm_f32(const float *tokens, size_t token_count, size_t width, const float *token_scales,
                       const float *channel_scales, const float *weight, const float *bias, int centers, float epsilon,
                       float *out);
void pb_token_norm_f16(const uint16_t *tokens, size_t token_count, size_t width, const float *token_scales,
                       const float *channel_scales, const float *weight, const float *bias, int centers, float epsilon,
                       float *out);
void pb_token_norm_bf16(const uint16_t *tokens, size_t token_count, size_t width, const float *token_scales,
                        const float *channel_scales, const float *weight, const float *bias, int centers, float epsilon,
                        float *out);
void pb_token_norm_i8(const int8_t *tokens, size_t token_count, size_t width, const float *token_scales,
                      const float *channel_scales, const float *weight, const float *bias, int centers, float epsilon,
                      float *out);

/// The same over tokens in single precision, in double precision and plain order.
void pb_token_moments_reference(const float *tokens, size_t token_count, size_t width, float epsilon, float *mean,
                                float *inverse_deviation);
void pb_token_norm_reference(const float *tokens, size_t token_count, size_t width, const float *weight,
                             const float *bias, int centers, float epsilon, float *out);

#ifdef __cplusplus
}
#endif
