#include "include/pb_resample.h"

#include "dispatch.h"

enum {
  PB_LANES = 16,
  PB_PIXEL_LANES = 3 * PB_LANES,
  PB_ONE_HALF = 1 << (PB_RESAMPLE_PRECISION_BITS - 1),
};

static inline uint8_t pb_clip(int32_t sum) {
  const int32_t value = sum >> PB_RESAMPLE_PRECISION_BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

#define PB_FAMILY "resample.inc.h"
#include "for_each_level.h"

PB_DISPATCH(void, pb_resample_horizontal,
            (const uint8_t *source, size_t source_width, size_t row_count, const pb_resample_taps *taps,
             uint8_t *destination, uint8_t *scratch),
            (source, source_width, row_count, taps, destination, scratch))
PB_DISPATCH(void, pb_resample_vertical,
            (const uint8_t *source, size_t byte_count, const int32_t *weights, size_t tap_count,
             uint8_t *destination),
            (source, byte_count, weights, tap_count, destination))

size_t pb_resample_scratch_bytes(size_t source_width) { return source_width * 3 * PB_LANES; }

// References.

void pb_resample_horizontal_reference(const uint8_t *source, size_t source_width, size_t row_count,
                                      const pb_resample_taps *taps, uint8_t *destination) {
  for (size_t y = 0; y < row_count; y++) {
    for (size_t x = 0; x < taps->count; x++) {
      for (size_t channel = 0; channel < 3; channel++) {
        int32_t sum = PB_ONE_HALF;
        for (int32_t tap = 0; tap < taps->tap_counts[x]; tap++) {
          const size_t neighbour = y * source_width + (size_t)(taps->starts[x] + tap);
          sum += source[neighbour * 3 + channel] * taps->weights[x * taps->tap_stride + (size_t)tap];
        }
        destination[(y * taps->count + x) * 3 + channel] = pb_clip(sum);
      }
    }
  }
}

void pb_resample_vertical_reference(const uint8_t *source, size_t byte_count, const int32_t *weights,
                                    size_t tap_count, uint8_t *destination) {
  for (size_t i = 0; i < byte_count; i++) {
    int32_t sum = PB_ONE_HALF;
    for (size_t tap = 0; tap < tap_count; tap++) sum += source[tap * byte_count + i] * weights[tap];
    destination[i] = pb_clip(sum);
  }
}
