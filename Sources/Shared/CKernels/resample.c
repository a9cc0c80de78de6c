#include "include/pb_resample.h"

#include <string.h>

#include "dispatch.h"

enum {
  PB_LANES = 16,
  /// A row's part that is computed before it is stored: so many pixels that its bytes make whole vectors.
  PB_TILE_BYTES = 3 * PB_LANES,
  /// What is summed across rows at a time.
  PB_BLOCK_BYTES = 4 * PB_LANES,
  PB_ONE_HALF = 1 << (PB_RESAMPLE_PRECISION_BITS - 1),
};

/// The compiler makes instructions of whatever width a level has of these.
typedef uint8_t pb_bytes16 __attribute__((vector_size(PB_LANES)));
typedef int32_t pb_sums16 __attribute__((vector_size(PB_LANES * sizeof(int32_t))));

static inline uint8_t pb_clip(int32_t sum) {
  const int32_t value = sum >> PB_RESAMPLE_PRECISION_BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

#define PB_FAMILY "resample.inc.h"
#include "for_each_level.h"

PB_DISPATCH(void, pb_resample_horizontal,
            (const uint8_t *source, size_t source_stride, size_t source_width, size_t row_count,
             const pb_resample_taps *taps, uint8_t *destination, uint8_t *scratch),
            (source, source_stride, source_width, row_count, taps, destination, scratch))
PB_DISPATCH(void, pb_resample_vertical,
            (const uint8_t *source, size_t source_stride, size_t byte_count, const int32_t *weights,
             size_t tap_count, uint8_t *destination),
            (source, source_stride, byte_count, weights, tap_count, destination))

size_t pb_resample_scratch_bytes(size_t source_width) {
  return (source_width * 3 + PB_LANES - 1) / PB_LANES * PB_LANES * PB_LANES;
}

// References.

void pb_resample_horizontal_reference(const uint8_t *source, size_t source_stride, size_t row_count,
                                      const pb_resample_taps *taps, uint8_t *destination) {
  for (size_t y = 0; y < row_count; y++) {
    for (size_t x = 0; x < taps->count; x++) {
      for (size_t channel = 0; channel < 3; channel++) {
        int32_t sum = PB_ONE_HALF;
        for (int32_t tap = 0; tap < taps->tap_counts[x]; tap++) {
          const size_t neighbour = (size_t)(taps->starts[x] + tap);
          sum += source[y * source_stride + neighbour * 3 + channel] * taps->weights[x * taps->tap_stride + (size_t)tap];
        }
        destination[(y * taps->count + x) * 3 + channel] = pb_clip(sum);
      }
    }
  }
}

void pb_resample_vertical_reference(const uint8_t *source, size_t source_stride, size_t byte_count,
                                    const int32_t *weights, size_t tap_count, uint8_t *destination) {
  for (size_t i = 0; i < byte_count; i++) {
    int32_t sum = PB_ONE_HALF;
    for (size_t tap = 0; tap < tap_count; tap++) sum += source[tap * source_stride + i] * weights[tap];
    destination[i] = pb_clip(sum);
  }
}
