#include "include/pb_loss.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

enum { PB_LANES = 16 };

#define PB_FAMILY "loss.inc.h"
#include "for_each_level.h"

PB_DISPATCH(void, pb_softmax, (float *values, size_t rows, size_t width, float *log_sums),
            (values, rows, width, log_sums))
PB_DISPATCH(void, pb_cross_entropy_gradient,
            (float *logits, const int32_t *labels, size_t rows, size_t classes, float smoothing, float scale,
             float *losses, int32_t *ranks),
            (logits, labels, rows, classes, smoothing, scale, losses, ranks))
PB_DISPATCH(void, pb_cross_entropy,
            (const float *logits, const int32_t *labels, size_t rows, size_t classes, float smoothing, float *losses,
             int32_t *ranks),
            (logits, labels, rows, classes, smoothing, losses, ranks))
PB_DISPATCH(void, pb_soft_cross_entropy_gradient,
            (float *logits, const float *targets, size_t rows, size_t classes, float scale, float *losses),
            (logits, targets, rows, classes, scale, losses))
PB_DISPATCH(void, pb_binary_cross_entropy_gradient,
            (float *logits, const float *targets, size_t rows, size_t classes, float scale, float *losses),
            (logits, targets, rows, classes, scale, losses))
PB_DISPATCH(void, pb_binary_cross_entropy,
            (const float *logits, const float *targets, size_t rows, size_t classes, float *losses),
            (logits, targets, rows, classes, losses))

/// The logarithm of the sum of the exponentials.
static double log_sum(const float *row, size_t count) {
  double maximum = -INFINITY;
  for (size_t i = 0; i < count; i++) maximum = row[i] > maximum ? row[i] : maximum;
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += exp(row[i] - maximum);
  return maximum + log(sum);
}

void pb_softmax_reference(float *values, size_t rows, size_t width, float *log_sums) {
  for (size_t r = 0; r < rows; r++, values += width) {
    const double whole = log_sum(values, width);
    for (size_t i = 0; i < width; i++) values[i] = (float)exp(values[i] - whole);
    if (log_sums) log_sums[r] = (float)whole;
  }
}

/// Whether class a comes before class b.
static int comes_before(const float *row, size_t a, size_t b) {
  if (isnan(row[a])) return isnan(row[b]) && a < b;
  if (isnan(row[b])) return 1;
  return row[a] > row[b] || (row[a] == row[b] && a < b);
}

void pb_cross_entropy_gradient_reference(float *logits, const int32_t *labels, size_t rows, size_t classes,
                                         float smoothing, float scale, float *losses, int32_t *ranks) {
  for (size_t r = 0; r < rows; r++, logits += classes) {
    const size_t label = (size_t)labels[r];
    const double whole = log_sum(logits, classes);
    double loss = 0;
    if (ranks) ranks[r] = 0;
    for (size_t i = 0; ranks && i < classes; i++) ranks[r] += i != label && comes_before(logits, i, label);
    for (size_t i = 0; i < classes; i++) {
      const double target = (double)smoothing / (double)classes + (i == label ? 1.0 - smoothing : 0.0);
      loss -= target * (logits[i] - whole);
      logits[i] = (float)(scale * (exp(logits[i] - whole) - target));
    }
    losses[r] = (float)loss;
  }
}

void pb_soft_cross_entropy_gradient_reference(float *logits, const float *targets, size_t rows, size_t classes,
                                              float scale, float *losses) {
  for (size_t r = 0; r < rows; r++, logits += classes, targets += classes) {
    const double whole = log_sum(logits, classes);
    double loss = 0, total = 0;
    for (size_t i = 0; i < classes; i++) total += targets[i];
    for (size_t i = 0; i < classes; i++) {
      loss -= targets[i] * (logits[i] - whole);
      logits[i] = (float)(scale * (total * exp(logits[i] - whole) - targets[i]));
    }
    losses[r] = (float)loss;
  }
}

void pb_binary_cross_entropy_gradient_reference(float *logits, const float *targets, size_t rows, size_t classes,
                                                float scale, float *losses) {
  for (size_t r = 0; r < rows; r++, logits += classes, targets += classes) {
    double loss = 0;
    for (size_t i = 0; i < classes; i++) {
      const double x = logits[i];
      loss += fmax(x, 0) + log1p(exp(-fabs(x))) - targets[i] * x;
      logits[i] = (float)(scale / (double)classes * (1 / (1 + exp(-x)) - targets[i]));
    }
    losses[r] = (float)(loss / (double)classes);
  }
}
