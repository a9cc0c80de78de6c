// Products and weighted sums of tokens, which are or become bfloat16, with rounded vectors at one level and for one type
// of tokens. The including file defines
// - PB_TYPE: the type's name in the kernels' names;
// - PB_STEP_VALUES: the values of a summed axis, tokens or channels, that one operand of 32 bits holds;
// - PB_MULTIPLY_ADD(sum, a, b): sum += a * b, of sixteen operands each;
// - PB_ROW_OPERANDS(row): sixteen operands of values that follow each other in a row of a vector;
// - PB_TOKEN_OPERANDS(row): the same of a token;
// - PB_COLUMN_OPERANDS(part, first, second): the operands of sixteen columns, of a step of tokens of which the second
//   counts where steps are pairs; a `part` of so many of those that PB_STEP_VALUES * 16 columns take;
// - PB_WEIGHT(weights, count): an operand of a step's weights, of which there are `count`.
//
// Blocks take their sizes as constants and are inlined, so that accumulators live in registers.

#define PB_ROUNDED(name) PB_JOIN(PB_JOIN(name, PB_TYPE), PB_LEVEL)
#define PB_ROW_VALUES (PB_LANES * PB_STEP_VALUES)
/// The columns of a block of sums: so many vectors of a row.
#define PB_SUM_PLACES 2
#define PB_SUM_COLUMNS (PB_SUM_PLACES * PB_ROW_VALUES)

// MARK: Products

PB_INLINE void PB_ROUNDED(rounded_dots_block)(const uint16_t *tokens, size_t width, const uint16_t *queries, float *out,
                                             size_t out_stride, const int count_t, const int count_q) {
  pb_f32x16 sums[16];
  _Pragma("clang loop unroll(full)") for (int i = 0; i < count_t * count_q; i++) sums[i] = 0;
  const size_t whole = width / PB_ROW_VALUES * PB_ROW_VALUES;
  for (size_t d = 0; d < whole; d += PB_ROW_VALUES) {
    pb_u32x16 x[16];
    _Pragma("clang loop unroll(full)") for (int t = 0; t < count_t; t++)
        x[t] = PB_TOKEN_OPERANDS(tokens + (size_t)t * width + d);
    _Pragma("clang loop unroll(full)") for (int q = 0; q < count_q; q++) {
      const pb_u32x16 query = PB_ROW_OPERANDS(queries + (size_t)q * width + d);
      _Pragma("clang loop unroll(full)") for (int t = 0; t < count_t; t++)
          PB_MULTIPLY_ADD(sums[q * count_t + t], x[t], query);
    }
  }
  if (whole < width) {
    const size_t bytes = (width - whole) * sizeof *tokens;
    for (int q = 0; q < count_q; q++) {
      uint16_t query[PB_ROW_VALUES] = {0};
      memcpy(query, queries + (size_t)q * width + whole, bytes);
      for (int t = 0; t < count_t; t++) {
        uint16_t x[PB_ROW_VALUES] = {0};
        memcpy(x, tokens + (size_t)t * width + whole, bytes);
        PB_MULTIPLY_ADD(sums[q * count_t + t], PB_TOKEN_OPERANDS(x), PB_ROW_OPERANDS(query));
      }
    }
  }
  if (count_t * count_q == 16) {
    const pb_f32x16 all = PB_KERNEL(sum_each)(sums);
    float values[16];
    memcpy(values, &all, sizeof values);
    for (int q = 0; q < count_q; q++) memcpy(out + q * out_stride, values + q * count_t, (size_t)count_t * sizeof *out);
    return;
  }
  for (int q = 0; q < count_q; q++) {
    for (int t = 0; t < count_t; t++) out[q * out_stride + t] = PB_KERNEL(sum_lanes)(sums[q * count_t + t]);
  }
}

