// Products and weighted sums of tokens with many queries at once: small matrix products whose left side is widened from
// its stored type in registers. A block of tokens meets a block of queries (or of columns) in as many accumulators as the
// level has registers for.
//
// Blocks take their sizes as constants and are inlined, so that accumulators live in registers. A product and a sum fuse
// where the level can; nothing is reordered, or results would depend on the blocks.

#include "elementary.inc.h"
#include "lane_sums.inc.h"

// MARK: Widening

/// The first `count` elements at `from`, then zeros: the rest of a row that does not fill the lanes.
#define PB_DEFINE_LOADS(type, element, vector, widen)                                                                \
  PB_INLINE pb_f32x16 PB_KERNEL(load_##type)(const element *from, const float *scales) {                             \
    vector bits;                                                                                                     \
    (void)scales; /* only 8 bits have some */                                                                        \
    memcpy(&bits, from, sizeof bits);                                                                                \
    return widen;                                                                                                    \
  }                                                                                                                  \
  PB_INLINE pb_f32x16 PB_KERNEL(load_rest_##type)(const element *from, const float *scales, size_t count) {          \
    element padded[PB_LANES] = {0};                                                                                  \
    float padded_scales[PB_LANES] = {0};                                                                             \
    memcpy(padded, from, count * sizeof(element));                                                                   \
    if (scales) memcpy(padded_scales, scales, count * sizeof(float));                                                \
    return PB_KERNEL(load_##type)(padded, padded_scales);                                                            \
  }

PB_INLINE pb_f32x16 PB_KERNEL(load)(const float *from) {
  pb_f32x16 values;
  memcpy(&values, from, sizeof values);
  return values;
}

PB_INLINE pb_f32x16 PB_KERNEL(load_rest)(const float *from, size_t count) {
  float padded[PB_LANES] = {0};
  memcpy(padded, from, count * sizeof(float));
  return PB_KERNEL(load)(padded);
}

PB_INLINE pb_f32x16 PB_KERNEL(widen_bf16)(pb_u16x16 bits) {
  const pb_u32x16 wide = __builtin_convertvector(bits, pb_u32x16) << 16;
  return __builtin_bit_cast(pb_f32x16, wide);
}

PB_DEFINE_LOADS(f32, float, pb_f32x16, bits)
PB_DEFINE_LOADS(f16, uint16_t, pb_f16x16, __builtin_convertvector(bits, pb_f32x16))
PB_DEFINE_LOADS(bf16, uint16_t, pb_u16x16, PB_KERNEL(widen_bf16)(bits))
PB_DEFINE_LOADS(i8, int8_t, pb_i8x16, __builtin_convertvector(bits, pb_f32x16) * PB_KERNEL(load)(scales))
#undef PB_DEFINE_LOADS

// MARK: Products

/// The accumulators of a block of products: all 16 where registers allow it.
#if PB_WIDE_REGISTERS
#define PB_DOTS_TOKENS 4
#define PB_DOTS_QUERIES 4
#define PB_DOTS_SINGLE 16
#else
#define PB_DOTS_TOKENS 2
#define PB_DOTS_QUERIES 2
#define PB_DOTS_SINGLE 4
#endif
#define PB_SUMS_COLUMNS (PB_WIDE_REGISTERS ? 4 : 2)
#define PB_SUMS_QUERIES (PB_WIDE_REGISTERS ? 6 : 2)

/// Stores the sums of count_t x count_q accumulators, token by token within a query.
PB_INLINE void PB_KERNEL(store_dots)(const pb_f32x16 *sums, int count_t, int count_q, float *out, size_t out_stride) {
  if (count_t * count_q == 16) {
    const pb_f32x16 all = PB_KERNEL(sum_each)(sums);
    float values[16];
    memcpy(values, &all, sizeof values);
    for (int q = 0; q < count_q; q++) memcpy(out + q * out_stride, values + q * count_t, (size_t)count_t * 4);
    return;
  }
  for (int q = 0; q < count_q; q++) {
    for (int t = 0; t < count_t; t++) out[q * out_stride + t] = PB_KERNEL(sum_lanes)(sums[q * count_t + t]);
  }
}

#define PB_POOLING(type, element)                                                                                    \
  PB_INLINE void PB_KERNEL(dots_block_##type)(const element *tokens, size_t width, const float *scales,              \
                                              const float *queries, float *out, size_t out_stride,                   \
                                              const int count_t, const int count_q) {                                \
    _Pragma("clang fp contract(fast)")                                                                               \
    pb_f32x16 sums[16];                                                                                              \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < count_t * count_q; i++) sums[i] = 0;                      \
    const size_t whole = width & ~(size_t)(PB_LANES - 1);                                                            \
    for (size_t d = 0; d < whole; d += PB_LANES) {                                                                   \
      pb_f32x16 x[16];                                                                                               \
      _Pragma("clang loop unroll(full)") for (int t = 0; t < count_t; t++)                                           \
          x[t] = PB_KERNEL(load_##type)(tokens + (size_t)t * width + d, scales + d);                                 \
      _Pragma("clang loop unroll(full)") for (int q = 0; q < count_q; q++) {                                         \
        const pb_f32x16 query = PB_KERNEL(load)(queries + (size_t)q * width + d);                                    \
        _Pragma("clang loop unroll(full)") for (int t = 0; t < count_t; t++) sums[q * count_t + t] += x[t] * query;  \
      }                                                                                                              \
    }                                                                                                                \
    if (whole < width) {                                                                                             \
      const size_t rest = width - whole;                                                                             \
      for (int q = 0; q < count_q; q++) {                                                                            \
        const pb_f32x16 query = PB_KERNEL(load_rest)(queries + (size_t)q * width + whole, rest);                     \
        for (int t = 0; t < count_t; t++)                                                                            \
          sums[q * count_t + t] +=                                                                                   \
              PB_KERNEL(load_rest_##type)(tokens + (size_t)t * width + whole, scales ? scales + whole : NULL, rest) * query; \
      }                                                                                                              \
    }                                                                                                                \
    PB_KERNEL(store_dots)(sums, count_t, count_q, out, out_stride);                                                  \
  }                                                                                                                  \
                                                                                                                     \
  /* All tokens with a few queries, which stay in the first-level cache. */                                           \
  PB_INLINE void PB_KERNEL(dots_of_queries_##type)(const element *tokens, size_t token_count, size_t width,          \
                                                   const float *scales, const float *queries, float *out,            \
                                                   size_t out_stride, const int count_t, const int count_q) {        \
    size_t t = 0;                                                                                                    \
    for (; t + (size_t)count_t <= token_count; t += (size_t)count_t)                                                 \
      PB_KERNEL(dots_block_##type)(tokens + t * width, width, scales, queries, out + t, out_stride, count_t,         \
                                   count_q);                                                                         \
    for (; t < token_count; t++)                                                                                     \
      PB_KERNEL(dots_block_##type)(tokens + t * width, width, scales, queries, out + t, out_stride, 1, count_q);     \
  }                                                                                                                  \
                                                                                                                     \
  static void PB_KERNEL(pb_token_dots_##type)(const element *tokens, size_t token_count, size_t width,               \
                                              const float *scales, const float *queries, size_t query_count,         \
                                              float *out, size_t out_stride) {                                       \
    size_t q = 0;                                                                                                    \
    for (; q + PB_DOTS_QUERIES <= query_count; q += PB_DOTS_QUERIES)                                                 \
      PB_KERNEL(dots_of_queries_##type)(tokens, token_count, width, scales, queries + q * width,                     \
                                        out + q * out_stride, out_stride, PB_DOTS_TOKENS, PB_DOTS_QUERIES);          \
    for (; q + 2 <= query_count; q += 2) /* more tokens beside each other hide the sums' latency */                  \
      PB_KERNEL(dots_of_queries_##type)(tokens, token_count, width, scales, queries + q * width,                     \
                                        out + q * out_stride, out_stride, PB_DOTS_SINGLE / 2, 2);                    \
    if (q < query_count)                                                                                             \
      PB_KERNEL(dots_of_queries_##type)(tokens, token_count, width, scales, queries + q * width,                     \
                                        out + q * out_stride, out_stride, PB_DOTS_SINGLE, 1);                        \
  }                                                                                                                  \
                                                                                                                     \
  PB_INLINE void PB_KERNEL(sums_block_##type)(const element *tokens, size_t token_count, size_t width,               \
                                              const float *scales, const float *weights, size_t weight_stride,       \
                                              float *out, const element *next, const int count_v,                    \
                                              const int count_q) {                                                   \
    _Pragma("clang fp contract(fast)")                                                                               \
    const int count_lines = count_v * PB_LANES * (int)sizeof(element) / PB_LINE;                                     \
    pb_f32x16 sums[24];                                                                                              \
    _Pragma("clang loop unroll(full)") for (int q = 0; q < count_q; q++)                                             \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < count_v; v++)                                           \
          sums[q * count_v + v] = PB_KERNEL(load)(out + (size_t)q * width + v * PB_LANES);                           \
    for (size_t t = 0; t < token_count; t++) {                                                                       \
      pb_f32x16 x[8];                                                                                                \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < count_v; v++)                                           \
          x[v] = PB_KERNEL(load_##type)(tokens + t * width + v * PB_LANES, scales + v * PB_LANES);                   \
      if (next)                                                                                                      \
        for (int i = 0; i < count_lines; i++)                                                                        \
          __builtin_prefetch((const char *)(next + t * width) + i * PB_LINE, 0, 2);                                  \
      _Pragma("clang loop unroll(full)") for (int q = 0; q < count_q; q++) {                                         \
        const float weight = weights[(size_t)q * weight_stride + t];                                                 \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < count_v; v++) sums[q * count_v + v] += x[v] * weight; \
      }                                                                                                              \
    }                                                                                                                \
    _Pragma("clang loop unroll(full)") for (int q = 0; q < count_q; q++)                                             \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < count_v; v++)                                           \
          memcpy(out + (size_t)q * width + v * PB_LANES, &sums[q * count_v + v], sizeof(pb_f32x16));                 \
  }                                                                                                                  \
                                                                                                                     \
  PB_INLINE void PB_KERNEL(sums_rest_##type)(const element *tokens, size_t token_count, size_t width,                \
                                             const float *scales, const float *weights, float *out, size_t rest) {   \
    _Pragma("clang fp contract(fast)")                                                                               \
    pb_f32x16 sum = PB_KERNEL(load_rest)(out, rest);                                                                 \
    for (size_t t = 0; t < token_count; t++)                                                                         \
      sum += PB_KERNEL(load_rest_##type)(tokens + t * width, scales, rest) * weights[t];                             \
    memcpy(out, &sum, rest * sizeof(float));                                                                         \
  }                                                                                                                  \
                                                                                                                     \
  PB_INLINE void PB_KERNEL(sums_of_queries_##type)(const element *tokens, size_t token_count, size_t width,          \
                                                   const float *scales, const float *weights, size_t weight_stride,  \
                                                   float *out, const element *next, const int count_q) {                                  \
    size_t d = 0;                                                                                                    \
    const int wide = count_q == 1 ? 8 : PB_SUMS_COLUMNS;                                                             \
    for (; d + (size_t)wide * PB_LANES <= width; d += (size_t)wide * PB_LANES)                                       \
      PB_KERNEL(sums_block_##type)(tokens + d, token_count, width, scales ? scales + d : NULL, weights,              \
                                   weight_stride, out + d, next ? next + d : NULL, wide, count_q);                                           \
    for (; d + PB_LANES <= width; d += PB_LANES)                                                                     \
      PB_KERNEL(sums_block_##type)(tokens + d, token_count, width, scales ? scales + d : NULL, weights,              \
                                   weight_stride, out + d, next ? next + d : NULL, 1, count_q);                                              \
    for (int q = 0; d < width && q < count_q; q++)                                                                   \
      PB_KERNEL(sums_rest_##type)(tokens + d, token_count, width, scales ? scales + d : NULL,                        \
                                  weights + (size_t)q * weight_stride, out + (size_t)q * width + d, width - d);      \
  }                                                                                                                  \
                                                                                                                     \
  static void PB_KERNEL(pb_token_weighted_sums_##type)(const element *tokens, size_t token_count, size_t width,      \
                                                       const float *scales, const float *weights,                    \
                                                       size_t weight_stride, size_t query_count, float *out,         \
                                                       const element *next) {       \
    size_t q = 0;                                                                                                    \
    for (; q + PB_SUMS_QUERIES <= query_count; q += PB_SUMS_QUERIES)                                                 \
      PB_KERNEL(sums_of_queries_##type)(tokens, token_count, width, scales, weights + q * weight_stride,             \
                                        weight_stride, out + q * width, q ? NULL : next, PB_SUMS_QUERIES);                            \
    if (query_count - q > 2) {                                                                                       \
      const size_t left = query_count - q < 4 ? 3 : 4;                                                               \
      if (left == 4)                                                                                                 \
        PB_KERNEL(sums_of_queries_##type)(tokens, token_count, width, scales, weights + q * weight_stride,           \
                                          weight_stride, out + q * width, q ? NULL : next, 4);                                        \
      else                                                                                                           \
        PB_KERNEL(sums_of_queries_##type)(tokens, token_count, width, scales, weights + q * weight_stride,           \
                                          weight_stride, out + q * width, q ? NULL : next, 3);                                        \
      q += left;                                                                                                     \
    }                                                                                                                \
    if (query_count - q == 2) {                                                                                      \
      PB_KERNEL(sums_of_queries_##type)(tokens, token_count, width, scales, weights + q * weight_stride,             \
                                        weight_stride, out + q * width, q ? NULL : next, 2);                                          \
    } else if (query_count - q == 1) {                                                                               \
      PB_KERNEL(sums_of_queries_##type)(tokens, token_count, width, scales, weights + q * weight_stride,             \
                                        weight_stride, out + q * width, q ? NULL : next, 1);                                          \
    }                                                                                                                \
  }

/// A block of columns.
#define PB_SQUARES(type, element)                                                                                    \
  PB_INLINE void PB_KERNEL(squares_block_##type)(const element *tokens, size_t first, size_t token_count,            \
                                                 size_t width, const float *token_scales, const float *scales,       \
                                                 const float *means, float *out, const int count_v, size_t rest) {   \
    _Pragma("clang fp contract(fast)")                                                                               \
    pb_f32x16 sums[4], centres[4];                                                                                   \
    _Pragma("clang loop unroll(full)") for (int v = 0; v < count_v; v++) {                                           \
      sums[v] = 0;                                                                                                   \
      centres[v] = rest ? PB_KERNEL(load_rest)(means, rest) : PB_KERNEL(load)(means + v * PB_LANES);                 \
    }                                                                                                                \
    for (size_t t = first; t < token_count; t++) {                                                                   \
      const element *token = tokens + t * width;                                                                     \
      const float scale = token_scales ? token_scales[t] : 1;                                                        \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < count_v; v++) {                                         \
        const pb_f32x16 x = rest ? PB_KERNEL(load_rest_##type)(token, scales, rest)                                  \
                                 : PB_KERNEL(load_##type)(token + v * PB_LANES, scales + v * PB_LANES);              \
        const pb_f32x16 distance = x * scale - centres[v];                                                           \
        sums[v] += distance * distance;                                                                              \
      }                                                                                                              \
    }                                                                                                                \
    for (int v = 0; v < count_v; v++)                                                                                \
      memcpy(out + v * PB_LANES, &sums[v], rest ? rest * sizeof(float) : sizeof(pb_f32x16));                         \
  }                                                                                                                  \
                                                                                                                     \
  static void PB_KERNEL(pb_token_squares_##type)(const element *tokens, size_t first, size_t token_count,            \
                                                 size_t width, const float *token_scales, const float *scales,       \
                                                 const float *means, float *out) {                                   \
    size_t d = 0;                                                                                                    \
    for (; d + 4 * PB_LANES <= width; d += 4 * PB_LANES)                                                             \
      PB_KERNEL(squares_block_##type)(tokens + d, first, token_count, width, token_scales,                           \
                                      scales ? scales + d : NULL, means + d, out + d, 4, 0);                         \
    for (; d + PB_LANES <= width; d += PB_LANES)                                                                     \
      PB_KERNEL(squares_block_##type)(tokens + d, first, token_count, width, token_scales,                           \
                                      scales ? scales + d : NULL, means + d, out + d, 1, 0);                         \
    if (d < width)                                                                                                   \
      PB_KERNEL(squares_block_##type)(tokens + d, first, token_count, width, token_scales,                           \
                                      scales ? scales + d : NULL, means + d, out + d, 1, width - d);                 \
  }

PB_SQUARES(f32, float)
PB_SQUARES(f16, uint16_t)
PB_SQUARES(bf16, uint16_t)
PB_SQUARES(i8, int8_t)
#undef PB_SQUARES

PB_POOLING(f32, float)
PB_POOLING(f16, uint16_t)
PB_POOLING(bf16, uint16_t)
PB_POOLING(i8, int8_t)
#undef PB_POOLING
#undef PB_DOTS_TOKENS
#undef PB_DOTS_QUERIES
#undef PB_DOTS_SINGLE
#undef PB_SUMS_COLUMNS
#undef PB_SUMS_QUERIES

// MARK: Softmax over tokens
//
// Rows are swept in whole blocks of PB_LANES, so that sums have one order at every level.

/// row *= inverse_deviations; returns the sum of row * means.
PB_INLINE float PB_KERNEL(unnormalize)(pb_pooling_tokens tokens, size_t padded, float *restrict row) {
  if (!tokens.means) return 0;
  float sums[PB_LANES] = {0};
  for (size_t start = 0; start < padded; start += PB_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_LANES; i++) {
      const float weight = row[start + i] * tokens.inverse_deviations[start + i];
      row[start + i] = weight;
      sums[i] += weight * tokens.means[start + i];
    }
  }
  return PB_KERNEL(lane_sum)(sums);
}

PB_INLINE void PB_KERNEL(normalize_products)(pb_pooling_tokens tokens, size_t padded, float sum, float *restrict row) {
  if (!tokens.means) return;
  PB_VECTORIZE
  for (size_t t = 0; t < padded; t++) row[t] = tokens.inverse_deviations[t] * (row[t] - tokens.means[t] * sum);
}

static float PB_KERNEL(pb_pooling_softmax)(pb_pooling_tokens tokens, float *restrict row, const float *restrict offsets,
                                           float query_sum, float *restrict attention) {
  const size_t padded = pb_pooling_padded(tokens.token_count);
  PB_KERNEL(normalize_products)(tokens, padded, query_sum, row);
  if (offsets) {
    PB_VECTORIZE
    for (size_t t = 0; t < padded; t++) row[t] += offsets[t];
  }
  for (size_t t = 0; t < tokens.first; t++) row[t] = -INFINITY;
  for (size_t t = tokens.token_count; t < padded; t++) row[t] = -INFINITY;
  float greatest[PB_LANES], sums[PB_LANES] = {0};
  for (size_t i = 0; i < PB_LANES; i++) greatest[i] = -INFINITY;
  for (size_t start = 0; start < padded; start += PB_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_LANES; i++) greatest[i] = row[start + i] > greatest[i] ? row[start + i] : greatest[i];
  }
  float maximum = -INFINITY;
  for (size_t i = 0; i < PB_LANES; i++) maximum = greatest[i] > maximum ? greatest[i] : maximum;
  for (size_t start = 0; start < padded; start += PB_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_LANES; i++) {
      const float e = PB_KERNEL(share)(row[start + i] - maximum);
      row[start + i] = e;
      sums[i] += e;
    }
  }
  const float scale = 1.0f / PB_KERNEL(lane_sum)(sums);
  PB_VECTORIZE
  for (size_t t = 0; t < padded; t++) row[t] *= scale;
  memcpy(attention, row, padded * sizeof(float));
  return PB_KERNEL(unnormalize)(tokens, padded, row);
}

