// Where the processor multiplies no bfloat16, operands are single values, rounded and widened again.

#include "elementary.inc.h"
#include "lane_sums.inc.h"

PB_INLINE pb_u32x16 PB_KERNEL(widened)(const uint16_t *from) {
  pb_u16x16 values;
  memcpy(&values, from, sizeof values);
  return __builtin_convertvector(values, pb_u32x16) << 16;
}

/// Ties go to the even neighbour; a NaN stays one.
PB_INLINE pb_u32x16 PB_KERNEL(rounded_f16)(const uint16_t *from) {
  pb_f16x16 values;
  memcpy(&values, from, sizeof values);
  const pb_f32x16 wide = __builtin_convertvector(values, pb_f32x16);
  const pb_u32x16 bits = __builtin_bit_cast(pb_u32x16, wide);
  const pb_u32x16 nearest = bits + 0x7FFF + ((bits >> 16) & 1);
  const pb_u32x16 is_nan = (pb_u32x16)((bits & 0x7FFFFFFF) > 0x7F800000);
  return ((nearest & ~is_nan) | ((bits | 0x400000) & is_nan)) & 0xFFFF0000;
}

static void PB_KERNEL(pb_rounded_tokens)(const uint16_t *tokens, uint16_t *rounded, size_t count) {
  const pb_half *half = (const pb_half *)tokens;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) rounded[i] = pb_round_to_bf16(PB_KERNEL(to_bits)((float)half[i]));
}

#define PB_STEP_VALUES 1
#define PB_ROW_OPERANDS(row) PB_KERNEL(widened)(row)
#define PB_WEIGHT(weights, count) ((void)(count), (uint32_t)(weights)[0] << 16)
#define PB_MULTIPLY_ADD(sum, a, b)                                             \
  do {                                                                         \
    _Pragma("clang fp contract(fast)") sum += (pb_f32x16)(a) * (pb_f32x16)(b); \
  } while (0)

#define PB_TYPE bf16
#define PB_TOKEN_OPERANDS(row) PB_KERNEL(widened)(row)
#define PB_COLUMN_OPERANDS(part, first, second) ((void)(second), PB_KERNEL(widened)(first))
#include "rounded_pooling_blocks.inc.h"
#undef PB_TYPE
#undef PB_TOKEN_OPERANDS
#undef PB_COLUMN_OPERANDS

#define PB_TYPE f16
#define PB_TOKEN_OPERANDS(row) PB_KERNEL(rounded_f16)(row)
#define PB_COLUMN_OPERANDS(part, first, second) ((void)(second), PB_KERNEL(rounded_f16)(first))
#include "rounded_pooling_blocks.inc.h"
#undef PB_TYPE
#undef PB_TOKEN_OPERANDS
#undef PB_COLUMN_OPERANDS

#undef PB_STEP_VALUES
#undef PB_ROW_OPERANDS
#undef PB_WEIGHT
#undef PB_MULTIPLY_ADD
