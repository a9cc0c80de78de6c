// Pooling over tokens in their stored type, widened to single precision in registers.
//
// tokens is [token_count, width], contiguous. Those in 8 bits are taken as the whole numbers that they are: their scales
// belong to the query and to the weights. Sums may be reordered; their order depends on the CPU level only.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// out[t] = sum over d of tokens[t, d] * query[d]
void pb_token_dots_f32(const float *tokens, size_t token_count, size_t width, const float *query, float *out);
void pb_token_dots_f16(const uint16_t *tokens, size_t token_count, size_t width, const float *query, float *out);
void pb_token_dots_bf16(const uint16_t *tokens, size_t token_count, size_t width, const float *query, float *out);
void pb_token_dots_i8(const int8_t *tokens, size_t token_count, size_t width, const float *query, float *out);

/// out[d] += sum over t of weights[t] * tokens[t, d]
void pb_token_weighted_sum_f32(const float *tokens, size_t token_count, size_t width, const float *weights, float *out);
void pb_token_weighted_sum_f16(const uint16_t *tokens, size_t token_count, size_t width, const float *weights,
                               float *out);
void pb_token_weighted_sum_bf16(const uint16_t *tokens, size_t token_count, size_t width, const float *weights,
                                float *out);
void pb_token_weighted_sum_i8(const int8_t *tokens, size_t token_count, size_t width, const float *weights, float *out);

/// The same over tokens in single precision, in double precision and plain order.
void pb_token_dots_reference(const float *tokens, size_t token_count, size_t width, const float *query, float *out);
void pb_token_weighted_sum_reference(const float *tokens, size_t token_count, size_t width, const float *weights,
                                     float *out);

#ifdef __cplusplus
}
#endif
