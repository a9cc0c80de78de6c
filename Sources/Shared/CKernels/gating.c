#include "include/pb_gating.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

enum { PB_LANES = 16 };

#define PB_FAMILY "gating.inc.h"
#include "for_each_level.h"

PB_DISPATCH(void, pb_rectified_dots,
            (const float *values, const float *offsets, size_t offset_stride, const float *weights, size_t rows,
             size_t width, float *dots, uint16_t *signs),
            (values, offsets, offset_stride, weights, rows, width, dots, signs))
PB_DISPATCH(void, pb_expand_signs,
            (const uint16_t *signs, const float *scales, size_t rows, size_t width, float *out),
            (signs, scales, rows, width, out))
PB_DISPATCH(void, pb_gate_dots,
            (const float *values, const float *weights, size_t rows, size_t width, float *lengths, float *dots),
            (values, weights, rows, width, lengths, dots))
PB_DISPATCH(void, pb_gate_backward,
            (float *values, const float *gradient, const float *weights, const pb_gate_shares *shares, size_t rows,
             size_t width, float *sums, float *weight_gradient),
            (values, gradient, weights, shares, rows, width, sums, weight_gradient))
PB_DISPATCH(void, pb_gated_maxima,
            (const float *values, const float *gate, size_t rows, size_t width, float *maxima, int32_t *positions),
            (values, gate, rows, width, maxima, positions))

void pb_rectified_dots_reference(const float *values, const float *offsets, size_t offset_stride, const float *weights,
                                 size_t rows, size_t width, float *dots, uint16_t *signs) {
  for (size_t r = 0; r < rows; r++) {
    uint16_t *row_signs = signs + r * pb_sign_words(width);
    memset(row_signs, 0, pb_sign_words(width) * sizeof(uint16_t));
    double sum = 0;
    for (size_t i = 0; i < width; i++) {
      const float v = values[r * width + i] + offsets[r * offset_stride + i];
      if (v <= 0) continue;
      sum += (double)v * weights[i];
      row_signs[i / 16] |= (uint16_t)(1u << i % 16);
    }
    dots[r] = (float)sum;
  }
}

void pb_expand_signs_reference(const uint16_t *signs, const float *scales, size_t rows, size_t width, float *out) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < width; i++) {
      out[r * width + i] = signs[r * pb_sign_words(width) + i / 16] >> i % 16 & 1 ? scales[r] : 0;
    }
  }
}

void pb_gate_dots_reference(const float *values, const float *weights, size_t rows, size_t width, float *lengths,
                            float *dots) {
  for (size_t r = 0; r < rows; r++, values += width) {
    double square = 0, dot = 0;
    for (size_t i = 0; i < width; i++) {
      square += (double)values[i] * values[i];
      if (values[i] > 0) dot += (double)values[i] * weights[i];
    }
    lengths[r] = (float)sqrt(square);
    dots[r] = (float)dot;
  }
}

void pb_gate_backward_reference(float *values, const float *gradient, const float *weights, const pb_gate_shares *shares,
                                size_t rows, size_t width, float *sums, float *weight_gradient) {
  for (size_t i = 0; i < width; i++) {
    double sum = sums[i], weight = weight_gradient[i];
    for (size_t r = 0; r < rows; r++) {
      const double v = values[r * width + i];
      double slope = shares[r].feature * (double)gradient[i] + shares[r].own * v;
      if (v > 0) {
        weight += shares[r].score * v;
        slope += shares[r].score * (double)weights[i];
      }
      values[r * width + i] = (float)slope;
      sum += slope;
    }
    sums[i] = (float)sum;
    weight_gradient[i] = (float)weight;
  }
}

void pb_gated_maxima_reference(const float *values, const float *gate, size_t rows, size_t width, float *maxima,
                               int32_t *positions) {
  for (size_t r = 0; r < rows; r++, values += width) {
    size_t best = 0;
    for (size_t i = 1; i < width; i++) {
      if (values[i] * gate[i] > values[best] * gate[best]) best = i;
    }
    maxima[r] = values[best] * gate[best];
    positions[r] = (int32_t)best;
  }
}
