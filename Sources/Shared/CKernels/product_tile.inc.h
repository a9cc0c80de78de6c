// Products of rounded operands at one level. The including file defines
// - PB_STEP_VALUES: the summed values that one operand of 32 bits holds;
// - PB_ROW_STEPS(row): sixteen steps of a row;
// - PB_COLUMN_STEP(first, second): a step of sixteen columns, of rows of which the second counts where steps are pairs;
// - PB_MULTIPLY_ADD(sum, a, b): sum += a * b, with one operand a and a vector b of operands.

PB_INLINE pb_f32x16 PB_KERNEL(load)(const float *from) {
  pb_f32x16 values;
  memcpy(&values, from, sizeof values);
  return values;
}

static size_t PB_KERNEL(pb_product_steps)(size_t summed) { return (summed + PB_STEP_VALUES - 1) / PB_STEP_VALUES; }

// MARK: Packing

/// The values that a row has in a square of operands.
#define PB_SQUARE_VALUES (PB_PRODUCT_LANES * PB_STEP_VALUES)

#define PB_TRANSPOSE_STAGE(from, to, distance, low, high)                         \
  _Pragma("clang loop unroll(full)") for (int i = 0; i < PB_PRODUCT_LANES; i++) { \
    const int j = i & ~(distance);                                                \
    to[i] = i & (distance) ? high(from[j], from[j + (distance)]) : low(from[j], from[j + (distance)]); \
  }
#define PB_LOW_1(a, b) __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
#define PB_HIGH_1(a, b) __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31)
#define PB_LOW_2(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define PB_HIGH_2(a, b) __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define PB_LOW_4(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
#define PB_HIGH_4(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31)
#define PB_LOW_8(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define PB_HIGH_8(a, b) __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)

/// Exchanges rows and columns: elements whose numbers differ in one bit change places, bit after bit.
PB_INLINE void PB_KERNEL(transpose)(pb_u32x16 rows[16]) {
  pb_u32x16 other[16];
  PB_TRANSPOSE_STAGE(rows, other, 1, PB_LOW_1, PB_HIGH_1)
  PB_TRANSPOSE_STAGE(other, rows, 2, PB_LOW_2, PB_HIGH_2)
  PB_TRANSPOSE_STAGE(rows, other, 4, PB_LOW_4, PB_HIGH_4)
  PB_TRANSPOSE_STAGE(other, rows, 8, PB_LOW_8, PB_HIGH_8)
}

/// Up to sixteen rows' values of sixteen steps, zeros in the place of those that are missing.
PB_INLINE void PB_KERNEL(pack_square)(const float *values, size_t stride, size_t rows, size_t count, size_t steps,
                                      uint32_t *operand) {
  pb_u32x16 square[16];
  for (size_t row = 0; row < PB_PRODUCT_LANES; row++) {
    if (row >= rows) {
      square[row] = (pb_u32x16){0};
    } else if (count == PB_SQUARE_VALUES) {
      square[row] = PB_ROW_STEPS(values + row * stride);
    } else {
      float padded[PB_SQUARE_VALUES] = {0};
      memcpy(padded, values + row * stride, count * sizeof *values);
      square[row] = PB_ROW_STEPS(padded);
    }
  }
  PB_KERNEL(transpose)(square);
  for (size_t step = 0; step < steps; step++) memcpy(operand + step * PB_PRODUCT_LANES, square + step, sizeof *square);
}

static void PB_KERNEL(pb_product_pack_rows)(const float *values, size_t stride, size_t lanes, size_t summed,
                                            uint32_t *operand) {
  const size_t steps = PB_KERNEL(pb_product_steps)(summed);
  for (size_t lane = 0; lane < lanes; lane += PB_PRODUCT_LANES, operand += steps * PB_PRODUCT_LANES) {
    const size_t rows = lanes - lane < PB_PRODUCT_LANES ? lanes - lane : PB_PRODUCT_LANES;
    for (size_t step = 0; step < steps; step += PB_PRODUCT_LANES) {
      const size_t first = step * PB_STEP_VALUES;
      const size_t count = summed - first < PB_SQUARE_VALUES ? summed - first : PB_SQUARE_VALUES;
      PB_KERNEL(pack_square)(values + lane * stride + first, stride, rows, count,
                             steps - step < PB_PRODUCT_LANES ? steps - step : PB_PRODUCT_LANES,
                             operand + step * PB_PRODUCT_LANES);
    }
  }
}

static void PB_KERNEL(pb_product_pack_columns)(const float *values, size_t stride, size_t lanes, size_t summed,
                                               uint32_t *operand) {
  const size_t steps = PB_KERNEL(pb_product_steps)(summed);
  const float zeros[PB_PRODUCT_LANES] = {0};
  for (size_t step = 0; step < steps; step++) {
    const float *first = values + step * PB_STEP_VALUES * stride;
    const int has_second = (step + 1) * PB_STEP_VALUES <= summed;
    const float *second = first + (PB_STEP_VALUES - 1) * stride;
    uint32_t *out = operand + step * PB_PRODUCT_LANES;
    size_t lane = 0;
    for (; lane + PB_PRODUCT_LANES <= lanes; lane += PB_PRODUCT_LANES, out += steps * PB_PRODUCT_LANES) {
      const pb_u32x16 operands = PB_COLUMN_STEP(first + lane, has_second ? second + lane : zeros);
      memcpy(out, &operands, sizeof operands);
    }
    if (lane < lanes) {
      float padded[2][PB_PRODUCT_LANES] = {0};
      memcpy(padded[0], first + lane, (lanes - lane) * sizeof *first);
      if (has_second) memcpy(padded[1], second + lane, (lanes - lane) * sizeof *first);
      const pb_u32x16 operands = PB_COLUMN_STEP(padded[0], padded[1]);
      memcpy(out, &operands, sizeof operands);
    }
  }
}