/// All tokens with a few queries, which stay in the first-level cache.
PB_INLINE void PB_ROUNDED(rounded_dots_of_queries)(const uint16_t *tokens, size_t token_count, size_t width,
                                                  const uint16_t *queries, float *out, size_t out_stride,
                                                  const int count_t, const int count_q) {
  size_t t = 0;
  for (; t + (size_t)count_t <= token_count; t += (size_t)count_t)
    PB_ROUNDED(rounded_dots_block)(tokens + t * width, width, queries, out + t, out_stride, count_t, count_q);
  for (; t < token_count; t++)
    PB_ROUNDED(rounded_dots_block)(tokens + t * width, width, queries, out + t, out_stride, 1, count_q);
}

static void PB_ROUNDED(pb_rounded_token_dots)(const uint16_t *tokens, size_t token_count, size_t width,
                                             const uint16_t *queries, size_t query_count, float *out,
                                             size_t out_stride) {
  size_t q = 0;
  for (; q + PB_BLOCK_QUERIES <= query_count; q += PB_BLOCK_QUERIES)
    PB_ROUNDED(rounded_dots_of_queries)(tokens, token_count, width, queries + q * width, out + q * out_stride,
                                       out_stride, PB_BLOCK_TOKENS, PB_BLOCK_QUERIES);
  for (; q < query_count; q++)
    PB_ROUNDED(rounded_dots_of_queries)(tokens, token_count, width, queries + q * width, out + q * out_stride,
                                       out_stride, PB_SINGLE_TOKENS, 1);
}

// MARK: Weighted sums

/// Adds a step of tokens to a block's sums. `count` is the step's weights, the last of which may be missing.
PB_INLINE void PB_ROUNDED(rounded_sums_step)(pb_f32x16 *sums, const uint16_t *first, const uint16_t *second,
                                            const uint16_t *weights, size_t weight_stride, const int count,
                                            const int count_q) {
  enum { PARTS = PB_STEP_VALUES };
  pb_u32x16 x[PB_SUM_PLACES * PARTS];
  _Pragma("clang loop unroll(full)") for (int v = 0; v < PB_SUM_PLACES; v++)
    _Pragma("clang loop unroll(full)") for (int part = 0; part < PARTS; part++)
      x[v * PARTS + part] = PB_COLUMN_OPERANDS(part, first + v * PB_ROW_VALUES, second + v * PB_ROW_VALUES);
  _Pragma("clang loop unroll(full)") for (int q = 0; q < count_q; q++) {
    const pb_u32x16 weight = (pb_u32x16)0 + PB_WEIGHT(weights + (size_t)q * weight_stride, count);
    _Pragma("clang loop unroll(full)") for (int i = 0; i < PB_SUM_PLACES * PARTS; i++)
        PB_MULTIPLY_ADD(sums[q * PB_SUM_PLACES * PARTS + i], weight, x[i]);
  }
}

