#include "include/pb_columns.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

enum { PB_COLUMNS = 128 };

static size_t pb_block_length(size_t columns, size_t first) {
  return columns - first < PB_COLUMNS ? columns - first : PB_COLUMNS;
}

#define PB_FAMILY "columns.inc.h"
#include "for_each_level.h"

PB_DISPATCH(void, pb_add_column_sums, (const float *values, size_t rows, size_t stride, size_t columns, float *sums),
            (values, rows, stride, columns, sums))
PB_DISPATCH(void, pb_batch_norm_train,
            (float *values, size_t rows, size_t stride, size_t columns, float epsilon, float momentum,
             float *running_mean, float *running_variance, float *inverse_deviation),
            (values, rows, stride, columns, epsilon, momentum, running_mean, running_variance, inverse_deviation))
PB_DISPATCH(void, pb_batch_norm_evaluate,
            (float *values, size_t rows, size_t stride, size_t columns, float epsilon, const float *running_mean,
             const float *running_variance),
            (values, rows, stride, columns, epsilon, running_mean, running_variance))
PB_DISPATCH(void, pb_batch_norm_backward,
            (float *gradient, const float *normalized, size_t rows, size_t stride, size_t columns,
             const float *inverse_deviation),
            (gradient, normalized, rows, stride, columns, inverse_deviation))

void pb_add_column_sums_reference(const float *values, size_t rows, size_t stride, size_t columns, float *sums) {
  for (size_t c = 0; c < columns; c++) {
    double sum = sums[c];
    for (size_t row = 0; row < rows; row++) sum += values[row * stride + c];
    sums[c] = (float)sum;
  }
}

void pb_batch_norm_train_reference(float *values, size_t rows, size_t stride, size_t columns, float epsilon,
                                   float momentum, float *running_mean, float *running_variance,
                                   float *inverse_deviation) {
  for (size_t c = 0; c < columns; c++) {
    double mean = 0, variance = 0;
    for (size_t row = 0; row < rows; row++) mean += values[row * stride + c];
    mean /= (double)rows;
    for (size_t row = 0; row < rows; row++) {
      variance += (values[row * stride + c] - mean) * (values[row * stride + c] - mean);
    }
    const double scale = 1 / sqrt(variance / (double)rows + epsilon);
    for (size_t row = 0; row < rows; row++) {
      values[row * stride + c] = (float)((values[row * stride + c] - mean) * scale);
    }
    running_mean[c] = (float)((1.0 - momentum) * running_mean[c] + momentum * mean);
    running_variance[c] = (float)((1.0 - momentum) * running_variance[c] + momentum * variance / ((double)rows - 1));
    inverse_deviation[c] = (float)scale;
  }
}

void pb_batch_norm_evaluate_reference(float *values, size_t rows, size_t stride, size_t columns, float epsilon,
                                      const float *running_mean, const float *running_variance) {
  for (size_t row = 0; row < rows; row++) {
    for (size_t c = 0; c < columns; c++) {
      const double difference = (double)values[row * stride + c] - running_mean[c];
      values[row * stride + c] = (float)(difference / sqrt((double)running_variance[c] + epsilon));
    }
  }
}

void pb_batch_norm_backward_reference(float *gradient, const float *normalized, size_t rows, size_t stride,
                                      size_t columns, const float *inverse_deviation) {
  for (size_t c = 0; c < columns; c++) {
    double mean = 0, product = 0;
    for (size_t row = 0; row < rows; row++) {
      mean += gradient[row * stride + c];
      product += (double)gradient[row * stride + c] * normalized[row * stride + c];
    }
    mean /= (double)rows;
    product /= (double)rows;
    for (size_t row = 0; row < rows; row++) {
      const size_t i = row * stride + c;
      gradient[i] = (float)(inverse_deviation[c] * (gradient[i] - mean - normalized[i] * product));
    }
  }
}
