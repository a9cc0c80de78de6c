// One attention head at one level and for one type of input, from queries, keys and values to outputs. The including
// file defines
// - PB_INPUT, PB_ELEMENT: the type's name in the kernels' names, and the type;
// - PB_STEP_VALUES: how many values of a summed axis one operand of 32 bits holds;
// - PB_ROW_OPERAND(row, step), PB_COLUMN_OPERAND(rows, stride, step, column): the operand that holds the values of a
//   step, which follow each other in a row or in a column; PB_LAST_OPERAND(value): one that holds a single value;
// - PB_MULTIPLY_ADD(sum, a, b): sum += a * b, with one operand a and a vector b of operands;
// - PB_ATTENTION_OPERANDS(rows, scratch, stride): a tile's rows of attention as operands, with their stride;
// - PB_STORE(value): a sum as an output.

#define PB_HEAD(name) PB_JOIN(PB_JOIN(name, PB_INPUT), PB_LEVEL)

/// The operands that `count` values of a summed axis take.
static inline size_t PB_HEAD(steps)(size_t count) { return (count + PB_STEP_VALUES - 1) / PB_STEP_VALUES; }

/// [blocks, steps, 16]: sixteen keys side by side, zeros in the place of those that are missing.
static inline void PB_HEAD(pack_keys)(const PB_ELEMENT *restrict keys, size_t stride, size_t tokens, size_t width,
                                      uint32_t *restrict packed) {
  const size_t steps = PB_HEAD(steps)(width);
  for (size_t first = 0; first < tokens; first += PB_LANES, packed += steps * PB_LANES) {
    const size_t lanes = tokens - first < PB_LANES ? tokens - first : PB_LANES;
    if (lanes < PB_LANES) memset(packed, 0, steps * PB_LANES * sizeof *packed);
    for (size_t lane = 0; lane < lanes; lane++) {
      const PB_ELEMENT *key = keys + (first + lane) * stride;
      for (size_t step = 0; step < width / PB_STEP_VALUES; step++) {
        packed[step * PB_LANES + lane] = PB_ROW_OPERAND(key, step);
      }
      if (width % PB_STEP_VALUES) packed[(steps - 1) * PB_LANES + lane] = PB_LAST_OPERAND(key[width - 1]);
    }
  }
}

/// [rows, steps]
static inline void PB_HEAD(pack_queries)(const PB_ELEMENT *restrict queries, size_t stride, size_t rows, size_t width,
                                         uint32_t *restrict packed) {
  const size_t steps = PB_HEAD(steps)(width);
  for (size_t r = 0; r < rows; r++, queries += stride, packed += steps) {
    for (size_t step = 0; step < width / PB_STEP_VALUES; step++) packed[step] = PB_ROW_OPERAND(queries, step);
    if (width % PB_STEP_VALUES) packed[steps - 1] = PB_LAST_OPERAND(queries[width - 1]);
  }
}

/// [steps, padded width]
static inline void PB_HEAD(pack_values)(const PB_ELEMENT *restrict values, size_t stride, size_t tokens, size_t width,
                                        uint32_t *restrict packed) {
  const size_t padded = pb_attention_padded(width);
  if (padded > width) memset(packed, 0, PB_HEAD(steps)(tokens) * padded * sizeof *packed);
  for (size_t step = 0; step < tokens / PB_STEP_VALUES; step++, packed += padded) {
    PB_VECTORIZE
    for (size_t d = 0; d < width; d++) packed[d] = PB_COLUMN_OPERAND(values, stride, step, d);
  }
  if (tokens % PB_STEP_VALUES) {
    for (size_t d = 0; d < width; d++) packed[d] = PB_LAST_OPERAND(values[(tokens - 1) * stride + d]);
  }
}

/// sums [rows, blocks * 16] = left [rows, steps] right, for PB_TILE_ROWS rows and a constant number of blocks.
///
/// A block's operands of a step are at `right + block * block_stride + step * step_stride`.
static inline __attribute__((always_inline)) void PB_HEAD(tile)(
    const pb_bits32 *restrict left, size_t left_stride, const uint32_t *restrict right, size_t block_stride,
    size_t step_stride, size_t steps, const size_t blocks, float *restrict sums, size_t sum_stride) {
  pb_float_vector totals[PB_TILE_ROWS][PB_TILE_BLOCKS];
  for (size_t r = 0; r < PB_TILE_ROWS; r++) {
    for (size_t b = 0; b < blocks; b++) totals[r][b] = (pb_float_vector){0};
  }
  for (size_t step = 0; step < steps; step++, right += step_stride) {
    pb_operand_vector operands[PB_TILE_BLOCKS];
    for (size_t b = 0; b < blocks; b++) operands[b] = *(const pb_operand_vector *)(right + b * block_stride);
    for (size_t r = 0; r < PB_TILE_ROWS; r++) {
      const uint32_t operand = left[r * left_stride + step];
      for (size_t b = 0; b < blocks; b++) PB_MULTIPLY_ADD(totals[r][b], operand, operands[b]);
    }
  }
  for (size_t r = 0; r < PB_TILE_ROWS; r++) {
    for (size_t b = 0; b < blocks; b++) *(pb_float_vector *)(sums + r * sum_stride + b * PB_LANES) = totals[r][b];
  }
}

