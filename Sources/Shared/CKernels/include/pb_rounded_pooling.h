// Attention pooling over an image's tokens [token_count, width] in bfloat16, or in float16 and rounded to it in registers,
// with queries and weights in bfloat16. Sums are in single precision. Of a query, every bit of the result is the same
// whatever other queries go with it, and whichever of both types the tokens had.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// From float16 to bfloat16, for many queries that then need not do it again and again.
void pb_rounded_tokens(const uint16_t *tokens, uint16_t *rounded, size_t count);

/// out[q * out_stride + t] = sum over d of tokens[t, d] * queries[q * width + d]
#define PB_DECLARE_ROUNDED_TOKEN_DOTS(type)                                                                   \
  void pb_rounded_token_dots_##type(const uint16_t *tokens, size_t token_count, size_t width,                 \
                                    const uint16_t *queries, size_t query_count, float *out, size_t out_stride);

/// out[q * width + d] += sum over t of weights[q * weight_stride + t] * tokens[t, d]
///
/// `next`, which may be NULL, is where as many values of 16 bits are that will be asked for afterwards: memory is asked
/// for them meanwhile.
#define PB_DECLARE_ROUNDED_TOKEN_SUMS(type)                                                                   \
  void pb_rounded_token_sums_##type(const uint16_t *tokens, size_t token_count, size_t width,                 \
                                    const uint16_t *weights, size_t weight_stride, size_t query_count, float *out, \
                                    const uint16_t *next);

PB_DECLARE_ROUNDED_TOKEN_DOTS(bf16)
PB_DECLARE_ROUNDED_TOKEN_DOTS(f16)
PB_DECLARE_ROUNDED_TOKEN_SUMS(bf16)
PB_DECLARE_ROUNDED_TOKEN_SUMS(f16)
#undef PB_DECLARE_ROUNDED_TOKEN_DOTS
#undef PB_DECLARE_ROUNDED_TOKEN_SUMS

#ifdef __cplusplus
}
#endif
