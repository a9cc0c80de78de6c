// Separable resampling of 8-bit RGB images in fixed point, to the bit as Pillow does it (its Resample.c).
//
// Every result is a weighted sum of neighbours along one axis: weights are integers in units of 2^-22, sums start at
// one half, so that the final shift rounds, and results are cut off to 0 ... 255.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The fraction bits of a weight: 32 less 8 for the pixel and 2 for overshoot.
#define PB_RESAMPLE_PRECISION_BITS 22

/// The weights of `count` results along an axis: result i takes `tap_counts[i]` neighbours from `starts[i]` on, with the
/// weights `weights[i * tap_stride ...]`. Every start and tap count must lie within the axis.
typedef struct {
  size_t count;
  size_t tap_stride;
  const int32_t *starts;
  const int32_t *tap_counts;
  const int32_t *weights;
} pb_resample_taps;

/// Along rows: `source` [row_count, source_width, 3], `source_stride` bytes from one row to the next, to `destination`
/// [row_count, taps->count, 3].
///
/// `scratch` holds `pb_resample_scratch_bytes(source_width)` bytes.
void pb_resample_horizontal(const uint8_t *source, size_t source_stride, size_t source_width, size_t row_count,
                            const pb_resample_taps *taps, uint8_t *destination, uint8_t *scratch);
void pb_resample_horizontal_reference(const uint8_t *source, size_t source_stride, size_t row_count,
                                      const pb_resample_taps *taps, uint8_t *destination);
size_t pb_resample_scratch_bytes(size_t source_width);

/// Across rows: one row of `byte_count` bytes as the weighted sum of `tap_count` rows, `source_stride` bytes apart.
void pb_resample_vertical(const uint8_t *source, size_t source_stride, size_t byte_count, const int32_t *weights,
                          size_t tap_count, uint8_t *destination);
void pb_resample_vertical_reference(const uint8_t *source, size_t source_stride, size_t byte_count,
                                    const int32_t *weights, size_t tap_count, uint8_t *destination);

#ifdef __cplusplus
}
#endif
