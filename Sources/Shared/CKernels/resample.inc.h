// Sixteen rows at a time, one a lane: neighbours along a row then lie in whole vectors one after the other.
static void PB_KERNEL(pb_resample_horizontal)(const uint8_t *restrict source, size_t source_width, size_t row_count,
                                              const pb_resample_taps *taps, uint8_t *restrict destination,
                                              uint8_t *restrict scratch) {
  const size_t source_bytes = source_width * 3;
  const size_t destination_bytes = taps->count * 3;
  for (size_t first = 0; first < row_count; first += PB_LANES) {
    const size_t lanes = row_count - first < PB_LANES ? row_count - first : PB_LANES;
    // Lanes beyond the last row repeat it; their results are not kept.
    for (size_t lane = 0; lane < PB_LANES; lane++) {
      const uint8_t *row = source + (first + (lane < lanes ? lane : lanes - 1)) * source_bytes;
      for (size_t i = 0; i < source_bytes; i++) scratch[i * PB_LANES + lane] = row[i];
    }
    for (size_t x = 0; x < taps->count; x++) {
      const int32_t *weights = taps->weights + x * taps->tap_stride;
      const uint8_t *neighbours = scratch + (size_t)taps->starts[x] * PB_PIXEL_LANES;
      int32_t sums[PB_PIXEL_LANES];
      for (size_t i = 0; i < PB_PIXEL_LANES; i++) sums[i] = PB_ONE_HALF;
      for (int32_t tap = 0; tap < taps->tap_counts[x]; tap++, neighbours += PB_PIXEL_LANES) {
        PB_VECTORIZE
        for (size_t i = 0; i < PB_PIXEL_LANES; i++) sums[i] += neighbours[i] * weights[tap];
      }
      uint8_t colors[PB_PIXEL_LANES];
      PB_VECTORIZE
      for (size_t i = 0; i < PB_PIXEL_LANES; i++) colors[i] = pb_clip(sums[i]);
      uint8_t *result = destination + first * destination_bytes + x * 3;
      for (size_t lane = 0; lane < lanes; lane++, result += destination_bytes) {
        for (size_t channel = 0; channel < 3; channel++) result[channel] = colors[channel * PB_LANES + lane];
      }
    }
  }
}

static void PB_KERNEL(pb_resample_vertical)(const uint8_t *restrict source, size_t byte_count,
                                            const int32_t *restrict weights, size_t tap_count,
                                            uint8_t *restrict destination) {
  for (size_t first = 0; first < byte_count; first += PB_PIXEL_LANES) {
    const size_t lanes = byte_count - first < PB_PIXEL_LANES ? byte_count - first : PB_PIXEL_LANES;
    int32_t sums[PB_PIXEL_LANES];
    for (size_t i = 0; i < PB_PIXEL_LANES; i++) sums[i] = PB_ONE_HALF;
    for (size_t tap = 0; tap < tap_count; tap++) {
      const uint8_t *row = source + tap * byte_count + first;
      const int32_t weight = weights[tap];
      if (lanes == PB_PIXEL_LANES) {
        PB_VECTORIZE
        for (size_t i = 0; i < PB_PIXEL_LANES; i++) sums[i] += row[i] * weight;
      } else {
        for (size_t i = 0; i < lanes; i++) sums[i] += row[i] * weight;
      }
    }
    for (size_t i = 0; i < lanes; i++) destination[first + i] = pb_clip(sums[i]);
  }
}