// MARK: Products

/// A tile's sums, which stay in registers: of PB_TILE_ROWS lanes of a block on the left and a constant number of blocks
/// on the right. Only the first `rows` and `columns` are wanted.
PB_INLINE void PB_KERNEL(product_tile)(const pb_bits32 *restrict left, const uint32_t *restrict right, size_t steps,
                                       const int blocks, size_t rows, size_t columns, float scale, float beta,
                                       float *restrict out, size_t stride) {
  pb_f32x16 sums[PB_TILE_ROWS][PB_TILE_BLOCKS];
  _Pragma("clang loop unroll(full)") for (int r = 0; r < PB_TILE_ROWS; r++)
    _Pragma("clang loop unroll(full)") for (int b = 0; b < blocks; b++) sums[r][b] = (pb_f32x16){0};
  for (size_t step = 0; step < steps; step++, left += PB_PRODUCT_LANES, right += PB_PRODUCT_LANES) {
    pb_u32x16 operands[PB_TILE_BLOCKS];
    _Pragma("clang loop unroll(full)") for (int b = 0; b < blocks; b++)
        memcpy(operands + b, right + (size_t)b * steps * PB_PRODUCT_LANES, sizeof *operands);
    _Pragma("clang loop unroll(full)") for (int r = 0; r < PB_TILE_ROWS; r++) {
      const uint32_t operand = left[r];
      _Pragma("clang loop unroll(full)") for (int b = 0; b < blocks; b++)
          PB_MULTIPLY_ADD(sums[r][b], operand, operands[b]);
    }
  }
  _Pragma("clang loop unroll(full)") for (int r = 0; r < PB_TILE_ROWS; r++) {
    if ((size_t)r >= rows) break;
    _Pragma("clang loop unroll(full)") for (int b = 0; b < blocks; b++) {
      const size_t left_over = columns - (size_t)b * PB_PRODUCT_LANES;
      const size_t count = left_over < PB_PRODUCT_LANES ? left_over : PB_PRODUCT_LANES;
      float *to = out + (size_t)r * stride + b * PB_PRODUCT_LANES;
      pb_f32x16 sum = sums[r][b] * scale;
      if (count == PB_PRODUCT_LANES) {
        if (beta != 0) sum += beta * PB_KERNEL(load)(to);
        memcpy(to, &sum, sizeof sum);
      } else {
        float padded[PB_PRODUCT_LANES] = {0};
        if (beta != 0) {
          memcpy(padded, to, count * sizeof *to);
          sum += beta * PB_KERNEL(load)(padded);
        }
        memcpy(padded, &sum, sizeof sum);
        memcpy(to, padded, count * sizeof *to);
      }
    }
  }
}

/// All rows with some blocks on the right, whose operands stay in the cache.
PB_INLINE void PB_KERNEL(product_strip)(const uint32_t *left, size_t rows, const uint32_t *right, const int blocks,
                                        size_t columns, size_t steps, float scale, float beta, float *out,
                                        size_t stride) {
  for (size_t row = 0; row < rows; row += PB_TILE_ROWS) {
    const size_t lane = row % PB_PRODUCT_LANES;
    PB_KERNEL(product_tile)
    (left + (row - lane) * steps + lane, right, steps, blocks, rows - row, columns, scale, beta, out + row * stride,
     stride);
  }
}

/// Any number of blocks on the right.
PB_INLINE void PB_KERNEL(product_rows)(const uint32_t *left, size_t rows, const uint32_t *right, size_t columns,
                                       size_t steps, float scale, float beta, float *out, size_t stride) {
  for (size_t column = 0; column < columns; column += PB_TILE_BLOCKS * PB_PRODUCT_LANES) {
    const size_t left_over = columns - column;
    const size_t blocks = (left_over + PB_PRODUCT_LANES - 1) / PB_PRODUCT_LANES;
    const uint32_t *operands = right + column * steps;
    switch (blocks < PB_TILE_BLOCKS ? blocks : PB_TILE_BLOCKS) {
#define PB_STRIP(count)                                                                                             \
  case count:                                                                                                       \
    PB_KERNEL(product_strip)(left, rows, operands, count, left_over, steps, scale, beta, out + column, stride); \
    break;
      PB_STRIP(1)
#if PB_WIDE_REGISTERS
      PB_STRIP(2)
      PB_STRIP(3)
#endif
#undef PB_STRIP
    }
  }
}

static void PB_KERNEL(pb_product)(const uint32_t *left, size_t rows, const uint32_t *right, size_t columns,
                                  size_t summed, float scale, float beta, float *out, size_t stride) {
  const size_t steps = PB_KERNEL(pb_product_steps)(summed);
  for (size_t row = 0; row < rows; row += PB_CACHED_ROWS) {
    PB_KERNEL(product_rows)
    (left + row * steps, rows - row < PB_CACHED_ROWS ? rows - row : PB_CACHED_ROWS, right, columns, steps, scale, beta,
     out + row * stride, stride);
  }
}

#undef PB_SQUARE_VALUES
#undef PB_TRANSPOSE_STAGE
#undef PB_LOW_1
#undef PB_HIGH_1
#undef PB_LOW_2
#undef PB_HIGH_2
#undef PB_LOW_4
#undef PB_HIGH_4
#undef PB_LOW_8
#undef PB_HIGH_8
