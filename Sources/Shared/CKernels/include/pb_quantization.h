// Tokens in 8 bits: a token's value in channel d is q[t, d] * token_scales[t] * channel_scales[d], q in -127 ... 127.
//
// Channel scales are chosen beforehand, so that channels of very different size share a token's range evenly; a token's
// scale is what its largest value needs.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Rounds values `[token_count, width]`, to nearest even.
///
/// With y = values * inverse_channel_scales and m the largest magnitude of a token's y: its scale is m / 127 and
/// q = y * (127 / m), every operation in single precision. A token with m below 2^-100, whose quotient might overflow,
/// is all zeros, and so is its scale.
///
/// Says whether every y is finite; otherwise the results are of no use.
bool pb_quantize_tokens(const float *values, size_t token_count, size_t width, const float *inverse_channel_scales,
                        int8_t *quantized, float *token_scales);

/// values = (q * token_scales) * channel_scales, in this order.
void pb_dequantize_tokens(const int8_t *quantized, size_t token_count, size_t width, const float *token_scales,
                          const float *channel_scales, float *values);

bool pb_quantize_tokens_reference(const float *values, size_t token_count, size_t width,
                                  const float *inverse_channel_scales, int8_t *quantized, float *token_scales);
void pb_dequantize_tokens_reference(const int8_t *quantized, size_t token_count, size_t width,
                                    const float *token_scales, const float *channel_scales, float *values);

#ifdef __cplusplus
}
#endif
