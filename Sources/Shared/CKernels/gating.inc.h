#include "elementary.inc.h"

/// sums += relu(values + offsets) * weights, lane by lane; returns the bits of those above zero. `count` is a constant, or
/// what is left of a row.
PB_ELEMENTARY uint16_t PB_KERNEL(rectify_block)(const float *restrict values, const float *restrict offsets,
                                                const float *restrict weights, size_t count, float *restrict sums) {
  uint32_t bits[PB_LANES] = {0};
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const float v = values[i] + offsets[i];
    sums[i] += (v < 0.0f ? 0.0f : v) * weights[i];
    bits[i] = v > 0.0f ? 1u << i : 0u;
  }
  uint32_t word = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < PB_LANES; i++) word |= bits[i];
  return (uint16_t)word;
}

static void PB_KERNEL(pb_rectified_dots)(const float *restrict values, const float *restrict offsets,
                                         size_t offset_stride, const float *restrict weights, size_t rows, size_t width,
                                         float *restrict dots, uint16_t *restrict signs) {
  const size_t whole = width / PB_LANES;
  for (size_t r = 0; r < rows; r++, values += width, offsets += offset_stride, signs += pb_sign_words(width)) {
    float sums[PB_LANES] = {0};
    for (size_t block = 0; block < whole; block++) {
      const size_t at = block * PB_LANES;
      signs[block] = PB_KERNEL(rectify_block)(values + at, offsets + at, weights + at, PB_LANES, sums);
    }
    const size_t at = whole * PB_LANES;
    if (at < width) {
      signs[whole] = PB_KERNEL(rectify_block)(values + at, offsets + at, weights + at, width - at, sums);
    }
    dots[r] = PB_KERNEL(lane_sum)(sums);
  }
}

static void PB_KERNEL(pb_expand_signs)(const uint16_t *restrict signs, const float *restrict scales, size_t rows,
                                       size_t width, float *restrict out) {
  for (size_t r = 0; r < rows; r++, out += width, signs += pb_sign_words(width)) {
    const float scale = scales[r];
    for (size_t at = 0; at < width; at += PB_LANES) {
      const uint32_t word = signs[at / PB_LANES];
      const size_t count = width - at;
      if (count >= PB_LANES) {
        PB_VECTORIZE
        for (size_t i = 0; i < PB_LANES; i++) out[at + i] = word & (1u << i) ? scale : 0.0f;
      } else {
        for (size_t i = 0; i < count; i++) out[at + i] = word & (1u << i) ? scale : 0.0f;
      }
    }
  }
}

static void PB_KERNEL(pb_gate_dots)(const float *restrict values, const float *restrict weights, size_t rows,
                                    size_t width, float *restrict lengths, float *restrict dots) {
  const size_t whole = width / PB_LANES * PB_LANES;
  for (size_t r = 0; r < rows; r++, values += width) {
    float squares[PB_LANES] = {0}, sums[PB_LANES] = {0};
    for (size_t at = 0; at < whole; at += PB_LANES) {
      PB_VECTORIZE
      for (size_t i = 0; i < PB_LANES; i++) {
        const float v = values[at + i];
        squares[i] += v * v;
        sums[i] += (v < 0.0f ? 0.0f : v) * weights[at + i];
      }
    }
    for (size_t i = whole; i < width; i++) {
      const float v = values[i];
      squares[i - whole] += v * v;
      sums[i - whole] += (v < 0.0f ? 0.0f : v) * weights[i];
    }
    lengths[r] = sqrtf(PB_KERNEL(lane_sum)(squares));
    dots[r] = PB_KERNEL(lane_sum)(sums);
  }
}

static void PB_KERNEL(pb_gate_backward)(float *restrict values, const float *restrict gradient,
                                        const float *restrict weights, const pb_gate_shares *restrict shares,
                                        size_t rows, size_t width, float *restrict sums,
                                        float *restrict weight_gradient) {
  for (size_t r = 0; r < rows; r++, values += width) {
    const pb_gate_shares share = shares[r];
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) {
      const float v = values[i];
      weight_gradient[i] += share.score * (v > 0.0f ? v : 0.0f);
      const float slope = share.feature * gradient[i] + share.own * v + (v > 0.0f ? share.score * weights[i] : 0.0f);
      values[i] = slope;
      sums[i] += slope;
    }
  }
}

static void PB_KERNEL(pb_gated_maxima)(const float *restrict values, const float *restrict gate, size_t rows,
                                       size_t width, float *restrict maxima, int32_t *restrict positions) {
  for (size_t r = 0; r < rows; r++, values += width) {
    float greatest[PB_LANES];
    int32_t places[PB_LANES];
    for (int32_t i = 0; i < PB_LANES; i++) {
      greatest[i] = -INFINITY;
      places[i] = i < (int32_t)width ? i : INT32_MAX;
    }
    for (size_t at = 0; at < width; at += PB_LANES) {
      const size_t count = width - at < PB_LANES ? width - at : PB_LANES;
      PB_VECTORIZE
      for (size_t i = 0; i < count; i++) {
        const float v = values[at + i] * gate[at + i];
        places[i] = v > greatest[i] ? (int32_t)(at + i) : places[i];
        greatest[i] = v > greatest[i] ? v : greatest[i];
      }
    }
    int best = 0;
    for (int i = 1; i < PB_LANES; i++) {
      if (greatest[i] > greatest[best] || (greatest[i] == greatest[best] && places[i] < places[best])) best = i;
    }
    maxima[r] = greatest[best];
    positions[r] = places[best];
  }
}
