// Where the processor multiplies no bfloat16, operands are single values, widened.

PB_INLINE pb_u32x16 PB_KERNEL(widened)(const uint16_t *from) {
  pb_u16x16 values;
  memcpy(&values, from, sizeof values);
  return __builtin_convertvector(values, pb_u32x16) << 16;
}

#define PB_STEP_VALUES 1
#define PB_ROW_OPERANDS(row) PB_KERNEL(widened)(row)
#define PB_COLUMN_OPERANDS(part, first, second) ((void)(second), PB_KERNEL(widened)(first))
#define PB_WEIGHT(weights, count) ((void)(count), (uint32_t)(weights)[0] << 16)
#define PB_MULTIPLY_ADD(sum, a, b)                                                         \
  do {                                                                                     \
    _Pragma("clang fp contract(fast)") sum += (pb_f32x16)(a) * (pb_f32x16)(b); \
  } while (0)
#include "rounded_pooling_blocks.inc.h"
#undef PB_STEP_VALUES
#undef PB_ROW_OPERANDS
#undef PB_COLUMN_OPERANDS
#undef PB_WEIGHT
#undef PB_MULTIPLY_ADD
