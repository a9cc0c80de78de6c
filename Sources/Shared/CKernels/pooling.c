#include "include/pb_pooling.h"

#include "dispatch.h"
#include "widening.h"

#define PB_FAMILY "pooling.inc.h"
#include "for_each_level.h"

#define PB_DISPATCH_POOLING(type, element, kernel_element)                                                           \
  PB_DISPATCH(void, pb_token_dots_##type,                                                                            \
              (const element *tokens, size_t token_count, size_t width, const float *query, float *out),             \
              ((const kernel_element *)tokens, token_count, width, query, out))                                      \
  PB_DISPATCH(void, pb_token_weighted_sum_##type,                                                                    \
              (const element *tokens, size_t token_count, size_t width, const float *weights, float *out),           \
              ((const kernel_element *)tokens, token_count, width, weights, out))

PB_DISPATCH_POOLING(f32, float, float)
PB_DISPATCH_POOLING(f16, uint16_t, pb_half)
PB_DISPATCH_POOLING(bf16, uint16_t, uint16_t)
PB_DISPATCH_POOLING(i8, int8_t, int8_t)

void pb_token_dots_reference(const float *tokens, size_t token_count, size_t width, const float *query, float *out) {
  for (size_t t = 0; t < token_count; t++) {
    double sum = 0;
    for (size_t d = 0; d < width; d++) sum += (double)tokens[t * width + d] * query[d];
    out[t] = (float)sum;
  }
}

void pb_token_weighted_sum_reference(const float *tokens, size_t token_count, size_t width, const float *weights,
                                     float *out) {
  for (size_t d = 0; d < width; d++) {
    double sum = out[d];
    for (size_t t = 0; t < token_count; t++) sum += (double)weights[t] * tokens[t * width + d];
    out[d] = (float)sum;
  }
}
