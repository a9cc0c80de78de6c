#include "include/pb_attention.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

enum { PB_LANES = 16, PB_ROWS = 8 };

size_t pb_attention_padded(size_t count) { return (count + PB_LANES - 1) / PB_LANES * PB_LANES; }

#define PB_FAMILY "attention.inc.h"
#include "for_each_level.h"

PB_DISPATCH(void, pb_softmax_with_statistics,
            (float *scores, size_t stride, size_t prefix, size_t patches, uint16_t *rounded, float *statistics),
            (scores, stride, prefix, patches, rounded, statistics))

static void softmax_reference(float *row, size_t count) {
  double maximum = -INFINITY;
  for (size_t i = 0; i < count; i++) maximum = fmax(maximum, row[i]);
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += exp(row[i] - maximum);
  for (size_t i = 0; i < count; i++) row[i] = (float)(exp(row[i] - maximum) / sum);
}

static double sum_reference(const float *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum;
}

static double entropy_reference(const float *attention, size_t count) {
  const double sum = sum_reference(attention, count);
  double entropy = 0;
  for (size_t i = 0; i < count; i++) {
    const double p = attention[i] / (sum + 1e-6);
    entropy -= p * log(p + 1e-6);
  }
  return entropy;
}

void pb_softmax_with_statistics_reference(float *scores, size_t stride, size_t prefix, size_t patches,
                                          float *statistics) {
  double values[8] = {0};
  for (size_t t = 0; t < prefix + patches; t++) softmax_reference(scores + t * stride, prefix + patches);
  for (size_t t = prefix; t < prefix + patches; t++) {
    const float *row = scores + t * stride;
    values[1] += row[t] / (double)patches;
    values[3] += row[t] / (sum_reference(row + prefix, patches) + 1e-6) / (double)patches;
    values[5] += row[0] / (double)patches;
    values[7] += entropy_reference(row + prefix, patches) / (double)patches;
  }
  values[0] = scores[0];
  values[2] = scores[0] / (sum_reference(scores + prefix, patches) + 1e-6);
  values[4] = sum_reference(scores + prefix, patches) / (double)patches;
  values[6] = entropy_reference(scores + prefix, patches);
  for (size_t i = 0; i < 8; i++) {
    const int needs_class = i != 1 && i != 3 && i != 7;
    statistics[i] = prefix == 0 && needs_class ? NAN : (float)values[i];
  }
}
