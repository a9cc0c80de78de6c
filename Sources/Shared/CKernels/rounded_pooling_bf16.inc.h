// Operands are pairs of bfloat16 values, which the processor multiplies and adds two at a time.

#include "elementary.inc.h"
#include "lane_sums.inc.h"

PB_INLINE pb_u32x16 PB_KERNEL(pairs)(const uint16_t *row) { return (pb_u32x16)_mm512_loadu_si512(row); }

/// Of 32 columns of two rows the pairs of the first sixteen, or of the others.
PB_INLINE pb_u32x16 PB_KERNEL(column_pairs)(int part, const uint16_t *first, const uint16_t *second) {
  pb_u16x32 a, b;
  memcpy(&a, first, sizeof a);
  memcpy(&b, second, sizeof b);
  const pb_u16x32 low = __builtin_shufflevector(a, b, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 8, 40, 9,
                                             41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47);
  const pb_u16x32 high = __builtin_shufflevector(a, b, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55,
                                              24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63);
  return part == 0 ? (pb_u32x16)low : (pb_u32x16)high;
}

PB_INLINE uint32_t PB_KERNEL(weight_pair)(const uint16_t *weights, const int count) {
  uint32_t pair = weights[0];
  if (count == 2) memcpy(&pair, weights, sizeof pair);
  return pair;
}

PB_INLINE __m512 PB_KERNEL(singles)(const uint16_t *halves) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)halves));
}

PB_INLINE pb_u32x16 PB_KERNEL(rounded_pairs)(const uint16_t *row) {
  return (pb_u32x16)_mm512_cvtne2ps_pbh(PB_KERNEL(singles)(row + PB_LANES), PB_KERNEL(singles)(row));
}

/// Of sixteen columns of two rows the pairs.
PB_INLINE pb_u32x16 PB_KERNEL(rounded_column_pairs)(const uint16_t *first, const uint16_t *second) {
  const pb_u16x32 rows = (pb_u16x32)_mm512_cvtne2ps_pbh(PB_KERNEL(singles)(second), PB_KERNEL(singles)(first));
  return (pb_u32x16)__builtin_shufflevector(rows, rows, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9,
                                            25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

static void PB_KERNEL(pb_rounded_tokens)(const uint16_t *tokens, uint16_t *rounded, size_t count) {
  size_t i = 0;
  for (; i + 2 * PB_LANES <= count; i += 2 * PB_LANES) {
    const pb_u32x16 pairs = PB_KERNEL(rounded_pairs)(tokens + i);
    memcpy(rounded + i, &pairs, sizeof pairs);
  }
  uint16_t rest[2 * PB_LANES] = {0};
  memcpy(rest, tokens + i, (count - i) * sizeof *tokens);
  const pb_u32x16 pairs = PB_KERNEL(rounded_pairs)(rest);
  memcpy(rounded + i, &pairs, (count - i) * sizeof *rounded);
}

#define PB_STEP_VALUES 2
#define PB_ROW_OPERANDS(row) PB_KERNEL(pairs)(row)
#define PB_WEIGHT(weights, count) PB_KERNEL(weight_pair)(weights, count)
#define PB_MULTIPLY_ADD(sum, a, b) \
  sum = (pb_f32x16)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(a), (__m512bh)(b))

#define PB_TYPE bf16
#define PB_TOKEN_OPERANDS(row) PB_KERNEL(pairs)(row)
#define PB_COLUMN_OPERANDS(part, first, second) PB_KERNEL(column_pairs)(part, first, second)
#include "rounded_pooling_blocks.inc.h"
#undef PB_TYPE
#undef PB_TOKEN_OPERANDS
#undef PB_COLUMN_OPERANDS

#define PB_TYPE f16
#define PB_TOKEN_OPERANDS(row) PB_KERNEL(rounded_pairs)(row)
#define PB_COLUMN_OPERANDS(part, first, second) \
  PB_KERNEL(rounded_column_pairs)((first) + (part) * PB_LANES, (second) + (part) * PB_LANES)
#include "rounded_pooling_blocks.inc.h"
#undef PB_TYPE
#undef PB_TOKEN_OPERANDS
#undef PB_COLUMN_OPERANDS

#undef PB_STEP_VALUES
#undef PB_ROW_OPERANDS
#undef PB_WEIGHT
#undef PB_MULTIPLY_ADD
