#include "elementary.inc.h"

/// The greatest value of a row: the bits of floats, as integers, are in the floats' order once those of negative numbers
/// are turned over. Reordering is then harmless, which a greatest float does not promise, and a NaN comes out on top.
static inline float PB_KERNEL(row_maximum)(const float *restrict row, size_t count) {
  const pb_bits32 *restrict bits = (const pb_bits32 *)row;
  int32_t greatest = INT32_MIN;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const int32_t value = (int32_t)bits[i];
    const int32_t ordered = value ^ ((value >> 31) & INT32_MAX);
    greatest = ordered > greatest ? ordered : greatest;
  }
  return PB_KERNEL(from_bits)((uint32_t)(greatest ^ ((greatest >> 31) & INT32_MAX)));
}

/// row = exp(row - maximum); returns the sum.
static inline float PB_KERNEL(row_exponentials)(float *restrict row, size_t count, float maximum) {
  PB_REASSOCIATE
  float sum = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const float e = PB_KERNEL(exponential)(row[i] - maximum);
    row[i] = e;
    sum += e;
  }
  return sum;
}

/// row *= scale; returns the entropy of the row times `share`.
static inline float PB_KERNEL(row_entropy)(float *restrict row, size_t count, float scale, float share) {
  PB_REASSOCIATE
  float sum = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const float a = row[i] * scale;
    const float p = a * share;
    row[i] = a;
    sum += p * PB_KERNEL(logarithm)(p + 1e-6f);
  }
  return -sum;
}

static void PB_KERNEL(pb_softmax_with_statistics)(float *restrict scores, size_t stride, size_t prefix,
                                                  size_t patches, float *restrict statistics) {
  double self = 0, self_adjusted = 0, to_class = 0, entropies = 0;
  float class_statistics[4] = {NAN, NAN, NAN, NAN};  // to itself, the same adjusted, to the patches, entropy
  for (size_t t = 0; t < prefix + patches; t++) {
    float *row = scores + t * stride;
    const float maximum = PB_KERNEL(row_maximum)(row, prefix + patches);
    const float prefix_sum = PB_KERNEL(row_exponentials)(row, prefix, maximum);
    const float patch_sum = PB_KERNEL(row_exponentials)(row + prefix, patches, maximum);
    const float scale = 1.0f / (prefix_sum + patch_sum);
    const float patch_share = patch_sum * scale;
    const float adjustment = 1.0f / (patch_share + 1e-6f);
    for (size_t i = 0; i < prefix; i++) row[i] *= scale;
    const float entropy = PB_KERNEL(row_entropy)(row + prefix, patches, scale, adjustment);
    if (t >= prefix) {
      self += row[t];
      self_adjusted += row[t] * adjustment;
      to_class += row[0];
      entropies += entropy;
    } else if (t == 0) {
      class_statistics[0] = row[0];
      class_statistics[1] = row[0] * adjustment;
      class_statistics[2] = patch_share / (float)patches;
      class_statistics[3] = entropy;
    }
  }
  const double count = (double)patches;
  statistics[0] = class_statistics[0];
  statistics[1] = (float)(self / count);
  statistics[2] = class_statistics[1];
  statistics[3] = (float)(self_adjusted / count);
  statistics[4] = class_statistics[2];
  statistics[5] = prefix > 0 ? (float)(to_class / count) : NAN;
  statistics[6] = class_statistics[3];
  statistics[7] = (float)(entropies / count);
}