/// The same for any number of blocks, in tiles of nearly equal width.
static inline void PB_HEAD(multiply)(const pb_bits32 *left, size_t left_stride, const uint32_t *right,
                                     size_t block_stride, size_t step_stride, size_t steps, size_t blocks, float *sums,
                                     size_t sum_stride) {
  for (size_t tiles = (blocks + PB_TILE_BLOCKS - 1) / PB_TILE_BLOCKS; tiles > 0; tiles--) {
    const size_t width = (blocks + tiles - 1) / tiles;
    switch (width) {
#define PB_TILE(count)                                                                                   \
  case count:                                                                                            \
    PB_HEAD(tile)(left, left_stride, right, block_stride, step_stride, steps, count, sums, sum_stride); \
    break;
      PB_TILE(1)
#if PB_WIDE_REGISTERS
      PB_TILE(2)
      PB_TILE(3)
      PB_TILE(4)
      PB_TILE(5)
      PB_TILE(6)
#endif
#undef PB_TILE
    }
    blocks -= width;
    right += width * block_stride;
    sums += width * PB_LANES;
  }
}

static void PB_HEAD(pb_attention_head)(const pb_attention_shape *shape, const PB_ELEMENT *queries,
                                       const PB_ELEMENT *keys, const PB_ELEMENT *values, const float *biases,
                                       PB_ELEMENT *output, float *attention, float *statistics, void *scratch) {
  const size_t tokens = shape->prefix + shape->patches;
  const size_t width = shape->head_width;
  const size_t stride = pb_attention_stride(shape->prefix, shape->patches);
  const size_t query_steps = PB_HEAD(steps)(width);
  const size_t padded_width = pb_attention_padded(width);
  const pb_attention_places places = pb_attention_divide(shape);
  uint32_t *key_operands = (uint32_t *)scratch + places.keys;
  uint32_t *value_operands = (uint32_t *)scratch + places.values;
  uint32_t *query_operands = (uint32_t *)scratch + places.queries;
  float *outputs = (float *)scratch + places.sums;
  PB_HEAD(pack_keys)(keys, shape->input_stride, tokens, width, key_operands);
  PB_HEAD(pack_values)(values, shape->input_stride, tokens, width, value_operands);
  PB_KERNEL(head_sums) sums = {0, 0, 0, 0, NAN, NAN, NAN, NAN};
  for (size_t first = 0; first < tokens; first += PB_ATTENTION_ROWS) {
    const size_t count = tokens - first < PB_ATTENTION_ROWS ? tokens - first : PB_ATTENTION_ROWS;
    float *rows = attention ? attention + first * stride : (float *)scratch + places.rows;
    PB_HEAD(pack_queries)(queries + first * shape->input_stride, shape->input_stride, count, width, query_operands);
    // A last tile may reach beyond the last row: there is room for what it computes there, and nobody looks at it.
    for (size_t r = 0; r < count; r += PB_TILE_ROWS) {
      PB_HEAD(multiply)(query_operands + r * query_steps, query_steps, key_operands, query_steps * PB_LANES, PB_LANES,
                        query_steps, pb_attention_padded(tokens) / PB_LANES, rows + r * stride, stride);
    }
    if (biases) PB_KERNEL(add_scores)(rows, biases + first * stride, count * stride);
    PB_KERNEL(softmax_rows)(rows, stride, first, count, shape, &sums);
    for (size_t r = 0; r < count; r += PB_TILE_ROWS) {
      size_t operand_stride = stride;
      const pb_bits32 *operands =
          PB_ATTENTION_OPERANDS(rows + r * stride, (uint32_t *)scratch + places.operands, &operand_stride);
      PB_HEAD(multiply)(operands, operand_stride, value_operands, PB_LANES, padded_width, PB_HEAD(steps)(tokens),
                        padded_width / PB_LANES, outputs, padded_width);
      const size_t left = count - r < PB_TILE_ROWS ? count - r : PB_TILE_ROWS;
      for (size_t i = 0; i < left; i++) {
        PB_ELEMENT *row = output + (first + r + i) * shape->output_stride;
        for (size_t d = 0; d < width; d++) row[d] = PB_STORE(outputs[i * padded_width + d]);
      }
    }
  }
  PB_KERNEL(summarize)(&sums, shape, statistics);
}

#undef PB_HEAD
