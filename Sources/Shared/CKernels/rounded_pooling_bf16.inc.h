// Operands are pairs of bfloat16 values, which the processor multiplies and adds two at a time.

PB_INLINE pb_u32x16 PB_KERNEL(pairs)(const uint16_t *row) { return (pb_u32x16)_mm512_loadu_si512(row); }

/// Of 32 columns of two rows the pairs of the first sixteen, or of the others.
PB_INLINE pb_u32x16 PB_KERNEL(column_pairs)(int part, const uint16_t *first, const uint16_t *second) {
  typedef uint16_t u16x32 __attribute__((ext_vector_type(32)));
  u16x32 a, b;
  memcpy(&a, first, sizeof a);
  memcpy(&b, second, sizeof b);
  const u16x32 low = __builtin_shufflevector(a, b, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 8, 40, 9, 41,
                                             10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47);
  const u16x32 high = __builtin_shufflevector(a, b, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55, 24,
                                              56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63);
  return part == 0 ? (pb_u32x16)low : (pb_u32x16)high;
}

PB_INLINE uint32_t PB_KERNEL(weight_pair)(const uint16_t *weights, const int count) {
  uint32_t pair = weights[0];
  if (count == 2) memcpy(&pair, weights, sizeof pair);
  return pair;
}

#define PB_STEP_VALUES 2
#define PB_ROW_OPERANDS(row) PB_KERNEL(pairs)(row)
#define PB_COLUMN_OPERANDS(part, first, second) PB_KERNEL(column_pairs)(part, first, second)
#define PB_WEIGHT(weights, count) PB_KERNEL(weight_pair)(weights, count)
#define PB_MULTIPLY_ADD(sum, a, b) \
  sum = (pb_f32x16)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(a), (__m512bh)(b))
#include "rounded_pooling_blocks.inc.h"
#undef PB_STEP_VALUES
#undef PB_ROW_OPERANDS
#undef PB_COLUMN_OPERANDS
#undef PB_WEIGHT
#undef PB_MULTIPLY_ADD
