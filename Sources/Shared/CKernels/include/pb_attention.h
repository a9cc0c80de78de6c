// One attention head: softmax(q k^T) v, and what is measured of the attention on the way.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The sizes of a head. The first `prefix` tokens are [cls] (if any) and registers, the others patches.
typedef struct {
  size_t prefix, patches, head_width;
  /// Whether the first token is [cls], whose figures are NaN otherwise.
  int has_class;
  /// Elements from one token's query to the next one's; the same for keys and for values.
  size_t input_stride;
  size_t output_stride;
} pb_attention_shape;

/// The elements from one row of attention to the next, and the rows that there must be room for.
size_t pb_attention_stride(size_t prefix, size_t patches);
size_t pb_attention_row_count(size_t prefix, size_t patches);
/// The bytes of scratch memory that a head needs, aligned to 64.
size_t pb_attention_scratch_bytes(const pb_attention_shape *shape);

/// output [tokens, head_width] = A values, with A the softmax of the rows of queries keys^T, each [tokens, head_width].
///
/// Sums and the softmax are in single precision. Scores are made, softened, measured and used a few rows at a time.
///
/// - attention: A, [tokens, stride], what is beyond the tokens undefined; null where it is not wanted.
/// - biases: added to the scores, laid out as A; null where there are none.
/// - statistics: 8 values. With p_ts = A[t, s] / (r_t + 1e-6) and r_t the sum of A[t, s] over patches s, and the entropy
///   of a row t as -sum p_ts log(p_ts + 1e-6): A[cls, cls]; mean A[t, t]; A[cls, cls] / (r_cls + 1e-6);
///   mean A[t, t] / (r_t + 1e-6); mean A[cls, t]; mean A[t, cls]; the entropy of [cls]; the mean entropy. Means are over
///   the patches t. Without [cls], those that need it are NaN.
void pb_attention_head_f32(const pb_attention_shape *shape, const float *queries, const float *keys,
                           const float *values, const float *biases, float *output, float *attention,
                           float *statistics, void *scratch);

/// The same for operands in bfloat16. Where the processor multiplies them itself, A is rounded as well before it meets the
/// values; elsewhere they are widened.
void pb_attention_head_bf16(const pb_attention_shape *shape, const uint16_t *queries, const uint16_t *keys,
                            const uint16_t *values, const float *biases, uint16_t *output, float *attention,
                            float *statistics, void *scratch);

/// In double precision, row after row.
void pb_attention_head_reference(const pb_attention_shape *shape, const float *queries, const float *keys,
                                 const float *values, const float *biases, float *output, float *attention,
                                 float *statistics);

#ifdef __cplusplus
}
#endif
