#include "rows.inc.h"

/// The sum of row - maximum.
PB_ELEMENTARY float PB_KERNEL(difference_sum)(const float *restrict row, size_t count, float maximum) {
  float sums[PB_LANES] = {0};
  PB_FOR_EACH_BLOCK(count, { sums[i] += row[start + i] - maximum; })
  return PB_KERNEL(lane_sum)(sums);
}

/// The logarithm of a sum of exponentials; of one that is no number, none.
PB_ELEMENTARY float PB_KERNEL(log_sum)(float sum) { return sum < INFINITY ? PB_KERNEL(logarithm)(sum) : sum; }

static void PB_KERNEL(pb_softmax)(float *restrict values, size_t rows, size_t width) {
  for (size_t r = 0; r < rows; r++) {
    float *restrict row = values + r * width;
    PB_KERNEL(row_shares)(row, width, PB_KERNEL(row_maximum)(row, width));
  }
}

/// The sum of a[i] b[i].
PB_ELEMENTARY float PB_KERNEL(row_dot)(const float *restrict a, const float *restrict b, size_t width) {
  float sums[PB_LANES] = {0};
  PB_FOR_EACH_BLOCK(width, { sums[i] += a[start + i] * b[start + i]; })
  return PB_KERNEL(lane_sum)(sums);
}

static void PB_KERNEL(pb_softmax_rows_backward)(const float *restrict attention, float *restrict gradient, size_t rows,
                                                size_t width) {
  for (size_t r = 0; r < rows; r++, attention += width, gradient += width) {
    const float mean = PB_KERNEL(row_dot)(attention, gradient, width);
    PB_VECTORIZE
    for (size_t i = 0; i < width; i++) gradient[i] = attention[i] * (gradient[i] - mean);
  }
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
    if (ranks) ranks[r] = (int32_t)PB_KERNEL(row_rank)(row, classes, label);
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
#undef PB_FOR_EACH_BLOCK