/// PB_SUM_COLUMNS columns, or, where `is_whole` is 0, the `columns` that are left.
PB_INLINE void PB_ROUNDED(rounded_sums_block)(const uint16_t *tokens, size_t token_count, size_t width,
                                             const uint16_t *weights, size_t weight_stride, float *out,
                                             const uint16_t *next, size_t columns, const int is_whole,
                                             const int count_q) {
  pb_f32x16 sums[PB_SUM_QUERIES * PB_SUM_PLACES * PB_STEP_VALUES];
  _Pragma("clang loop unroll(full)") for (int i = 0; i < count_q * PB_SUM_PLACES * PB_STEP_VALUES; i++) sums[i] = 0;
  uint16_t rest[PB_STEP_VALUES][PB_SUM_COLUMNS];
  size_t t = 0;
  for (; t + PB_STEP_VALUES <= token_count; t += PB_STEP_VALUES) {
    const uint16_t *row = tokens + t * width;
    if (is_whole) {
      PB_ROUNDED(rounded_sums_step)
      (sums, row, row + (PB_STEP_VALUES - 1) * width, weights + t, weight_stride, PB_STEP_VALUES, count_q);
    } else {
      memset(rest, 0, sizeof rest);
      for (size_t i = 0; i < PB_STEP_VALUES; i++) memcpy(rest[i], row + i * width, columns * sizeof *row);
      PB_ROUNDED(rounded_sums_step)
      (sums, rest[0], rest[PB_STEP_VALUES - 1], weights + t, weight_stride, PB_STEP_VALUES, count_q);
    }
    if (next) {
      for (size_t i = 0; i < PB_STEP_VALUES; i++)
        for (size_t column = 0; column < columns; column += PB_LINE / sizeof *next)
          __builtin_prefetch(next + (t + i) * width + column, 0, 2);
    }
  }
  if (t < token_count) {
    memset(rest, 0, sizeof rest);
    memcpy(rest[0], tokens + t * width, columns * sizeof *tokens);
    PB_ROUNDED(rounded_sums_step)(sums, rest[0], rest[PB_STEP_VALUES - 1], weights + t, weight_stride, 1, count_q);
  }
  _Pragma("clang loop unroll(full)") for (int q = 0; q < count_q; q++) {
    float *to = out + (size_t)q * width;
    _Pragma("clang loop unroll(full)") for (int i = 0; i < PB_SUM_PLACES * PB_STEP_VALUES; i++) {
      const size_t first = (size_t)i * PB_LANES;
      const size_t left = columns < first ? 0 : columns - first;
      float before[PB_LANES] = {0};
      pb_f32x16 sum;
      memcpy(before, to + first, (is_whole || left > PB_LANES ? PB_LANES : left) * sizeof *to);
      memcpy(&sum, before, sizeof sum);
      sum += sums[q * PB_SUM_PLACES * PB_STEP_VALUES + i];
      memcpy(before, &sum, sizeof sum);
      memcpy(to + first, before, (is_whole || left > PB_LANES ? PB_LANES : left) * sizeof *to);
    }
  }
}

PB_INLINE void PB_ROUNDED(rounded_sums_of_queries)(const uint16_t *tokens, size_t token_count, size_t width,
                                                  const uint16_t *weights, size_t weight_stride, float *out,
                                                  const uint16_t *next, const int count_q) {
  size_t d = 0;
  for (; d + PB_SUM_COLUMNS <= width; d += PB_SUM_COLUMNS)
    PB_ROUNDED(rounded_sums_block)(tokens + d, token_count, width, weights, weight_stride, out + d,
                                  next ? next + d : NULL, PB_SUM_COLUMNS, 1, count_q);
  if (d < width)
    PB_ROUNDED(rounded_sums_block)(tokens + d, token_count, width, weights, weight_stride, out + d,
                                  next ? next + d : NULL, width - d, 0, count_q);
}

static void PB_ROUNDED(pb_rounded_token_sums)(const uint16_t *tokens, size_t token_count, size_t width,
                                             const uint16_t *weights, size_t weight_stride, size_t query_count,
                                             float *out, const uint16_t *next) {
  size_t q = 0;
  for (; q + PB_SUM_QUERIES <= query_count; q += PB_SUM_QUERIES, next = NULL)
    PB_ROUNDED(rounded_sums_of_queries)(tokens, token_count, width, weights + q * weight_stride, weight_stride,
                                       out + q * width, next, PB_SUM_QUERIES);
  for (; q + 2 <= query_count; q += 2, next = NULL)
    PB_ROUNDED(rounded_sums_of_queries)(tokens, token_count, width, weights + q * weight_stride, weight_stride,
                                       out + q * width, next, 2);
  if (q < query_count)
    PB_ROUNDED(rounded_sums_of_queries)(tokens, token_count, width, weights + q * weight_stride, weight_stride,
                                       out + q * width, next, 1);
}

#undef PB_ROUNDED
#undef PB_ROW_VALUES
#undef PB_SUM_PLACES
#undef PB_SUM_COLUMNS
