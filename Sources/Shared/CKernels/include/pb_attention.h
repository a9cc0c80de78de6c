// One attention head: softmax of its scores, and what is measured of the result on the way.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Turns scores into attention, row by row, and measures it in the same sweep.
///
/// - scores: `[prefix + patches]` rows of as many columns, `stride` elements from one row to the next; replaced by the
///   softmax A of each row. The first `prefix` tokens are [cls] (if any) and registers, the others patches. Every row
///   has room for `prefix + pb_attention_padded(patches)` columns; what is beyond the patches is overwritten.
/// - rounded: A in bfloat16, with the same stride; null where it is not wanted.
/// - statistics: 8 values. With p_ts = A[t, s] / (r_t + 1e-6) and r_t the sum of A[t, s] over patches s, and the entropy
///   of a row t as -sum p_ts log(p_ts + 1e-6): A[cls, cls]; mean A[t, t]; A[cls, cls] / (r_cls + 1e-6);
///   mean A[t, t] / (r_t + 1e-6); mean A[cls, t]; mean A[t, cls]; the entropy of [cls]; the mean entropy. Means are over
///   the patches t. Without [cls] (prefix 0), those that need it are NaN.
void pb_softmax_with_statistics(float *scores, size_t stride, size_t prefix, size_t patches, uint16_t *rounded,
                                float *statistics);

/// Up to whole blocks of 16.
size_t pb_attention_padded(size_t count);

void pb_softmax_with_statistics_reference(float *scores, size_t stride, size_t prefix, size_t patches,
                                          float *statistics);

#ifdef __cplusplus
}
#endif
