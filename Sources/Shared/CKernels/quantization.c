#include "include/pb_quantization.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

#define PB_SMALLEST_TOKEN 0x1p-100f

#define PB_FAMILY "quantization.inc.h"
#include "for_each_level.h"

PB_DISPATCH(bool, pb_quantize_tokens,
            (const float *values, size_t token_count, size_t width, const float *inverse_channel_scales,
             int8_t *quantized, float *token_scales),
            (values, token_count, width, inverse_channel_scales, quantized, token_scales))
PB_DISPATCH(void, pb_dequantize_tokens,
            (const int8_t *quantized, size_t token_count, size_t width, const float *token_scales,
             const float *channel_scales, float *values),
            (quantized, token_count, width, token_scales, channel_scales, values))

bool pb_quantize_tokens_reference(const float *values, size_t token_count, size_t width,
                                  const float *inverse_channel_scales, int8_t *quantized, float *token_scales) {
  for (size_t t = 0; t < token_count; t++) {
    float maximum = 0;
    for (size_t d = 0; d < width; d++) {
      const float y = values[t * width + d] * inverse_channel_scales[d];
      if (!isfinite(y)) return false;
      maximum = fmaxf(maximum, fabsf(y));
    }
    token_scales[t] = maximum < PB_SMALLEST_TOKEN ? 0 : maximum / 127;
    for (size_t d = 0; d < width; d++) {
      const float y = values[t * width + d] * inverse_channel_scales[d];
      quantized[t * width + d] = maximum < PB_SMALLEST_TOKEN ? 0 : (int8_t)nearbyintf(y * (127 / maximum));
    }
  }
  return true;
}

void pb_dequantize_tokens_reference(const int8_t *quantized, size_t token_count, size_t width,
                                    const float *token_scales, const float *channel_scales, float *values) {
  for (size_t t = 0; t < token_count; t++) {
    for (size_t d = 0; d < width; d++) {
      values[t * width + d] = (float)quantized[t * width + d] * token_scales[t] * channel_scales[d];
    }
  }
}
