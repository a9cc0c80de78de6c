#include "elementary.inc.h"
#include "softmax.inc.h"

// Operands are pairs of bfloat16 values, which the processor multiplies and adds two at a time.

static inline uint32_t PB_KERNEL(row_pair)(const uint16_t *row, size_t step) {
  uint32_t pair;
  memcpy(&pair, row + 2 * step, sizeof pair);
  return pair;
}

/// The attention of a tile's rows, rounded. What is beyond the tokens meets values of zero.
static inline const pb_bits32 *PB_KERNEL(rounded_rows)(const float *restrict rows, size_t *stride,
                                                       uint32_t *restrict rounded) {
  uint16_t *values = (uint16_t *)rounded;
  for (size_t i = 0; i < PB_TILE_ROWS * *stride; i += PB_LANES) {
    const __m256bh half = _mm512_cvtneps_pbh(_mm512_loadu_ps(rows + i));
    _mm256_storeu_si256((__m256i *)(values + i), (__m256i)half);
  }
  *stride /= 2;
  return (const pb_bits32 *)rounded;
}

#define PB_STEP_VALUES 2
#define PB_ROW_OPERAND PB_KERNEL(row_pair)
#define PB_COLUMN_OPERAND(rows, stride, step, column) \
  ((rows)[2 * (step) * (stride) + (column)] | (uint32_t)(rows)[(2 * (step) + 1) * (stride) + (column)] << 16)
#define PB_LAST_OPERAND(value) (value)
#define PB_MULTIPLY_ADD(sum, a, b) \
  sum = (pb_float_vector)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)_mm512_set1_epi32((int)(a)), (__m512bh)(b))
#define PB_ATTENTION_OPERANDS(rows, scratch, stride) PB_KERNEL(rounded_rows)(rows, stride, scratch)
#define PB_INPUT bf16
#define PB_ELEMENT uint16_t
#define PB_STORE(value) pb_round_to_bf16(PB_KERNEL(to_bits)(value))
#include "attention_head.inc.h"
#undef PB_STEP_VALUES
#undef PB_ROW_OPERAND
#undef PB_COLUMN_OPERAND
#undef PB_LAST_OPERAND
#undef PB_MULTIPLY_ADD
#undef PB_ATTENTION_OPERANDS
#undef PB_INPUT
#undef PB_ELEMENT
#undef PB_STORE
