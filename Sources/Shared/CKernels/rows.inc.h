// What losses and rankings look for in a row of scores. A family includes this at its top.
#include "elementary.inc.h"

// Sums are kept in PB_LANES parts, whatever the registers' width, so that their order is the same at every level.

/// Runs the body for every value of a row: the one at `start + i`, which belongs to part `i`. Written out for whole blocks,
/// whose length the compiler knows, and for the rest.
#define PB_FOR_EACH_BLOCK(count, body)                                          \
  {                                                                             \
    size_t start = 0;                                                           \
    for (; start + PB_LANES <= (count); start += PB_LANES) {                    \
      PB_VECTORIZE for (size_t i = 0; i < PB_LANES; i++) body                   \
    }                                                                           \
    const size_t rest = (count) - start;                                        \
    for (size_t i = 0; i < rest; i++) body                                      \
  }

/// The greatest value; one that is no number may be left out.
PB_ELEMENTARY float PB_KERNEL(row_maximum)(const float *restrict row, size_t count) {
  float greatest[PB_LANES];
  for (size_t i = 0; i < PB_LANES; i++) greatest[i] = -INFINITY;
  PB_FOR_EACH_BLOCK(count, { greatest[i] = row[start + i] > greatest[i] ? row[start + i] : greatest[i]; })
  float result = -INFINITY;
  for (size_t i = 0; i < PB_LANES; i++) result = greatest[i] > result ? greatest[i] : result;
  return result;
}

/// row = exp(row - maximum); returns the sum.
PB_ELEMENTARY float PB_KERNEL(row_exponentials)(float *restrict row, size_t count, float maximum) {
  float sums[PB_LANES] = {0};
  PB_FOR_EACH_BLOCK(count, {
    const float e = PB_KERNEL(share)(row[start + i] - maximum);
    row[start + i] = e;
    sums[i] += e;
  })
  return PB_KERNEL(lane_sum)(sums);
}

/// row = exp(row - maximum) / sum of them; returns the sum.
PB_ELEMENTARY float PB_KERNEL(row_shares)(float *restrict row, size_t count, float maximum) {
  const float sum = PB_KERNEL(row_exponentials)(row, count, maximum);
  const float scale = 1.0f / sum;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) row[i] *= scale;
  return sum;
}

/// The sum of exp(row - maximum).
PB_ELEMENTARY float PB_KERNEL(exponential_sum)(const float *restrict row, size_t count, float maximum) {
  float sums[PB_LANES] = {0};
  PB_FOR_EACH_BLOCK(count, { sums[i] += PB_KERNEL(share)(row[start + i] - maximum); })
  return PB_KERNEL(lane_sum)(sums);
}

/// How many scores come before the one at `index`: a number before what is none, the greater first, of equal ones the lower
/// index first.
PB_ELEMENTARY uint32_t PB_KERNEL(row_rank)(const float *restrict row, size_t count, size_t index) {
  const float score = row[index];
  const float *restrict after = row + index + 1;
  const size_t after_count = count - index - 1;
  uint32_t rank = 0;
  if (score != score) {
    // All before it: numbers, or ties.
    PB_VECTORIZE
    for (size_t i = 0; i < after_count; i++) rank += after[i] == after[i];
    return (uint32_t)index + rank;
  }
  PB_VECTORIZE
  for (size_t i = 0; i < index; i++) rank += row[i] >= score;
  PB_VECTORIZE
  for (size_t i = 0; i < after_count; i++) rank += after[i] > score;
  return rank;
}
