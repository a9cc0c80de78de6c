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

/// exp(x) for x up to 0. What is below 1e-30 counts as nothing: it is none beside the 1 of the row's greatest value, and
/// products with it would be subnormal numbers, which many processors compute slowly.
PB_ELEMENTARY float PB_KERNEL(share)(float x) {
  const float e = PB_KERNEL(exponential)(x);
  return e < 1e-30f ? 0.0f : e;
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

/// The sum of exp(row - maximum).
PB_ELEMENTARY float PB_KERNEL(exponential_sum)(const float *restrict row, size_t count, float maximum) {
  float sums[PB_LANES] = {0};
  PB_FOR_EACH_BLOCK(count, { sums[i] += PB_KERNEL(share)(row[start + i] - maximum); })
  return PB_KERNEL(lane_sum)(sums);
}

/// The sum of row - maximum.
PB_ELEMENTARY float PB_KERNEL(difference_sum)(const float *restrict row, size_t count, float maximum) {
  float sums[PB_LANES] = {0};
  PB_FOR_EACH_BLOCK(count, { sums[i] += row[start + i] - maximum; })
  return PB_KERNEL(lane_sum)(sums);
}

/// The logarithm of a sum of exponentials; of one that is no number, none.
PB_ELEMENTARY float PB_KERNEL(log_sum)(float sum) { return sum < INFINITY ? PB_KERNEL(logarithm)(sum) : sum; }

static void PB_KERNEL(pb_softmax)(float *restrict values, size_t rows, size_t width, float *restrict log_sums) {
  for (size_t r = 0; r < rows; r++) {
    float *restrict row = values + r * width;
    const float maximum = PB_KERNEL(row_maximum)(row, width);
    const float sum = PB_KERNEL(row_exponentials)(row, width, maximum);
    const float scale = 1.0f / sum;
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) row[i] *= scale;
    if (log_sums) log_sums[r] = maximum + PB_KERNEL(log_sum)(sum);
  }
}

static int32_t PB_KERNEL(rank)(const float *restrict row, size_t count, size_t label) {
  const float score = row[label];
  // Whether a class comes before the label: a number before what is none, the greater first, the lower index first.
  const int32_t no_number = score != score;
  int32_t before = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < label; i++) before += no_number | (row[i] >= score);
  PB_VECTORIZE
  for (size_t i = label + 1; i < count; i++) before += no_number ? row[i] == row[i] : row[i] > score;
  return before;
}

/// The loss of a row, from the sum of its exponentials and, where labels are smoothed, of its differences from the
/// maximum.
PB_ELEMENTARY float PB_KERNEL(smoothed_loss)(float label_difference, float sum, float differences, float smoothing,
                                            size_t classes) {
  const float mean = smoothing > 0 ? differences / (float)classes : 0.0f;
  return PB_KERNEL(log_sum)(sum) - (1.0f - smoothing) * label_difference - smoothing * mean;
}

static void PB_KERNEL(pb_cross_entropy_gradient)(float *restrict logits, const int32_t *restrict labels, size_t rows,
                                                 size_t classes, float smoothing, float scale, float *restrict losses,
                                                 int32_t *restrict ranks) {
  for (size_t r = 0; r < rows; r++) {
    float *restrict row = logits + r * classes;
    const size_t label = (size_t)labels[r];
    if (ranks) ranks[r] = PB_KERNEL(rank)(row, classes, label);
    const float maximum = PB_KERNEL(row_maximum)(row, classes);
    const float label_difference = row[label] - maximum;
    const float differences = smoothing > 0 ? PB_KERNEL(difference_sum)(row, classes, maximum) : 0.0f;
    const float sum = PB_KERNEL(row_exponentials)(row, classes, maximum);
    losses[r] = PB_KERNEL(smoothed_loss)(label_difference, sum, differences, smoothing, classes);
    const float factor = scale / sum;
    const float share = scale * smoothing / (float)classes;
    PB_VECTORIZE
    for (size_t i = 0; i < classes; i++) row[i] = row[i] * factor - share;
    row[label] -= scale * (1.0f - smoothing);
  }
}