static float PB_KERNEL(pb_pooling_softmax_backward)(pb_pooling_tokens tokens, const float *restrict attention,
                                                    float *restrict row, const float *restrict attention_gradient,
                                                    float gradient_sum, float *restrict offset_gradients) {
  const size_t padded = pb_pooling_padded(tokens.token_count);
  PB_KERNEL(normalize_products)(tokens, padded, gradient_sum, row);
  if (attention_gradient) {
    PB_VECTORIZE
    for (size_t t = 0; t < padded; t++) row[t] += attention_gradient[t];
  }
  float sums[PB_LANES] = {0};
  for (size_t t = tokens.token_count; t < padded; t++) row[t] = 0;
  for (size_t start = 0; start < padded; start += PB_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_LANES; i++) sums[i] += attention[start + i] * row[start + i];
  }
  const float mean = PB_KERNEL(lane_sum)(sums);
  PB_VECTORIZE
  for (size_t t = 0; t < padded; t++) row[t] = attention[t] * (row[t] - mean);
  if (offset_gradients) {
    PB_VECTORIZE
    for (size_t t = 0; t < padded; t++) offset_gradients[t] += row[t];
  }
  for (size_t t = tokens.token_count; t < padded; t++) row[t] = 0;
  return PB_KERNEL(unnormalize)(tokens, padded, row);
}
