#include "rows.inc.h"

static size_t PB_KERNEL(pb_rank_of)(const float *restrict scores, size_t count, size_t index) {
  return PB_KERNEL(row_rank)(scores, count, index);
}

static size_t PB_KERNEL(pb_best_of)(const float *restrict scores, size_t count) {
  const float maximum = PB_KERNEL(row_maximum)(scores, count);
  const size_t whole = count / PB_LANES * PB_LANES;
  for (size_t start = 0; start < whole; start += PB_LANES) {
    uint32_t equal = 0;
    PB_VECTORIZE
    for (size_t i = 0; i < PB_LANES; i++) equal |= scores[start + i] == maximum;
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
  return PB_KERNEL(exponential_sum)(scores, count, maximum);
}

static float PB_KERNEL(pb_exponential_shares)(float *restrict scores, size_t count, float maximum) {
  return PB_KERNEL(row_shares)(scores, count, maximum);
}

static float PB_KERNEL(pb_softplus_sum)(const float *restrict scores, size_t count) {
  float sums[PB_LANES] = {0};
  PB_FOR_EACH_BLOCK(count, { sums[i] += PB_KERNEL(softplus)(scores[start + i]); })
  return PB_KERNEL(lane_sum)(sums);
}
#undef PB_FOR_EACH_BLOCK
