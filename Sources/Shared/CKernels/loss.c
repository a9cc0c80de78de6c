#include "include/pb_loss.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"
#include "include/pb_ranking.h"

enum { PB_LANES = 16 };

#define PB_FAMILY "loss.inc.h"
#include "for_each_level.h"

PB_DISPATCH(void, pb_softmax, (float *values, size_t rows, size_t width), (values, rows, width))
PB_DISPATCH(void, pb_softmax_rows_backward, (const float *attention, float *gradient, size_t rows, size_t width),
            (attention, gradient, rows, width))
PB_DISPATCH(void, pb_cross_entropy_gradient,
            (float *logits, const int32_t *labels, size_t rows, size_t classes, float smoothing, float scale,
             float *losses, int32_t *ranks),
            (logits, labels, rows, classes, smoothing, scale, losses, ranks))
PB_DISPATCH(void, pb_binary_cross_entropy_gradient,
            (float *logits, const float *targets, size_t rows, size_t classes, float scale, float *losses),
            (logits, targets, rows, classes, scale, losses))

/// The logarithm of the sum of the exponentials.
static double log_sum(const float *row, size_t count) {
  double maximum = -INFINITY;
  for (size_t i = 0; i < count; i++) maximum = row[i] > maximum ? row[i] : maximum;
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += exp(row[i] - maximum);
  return maximum + log(sum);
}

void pb_softmax_reference(float *values, size_t rows, size_t width) {
  for (size_t r = 0; r < rows; r++, values += width) {
    const double whole = log_sum(values, width);
    for (size_t i = 0; i < width; i++) values[i] = (float)exp(values[i] - whole);
  }
}

void pb_softmax_rows_backward_reference(const float *attention, float *gradient, size_t rows, size_t width) {
  for (size_t r = 0; r < rows; r++, attention += width, gradient += width) {
    double mean = 0;
    for (size_t i = 0; i < width; i++) mean += (double)attention[i] * gradient[i];
    for (size_t i = 0; i < width; i++) gradient[i] = (float)(attention[i] * (gradient[i] - mean));
  }
}

void pb_cross_entropy_gradient_reference(float *logits, const int32_t *labels, size_t rows, size_t classes,
                                         float smoothing, float scale, float *losses, int32_t *ranks) {
  for (size_t r = 0; r < rows; r++, logits += classes) {
    const size_t label = (size_t)labels[r];
    const double whole = log_sum(logits, classes);
    double loss = 0;
    if (ranks) ranks[r] = (int32_t)pb_rank_of_reference(logits, classes, label);
    for (size_t i = 0; i < classes; i++) {
      const double target = (double)smoothing / (double)classes + (i == label ? 1.0 - smoothing : 0.0);
      loss -= target * (logits[i] - whole);
      logits[i] = (float)(scale * (exp(logits[i] - whole) - target));
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
