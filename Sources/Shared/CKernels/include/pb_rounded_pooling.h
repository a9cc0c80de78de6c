// Attention pooling over an image's tokens [token_count, width] in bfloat16 with queries and weights in bfloat16. Sums are in
// single precision. Of a query, every bit of the result is the same whatever other queries go with it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// out[q * out_stride + t] = sum over d of tokens[t, d] * queries[q * width + d]
void pb_rounded_token_dots(const uint16_t *tokens, size_t token_count, size_t width, const uint16_t *queries,
                           size_t query_count, float *out, size_t out_stride);

/// out[q * width + d] += sum over t of weights[q * weight_stride + t] * tokens[t, d]
///
/// `next`, which may be NULL, is where as many values of 16 bits are that will be asked for afterwards: memory is asked for
/// them meanwhile.
void pb_rounded_token_sums(const uint16_t *tokens, size_t token_count, size_t width, const uint16_t *weights,
                           size_t weight_stride, size_t query_count, float *out, const uint16_t *next);

#ifdef __cplusplus
}
#endif
