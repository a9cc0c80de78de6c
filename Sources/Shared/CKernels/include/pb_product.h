// Matrix products of operands that are rounded to bfloat16, with sums in single precision.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Lanes of a block of an operand: a product's rows and columns begin at whole blocks.
enum { PB_PRODUCT_LANES = 16 };

/// The units of 32 bits that an operand takes: of `lanes` rows (or columns) of the product, `summed` values each.
///
/// An operand is laid out in blocks of sixteen lanes, [blocks, steps, 16]: a step is a pair of rounded values where the
/// processor multiplies pairs, elsewhere one that is widened again. So it belongs to the level that it was made at.
size_t pb_product_operand_size(size_t lanes, size_t summed);

/// Makes an operand of a matrix [lanes, summed], `stride` values from row to row.
void pb_product_pack_rows(const float *values, size_t stride, size_t lanes, size_t summed, uint32_t *operand);

/// Makes an operand of a matrix [summed, lanes], `stride` values from row to row.
void pb_product_pack_columns(const float *values, size_t stride, size_t lanes, size_t summed, uint32_t *operand);

/// out [rows, columns] = scale * left right^T + beta * out, with `stride` values from row to row. Where beta is 0 nothing
/// of `out` is read.
///
/// Each sum runs over its values in order, whatever rows and columns are beside it.
///
/// - left, right: operands of [rows, summed] and [columns, summed].
void pb_product(const uint32_t *left, size_t rows, const uint32_t *right, size_t columns, size_t summed, float scale,
                float beta, float *out, size_t stride);

/// The same in double precision, of matrices [rows, summed] and [columns, summed].
void pb_product_reference(const float *left, size_t rows, const float *right, size_t columns, size_t summed,
                          float scale, float beta, float *out, size_t stride);

#ifdef __cplusplus
}
#endif
