#include "include/pb_product.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "dispatch.h"

// Vectors wider than a level's registers never cross a call: whoever takes or returns one is inlined.
#pragma clang diagnostic ignored "-Wpsabi"
#define PB_INLINE static inline __attribute__((always_inline, unused))

typedef float pb_f32x16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t pb_u32x16 __attribute__((vector_size(64), aligned(4), may_alias));

/// Rows whose operands stay in the second-level cache while they meet all columns.
#define PB_CACHED_ROWS 256
/// As many rows, and blocks of sixteen columns, as the level has registers for.
#define PB_TILE_ROWS (PB_WIDE_REGISTERS ? 8 : 4)
#define PB_TILE_BLOCKS (PB_WIDE_REGISTERS ? 3 : 1)

#define PB_FAMILY "product.inc.h"
#include "for_each_level.h"

#define PB_FAMILY "product_bf16.inc.h"
#include "for_bf16_level.h"

static PB_DISPATCH_BF16(size_t, pb_product_steps, (size_t summed), (summed))

size_t pb_product_operand_size(size_t lanes, size_t summed) {
  return (lanes + PB_PRODUCT_LANES - 1) / PB_PRODUCT_LANES * PB_PRODUCT_LANES * pb_product_steps(summed);
}

PB_DISPATCH_BF16(void, pb_product_pack_rows,
                 (const float *values, size_t stride, size_t lanes, size_t summed, uint32_t *operand),
                 (values, stride, lanes, summed, operand))

PB_DISPATCH_BF16(void, pb_product_pack_columns,
                 (const float *values, size_t stride, size_t lanes, size_t summed, uint32_t *operand),
                 (values, stride, lanes, summed, operand))

PB_DISPATCH_BF16(void, pb_product,
                 (const uint32_t *left, size_t rows, const uint32_t *right, size_t columns, size_t summed, float scale,
                  float beta, float *out, size_t stride),
                 (left, rows, right, columns, summed, scale, beta, out, stride))

// Reference.

static double rounded_reference(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits = (uint32_t)pb_round_to_bf16(bits) << 16;
  memcpy(&value, &bits, sizeof value);
  return value;
}

void pb_product_reference(const float *left, size_t rows, const float *right, size_t columns, size_t summed,
                          float scale, float beta, float *out, size_t stride) {
  for (size_t row = 0; row < rows; row++) {
    for (size_t column = 0; column < columns; column++) {
      double sum = 0;
      for (size_t i = 0; i < summed; i++) {
        sum += rounded_reference(left[row * summed + i]) * rounded_reference(right[column * summed + i]);
      }
      float *to = out + row * stride + column;
      *to = (float)(scale * sum + (beta != 0 ? beta * *to : 0));
    }
  }
}
