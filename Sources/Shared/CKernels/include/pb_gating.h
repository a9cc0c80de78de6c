// What heads that are small networks over every token do to a token at a time: scores behind ReLU, and gates. values is
// `[rows, width]`, contiguous. Sums over a row go in 16 lanes, whose sums are then added in one order.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The words of 16 bits in which a row says of each of its elements whether it is above zero, the first in the lowest bit.
static inline size_t pb_sign_words(size_t width) { return (width + 15) / 16; }

/// The last hidden layer of a perceptron that ends in one score: dots[r] = sum over i of relu(v_i) weights[i], with
/// v = values[r] + offsets[r]; rows of offsets are `offset_stride` apart, 0 for one row that all share.
///
/// - signs: receives `[rows, pb_sign_words(width)]`, which elements v are above zero: all that the way back needs.
void pb_rectified_dots(const float *values, const float *offsets, size_t offset_stride, const float *weights, size_t rows,
                       size_t width, float *dots, uint16_t *signs);

/// The way back to v, but for the factor weights[i]: out[r, i] = scales[r] where v is above zero, else 0.
void pb_expand_signs(const uint16_t *signs, const float *scales, size_t rows, size_t width, float *out);

/// DOLG's branches of a projected token n (Yang et al., 2021): lengths[r] = |n|, dots[r] = sum of relu(n_i) weights[i].
void pb_gate_dots(const float *values, const float *weights, size_t rows, size_t width, float *lengths, float *dots);

/// One row's share of the gradient of n.
typedef struct {
  /// Of the gradient of the features, of n itself, and of the weights where n is above zero.
  float feature, own, score;
} pb_gate_shares;

/// The way back: each row n becomes shares.feature * gradient + shares.own * n + shares.score * weights where n > 0, whose
/// sums over the rows are added to sums; weight_gradient += shares.score * relu(n).
void pb_gate_backward(float *values, const float *gradient, const float *weights, const pb_gate_shares *shares,
                      size_t rows, size_t width, float *sums, float *weight_gradient);

/// maxima[r] = the greatest of values[r, i] * gate[i], and positions[r] its i, the first one of several.
void pb_gated_maxima(const float *values, const float *gate, size_t rows, size_t width, float *maxima,
                     int32_t *positions);

void pb_rectified_dots_reference(const float *values, const float *offsets, size_t offset_stride, const float *weights,
                                 size_t rows, size_t width, float *dots, uint16_t *signs);
void pb_expand_signs_reference(const uint16_t *signs, const float *scales, size_t rows, size_t width, float *out);
void pb_gate_dots_reference(const float *values, const float *weights, size_t rows, size_t width, float *lengths,
                            float *dots);
void pb_gate_backward_reference(float *values, const float *gradient, const float *weights, const pb_gate_shares *shares,
                                size_t rows, size_t width, float *sums, float *weight_gradient);
void pb_gated_maxima_reference(const float *values, const float *gate, size_t rows, size_t width, float *maxima,
                               int32_t *positions);

#ifdef __cplusplus
}
#endif