static void PB_KERNEL(pb_cross_entropy)(const float *restrict logits, const int32_t *restrict labels, size_t rows,
                                        size_t classes, float smoothing, float *restrict losses,
                                        int32_t *restrict ranks) {
  for (size_t r = 0; r < rows; r++) {
    const float *restrict row = logits + r * classes;
    const size_t label = (size_t)labels[r];
    if (ranks) ranks[r] = PB_KERNEL(rank)(row, classes, label);
    const float maximum = PB_KERNEL(row_maximum)(row, classes);
    const float differences = smoothing > 0 ? PB_KERNEL(difference_sum)(row, classes, maximum) : 0.0f;
    const float sum = PB_KERNEL(exponential_sum)(row, classes, maximum);
    losses[r] = PB_KERNEL(smoothed_loss)(row[label] - maximum, sum, differences, smoothing, classes);
  }
}

static void PB_KERNEL(pb_soft_cross_entropy_gradient)(float *restrict logits, const float *restrict targets, size_t rows,
                                                      size_t classes, float scale, float *restrict losses) {
  for (size_t r = 0; r < rows; r++) {
    float *restrict row = logits + r * classes;
    const float *restrict target = targets + r * classes;
    const float maximum = PB_KERNEL(row_maximum)(row, classes);
    // The loss is (log sum) (sum of targets) - sum of target (logit - maximum).
    float totals[PB_LANES] = {0}, products[PB_LANES] = {0};
    PB_FOR_EACH_BLOCK(classes, {
      totals[i] += target[start + i];
      products[i] += target[start + i] * (row[start + i] - maximum);
    })
    const float total = PB_KERNEL(lane_sum)(totals);
    const float sum = PB_KERNEL(row_exponentials)(row, classes, maximum);
    losses[r] = PB_KERNEL(log_sum)(sum) * total - PB_KERNEL(lane_sum)(products);
    const float factor = scale * total / sum;
    PB_VECTORIZE
    for (size_t i = 0; i < classes; i++) row[i] = row[i] * factor - scale * target[i];
  }
}

/// The loss of one score: log(1 + exp(x)) - target x.
PB_ELEMENTARY float PB_KERNEL(binary_loss)(float x, float target) { return PB_KERNEL(softplus)(x) - target * x; }

static void PB_KERNEL(pb_binary_cross_entropy_gradient)(float *restrict logits, const float *restrict targets,
                                                        size_t rows, size_t classes, float scale,
                                                        float *restrict losses) {
  const float factor = scale / (float)classes;
  for (size_t r = 0; r < rows; r++) {
    float *restrict row = logits + r * classes;
    const float *restrict target = targets + r * classes;
    float sums[PB_LANES] = {0};
    PB_FOR_EACH_BLOCK(classes, {
      const float x = row[start + i];
      sums[i] += PB_KERNEL(binary_loss)(x, target[start + i]);
      row[start + i] = factor * (PB_KERNEL(sigmoid)(x) - target[start + i]);
    })
    losses[r] = PB_KERNEL(lane_sum)(sums) / (float)classes;
  }
}

static void PB_KERNEL(pb_binary_cross_entropy)(const float *restrict logits, const float *restrict targets, size_t rows,
                                               size_t classes, float *restrict losses) {
  for (size_t r = 0; r < rows; r++) {
    const float *restrict row = logits + r * classes;
    const float *restrict target = targets + r * classes;
    float sums[PB_LANES] = {0};
    PB_FOR_EACH_BLOCK(classes, { sums[i] += PB_KERNEL(binary_loss)(row[start + i], target[start + i]); })
    losses[r] = PB_KERNEL(lane_sum)(sums) / (float)classes;
  }
}
#undef PB_FOR_EACH_BLOCK
