#include "elementary.inc.h"

/// Scores are swept in blocks of so many, each lane by itself, so that sums have one order at every level.
#define PB_RANKING_LANES 16

static size_t PB_KERNEL(pb_rank_of)(const float *restrict scores, size_t count, size_t index) {
  const float score = scores[index];
  const float *restrict after = scores + index + 1;
  const size_t after_count = count - index - 1;
  uint32_t rank = 0;
  if (score != score) {
    // All before it: numbers, or ties.
    PB_VECTORIZE
    for (size_t i = 0; i < after_count; i++) rank += after[i] == after[i];
    return index + rank;
  }
  PB_VECTORIZE
  for (size_t i = 0; i < index; i++) rank += scores[i] >= score;
  PB_VECTORIZE
  for (size_t i = 0; i < after_count; i++) rank += after[i] > score;
  return rank;
}

static size_t PB_KERNEL(pb_best_of)(const float *restrict scores, size_t count) {
  const size_t whole = count / PB_RANKING_LANES * PB_RANKING_LANES;
  float greatest[PB_RANKING_LANES];
  for (size_t i = 0; i < PB_RANKING_LANES; i++) greatest[i] = -INFINITY;
  for (size_t start = 0; start < whole; start += PB_RANKING_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_RANKING_LANES; i++) {
      const float score = scores[start + i];
      greatest[i] = score > greatest[i] ? score : greatest[i];
    }
  }
  float maximum = -INFINITY;
  for (size_t i = 0; i < PB_RANKING_LANES; i++) maximum = greatest[i] > maximum ? greatest[i] : maximum;
  for (size_t i = whole; i < count; i++) maximum = scores[i] > maximum ? scores[i] : maximum;
  for (size_t start = 0; start < whole; start += PB_RANKING_LANES) {
    uint32_t equal = 0;
    PB_VECTORIZE
    for (size_t i = 0; i < PB_RANKING_LANES; i++) equal |= scores[start + i] == maximum;
    if (!equal) continue;
    for (size_t i = start;; i++) {
      if (scores[i] == maximum) return i;
    }
  }
  for (size_t i = whole; i < count; i++) {
    if (scores[i] == maximum) return i;
  }
  return 0;  // nothing but NaN
}

static float PB_KERNEL(pb_exponential_sum)(const float *restrict scores, size_t count, float maximum) {
  const size_t whole = count / PB_RANKING_LANES * PB_RANKING_LANES;
  float sums[PB_RANKING_LANES] = {0};
  for (size_t start = 0; start < whole; start += PB_RANKING_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_RANKING_LANES; i++) sums[i] += PB_KERNEL(exponential)(scores[start + i] - maximum);
  }
  for (size_t i = whole; i < count; i++) sums[i - whole] += PB_KERNEL(exponential)(scores[i] - maximum);
  return PB_KERNEL(lane_sum)(sums);
}

static float PB_KERNEL(pb_exponential_shares)(float *restrict scores, size_t count, float maximum) {
  const size_t whole = count / PB_RANKING_LANES * PB_RANKING_LANES;
  float sums[PB_RANKING_LANES] = {0};
  for (size_t start = 0; start < whole; start += PB_RANKING_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_RANKING_LANES; i++) {
      const float e = PB_KERNEL(exponential)(scores[start + i] - maximum);
      scores[start + i] = e;
      sums[i] += e;
    }
  }
  for (size_t i = whole; i < count; i++) {
    scores[i] = PB_KERNEL(exponential)(scores[i] - maximum);
    sums[i - whole] += scores[i];
  }
  const float sum = PB_KERNEL(lane_sum)(sums);
  const float scale = 1.0f / sum;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) scores[i] *= scale;
  return sum;
}

static float PB_KERNEL(pb_softplus_sum)(const float *restrict scores, size_t count) {
  const size_t whole = count / PB_RANKING_LANES * PB_RANKING_LANES;
  float sums[PB_RANKING_LANES] = {0};
  for (size_t start = 0; start < whole; start += PB_RANKING_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_RANKING_LANES; i++) sums[i] += PB_KERNEL(softplus)(scores[start + i]);
  }
  for (size_t i = whole; i < count; i++) sums[i - whole] += PB_KERNEL(softplus)(scores[i]);
  return PB_KERNEL(lane_sum)(sums);
}

static size_t PB_KERNEL(pb_select_above)(const float *restrict values, size_t count, float threshold,
                                         uint32_t *restrict indices) {
  const size_t whole = count / PB_RANKING_LANES * PB_RANKING_LANES;
  size_t selected = 0;
  for (size_t start = 0; start < whole; start += PB_RANKING_LANES) {
    uint32_t above = 0;
    PB_VECTORIZE
    for (size_t i = 0; i < PB_RANKING_LANES; i++) above |= values[start + i] > threshold;
    if (!above) continue;  // nearly always, once the threshold is high
    for (size_t i = start; i < start + PB_RANKING_LANES; i++) {
      if (values[i] > threshold) indices[selected++] = (uint32_t)i;
    }
  }
  for (size_t i = whole; i < count; i++) {
    if (values[i] > threshold) indices[selected++] = (uint32_t)i;
  }
  return selected;
}
#undef PB_RANKING_LANES
