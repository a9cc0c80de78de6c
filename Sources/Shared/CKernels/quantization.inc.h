#include "elementary.inc.h"

static bool PB_KERNEL(pb_quantize_tokens)(const float *restrict values, size_t token_count, size_t width,
                                          const float *restrict inverse_channel_scales, int8_t *restrict quantized,
                                          float *restrict token_scales) {
  // A fused product and sum would round once where the reference rounds twice.
  _Pragma("clang fp contract(off)")
  uint32_t largest_of_all = 0;
  for (size_t t = 0; t < token_count; t++, values += width, quantized += width) {
    uint32_t largest = 0;
    PB_VECTORIZE
    for (size_t d = 0; d < width; d++) {
      const uint32_t magnitude = PB_KERNEL(to_bits)(values[d] * inverse_channel_scales[d]) & 0x7FFFFFFF;
      largest = magnitude > largest ? magnitude : largest;
    }
    largest_of_all = largest > largest_of_all ? largest : largest_of_all;
    const float maximum = PB_KERNEL(from_bits)(largest);
    const bool is_zero = maximum < PB_SMALLEST_TOKEN;
    token_scales[t] = is_zero ? 0.0f : maximum / 127.0f;
    const float factor = is_zero ? 0.0f : 127.0f / maximum;
    PB_VECTORIZE
    for (size_t d = 0; d < width; d++) {
      // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits.
      const float scaled = values[d] * inverse_channel_scales[d] * factor;
      quantized[d] = (int8_t)PB_KERNEL(to_bits)(scaled + 0x1.8p23f);
    }
  }
  return largest_of_all < 0x7F800000;  // where infinity and then NaN begin
}

static void PB_KERNEL(pb_dequantize_tokens)(const int8_t *restrict quantized, size_t token_count, size_t width,
                                            const float *restrict token_scales,
                                            const float *restrict channel_scales, float *restrict values) {
  for (size_t t = 0; t < token_count; t++, values += width, quantized += width) {
    const float scale = token_scales[t];
    PB_VECTORIZE
    for (size_t d = 0; d < width; d++) values[d] = (float)quantized[d] * scale * channel_scales[d];
  }
}
