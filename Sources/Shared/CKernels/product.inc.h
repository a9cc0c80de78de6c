// Where the processor multiplies no bfloat16, operands are single values, rounded and widened again.

/// Rounded to the nearest bfloat16, ties to even; a NaN stays one.
PB_INLINE pb_u32x16 PB_KERNEL(rounded)(const float *from) {
  pb_u32x16 bits;
  memcpy(&bits, from, sizeof bits);
  const pb_u32x16 nearest = bits + 0x7FFF + ((bits >> 16) & 1);
  const pb_u32x16 is_nan = (pb_u32x16)((bits & 0x7FFFFFFF) > 0x7F800000);
  return ((nearest & ~is_nan) | ((bits | 0x400000) & is_nan)) & 0xFFFF0000;
}

PB_INLINE pb_f32x16 PB_KERNEL(broadcast)(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return (pb_f32x16){0} + value;
}

#define PB_STEP_VALUES 1
#define PB_ROW_STEPS(row) PB_KERNEL(rounded)(row)
#define PB_COLUMN_STEP(first, second) ((void)(second), PB_KERNEL(rounded)(first))
#define PB_MULTIPLY_ADD(sum, a, b) \
  do {                             \
    _Pragma("clang fp contract(fast)") sum += PB_KERNEL(broadcast)(a) * (pb_f32x16)(b); \
  } while (0)
#include "product_tile.inc.h"
#undef PB_STEP_VALUES
#undef PB_ROW_STEPS
#undef PB_COLUMN_STEP
#undef PB_MULTIPLY_ADD
