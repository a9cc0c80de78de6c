/// `count` bytes, at most 16, followed by zeros.
static inline pb_bytes16 PB_KERNEL(load_bytes)(const uint8_t *source, size_t count) {
  pb_bytes16 bytes = {0};
  if (count >= sizeof bytes) {
    memcpy(&bytes, source, sizeof bytes);
  } else {
    memcpy(&bytes, source, count);
  }
  return bytes;
}

/// The first `count` of 16 bytes.
static inline void PB_KERNEL(store_bytes)(pb_bytes16 bytes, uint8_t *destination, size_t count) {
  if (count >= sizeof bytes) {
    memcpy(destination, &bytes, sizeof bytes);
  } else {
    memcpy(destination, &bytes, count);
  }
}

/// Transposes 16 x 16 bytes: each of four rounds interleaves the first half of the rows with the second.
static inline void PB_KERNEL(transpose)(pb_bytes16 *rows) {
#pragma unroll
  for (size_t round = 0; round < 4; round++) {
    pb_bytes16 next[PB_LANES];
#pragma unroll
    for (size_t i = 0; i < PB_LANES / 2; i++) {
      const pb_bytes16 a = rows[i], b = rows[i + PB_LANES / 2];
      next[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    memcpy(rows, next, sizeof next);
  }
}

/// Sums to colours: shifted, and cut off to a byte.
static inline pb_bytes16 PB_KERNEL(colors)(const pb_sums16 *sums) {
  const pb_sums16 values = *sums >> PB_RESAMPLE_PRECISION_BITS;
  const pb_sums16 least = {0};
  return __builtin_convertvector(
      __builtin_elementwise_min(__builtin_elementwise_max(values, least), least + 255), pb_bytes16);
}

/// 16 rows of `byte_count` bytes to columns, [byte_count, 16]; rows beyond `row_count` repeat the last one.
static void PB_KERNEL(rows_to_columns)(const uint8_t *restrict source, size_t source_stride, size_t row_count,
                                       size_t byte_count, uint8_t *restrict columns) {
  for (size_t first = 0; first < byte_count; first += PB_LANES) {
    pb_bytes16 block[PB_LANES];
    for (size_t row = 0; row < PB_LANES; row++) {
      const uint8_t *bytes = source + (row < row_count ? row : row_count - 1) * source_stride + first;
      block[row] = PB_KERNEL(load_bytes)(bytes, byte_count - first);
    }
    PB_KERNEL(transpose)(block);
    memcpy(columns + first * PB_LANES, block, sizeof block);
  }
}

/// The inverse: columns [byte_count, 16] to `row_count` rows of at most `PB_TILE_BYTES` bytes. Overwrites the columns.
static void PB_KERNEL(columns_to_rows)(pb_bytes16 *restrict columns, size_t byte_count, size_t row_count,
                                       uint8_t *restrict destination, size_t destination_stride) {
  for (size_t first = 0; first < byte_count; first += PB_LANES) {
    PB_KERNEL(transpose)(columns + first);
    for (size_t row = 0; row < row_count; row++) {
      PB_KERNEL(store_bytes)(
          columns[first + row], destination + row * destination_stride + first, byte_count - first);
    }
  }
}

// Sixteen rows at a time, one a lane: neighbours along a row then lie in whole vectors one after the other.
static void PB_KERNEL(pb_resample_horizontal)(const uint8_t *restrict source, size_t source_stride,
                                              size_t source_width, size_t row_count, const pb_resample_taps *taps,
                                              uint8_t *restrict destination, uint8_t *restrict scratch) {
  const size_t destination_stride = taps->count * 3;
  for (size_t first = 0; first < row_count; first += PB_LANES) {
    const size_t lanes = row_count - first < PB_LANES ? row_count - first : PB_LANES;
    PB_KERNEL(rows_to_columns)(source + first * source_stride, source_stride, lanes, source_width * 3, scratch);
    pb_bytes16 tile[PB_TILE_BYTES] = {0};
    size_t filled = 0;
    for (size_t x = 0; x < taps->count; x++) {
      const int32_t *weights = taps->weights + x * taps->tap_stride;
      const uint8_t *neighbours = scratch + (size_t)taps->starts[x] * 3 * PB_LANES;
      pb_sums16 sums[3] = {PB_ONE_HALF - (pb_sums16){0}, PB_ONE_HALF - (pb_sums16){0}, PB_ONE_HALF - (pb_sums16){0}};
      for (int32_t tap = 0; tap < taps->tap_counts[x]; tap++, neighbours += 3 * PB_LANES) {
#pragma unroll
        for (size_t channel = 0; channel < 3; channel++) {
          pb_bytes16 bytes;
          memcpy(&bytes, neighbours + channel * PB_LANES, sizeof bytes);
          sums[channel] += __builtin_convertvector(bytes, pb_sums16) * weights[tap];
        }
      }
      for (size_t channel = 0; channel < 3; channel++) tile[filled++] = PB_KERNEL(colors)(&sums[channel]);
      if (filled == PB_TILE_BYTES || x + 1 == taps->count) {
        uint8_t *result = destination + first * destination_stride + (x + 1) * 3 - filled;
        PB_KERNEL(columns_to_rows)(tile, filled, lanes, result, destination_stride);
        filled = 0;
      }
    }
  }
}

/// `PB_BLOCK_BYTES` bytes of a row.
static inline void PB_KERNEL(sum_rows)(const uint8_t *restrict source, size_t source_stride,
                                       const int32_t *restrict weights, size_t tap_count,
                                       uint8_t *restrict destination) {
  pb_sums16 sums[PB_BLOCK_BYTES / PB_LANES];
  for (size_t i = 0; i < PB_BLOCK_BYTES / PB_LANES; i++) sums[i] = PB_ONE_HALF - (pb_sums16){0};
  for (size_t tap = 0; tap < tap_count; tap++, source += source_stride) {
#pragma unroll
    for (size_t i = 0; i < PB_BLOCK_BYTES / PB_LANES; i++) {
      pb_bytes16 bytes;
      memcpy(&bytes, source + i * PB_LANES, sizeof bytes);
      sums[i] += __builtin_convertvector(bytes, pb_sums16) * weights[tap];
    }
  }
  for (size_t i = 0; i < PB_BLOCK_BYTES / PB_LANES; i++) {
    const pb_bytes16 colors = PB_KERNEL(colors)(&sums[i]);
    memcpy(destination + i * PB_LANES, &colors, sizeof colors);
  }
}

static void PB_KERNEL(pb_resample_vertical)(const uint8_t *restrict source, size_t source_stride, size_t byte_count,
                                            const int32_t *restrict weights, size_t tap_count,
                                            uint8_t *restrict destination) {
  if (byte_count < PB_BLOCK_BYTES) {
    pb_resample_vertical_reference(source, source_stride, byte_count, weights, tap_count, destination);
    return;
  }
  // The last block ends with the row, so it may compute some bytes a second time.
  for (size_t first = 0; first < byte_count; first += PB_BLOCK_BYTES) {
    const size_t last = byte_count - PB_BLOCK_BYTES;
    const size_t start = first < last ? first : last;
    PB_KERNEL(sum_rows)(source + start, source_stride, weights, tap_count, destination + start);
  }
}
