// Operands are pairs of bfloat16 values, which the processor multiplies and adds two at a time.

PB_INLINE pb_u32x16 PB_KERNEL(row_pairs)(const float *row) {
  return (pb_u32x16)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(row + PB_PRODUCT_LANES), _mm512_loadu_ps(row));
}

PB_INLINE pb_u32x16 PB_KERNEL(column_pairs)(const float *first, const float *second) {
  const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(first)));
  const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(second)));
  return (pb_u32x16)low | (pb_u32x16)high << 16;
}

#define PB_STEP_VALUES 2
#define PB_ROW_STEPS(row) PB_KERNEL(row_pairs)(row)
#define PB_COLUMN_STEP(first, second) PB_KERNEL(column_pairs)(first, second)
#define PB_MULTIPLY_ADD(sum, a, b) \
  sum = (pb_f32x16)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)_mm512_set1_epi32((int)(a)), (__m512bh)(b))
#include "product_tile.inc.h"
#undef PB_STEP_VALUES
#undef PB_ROW_STEPS
#undef PB_COLUMN_STEP
#undef PB_MULTIPLY_ADD
