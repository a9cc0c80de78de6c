// Rows are swept in whole blocks of PB_LANES: no scalar remainder, and sums whose order is the same at every level.

/// The greatest value of a row: the bits of floats, as integers, are in the floats' order once those of negative numbers
/// are turned over. A NaN may come out on top or not at all; it turns its row to NaN in the exponentials.
static inline float PB_KERNEL(row_maximum)(const float *restrict row, size_t count) {
  const pb_bits32 *restrict bits = (const pb_bits32 *)row;
  int32_t greatest[PB_LANES];
  for (size_t i = 0; i < PB_LANES; i++) greatest[i] = INT32_MIN;
  for (size_t start = 0; start < count; start += PB_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_LANES; i++) {
      const int32_t value = (int32_t)bits[start + i];
      const int32_t ordered = value ^ ((value >> 31) & INT32_MAX);
      greatest[i] = ordered > greatest[i] ? ordered : greatest[i];
    }
  }
  int32_t result = INT32_MIN;
  for (size_t i = 0; i < PB_LANES; i++) result = greatest[i] > result ? greatest[i] : result;
  return PB_KERNEL(from_bits)((uint32_t)(result ^ ((result >> 31) & INT32_MAX)));
}

/// row = exp(row - maximum); returns the sum.
static inline float PB_KERNEL(row_exponentials)(float *restrict row, size_t count, float maximum) {
  float sums[PB_LANES] = {0};
  for (size_t start = 0; start < count; start += PB_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_LANES; i++) {
      const float e = PB_KERNEL(exponential)(row[start + i] - maximum);
      row[start + i] = e;
      sums[i] += e;
    }
  }
  return PB_KERNEL(lane_sum)(sums);
}

/// row *= scale; returns the entropy of the row times `share`.
static inline float PB_KERNEL(row_entropy)(float *restrict row, size_t count, float scale, float share) {
  float sums[PB_LANES] = {0};
  for (size_t start = 0; start < count; start += PB_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_LANES; i++) {
      const float a = row[start + i] * scale;
      const float p = a * share;
      row[start + i] = a;
      sums[i] += p * PB_KERNEL(logarithm)(p + 1e-6f);
    }
  }
  return -PB_KERNEL(lane_sum)(sums);
}

/// What is known of a row on its way from scores to attention.
typedef struct {
  float maximum, scale, patch_share, adjustment, entropy;
} PB_KERNEL(row_state);

/// One head's sums of statistics: over the patches, and of [cls].
typedef struct {
  double self, self_adjusted, to_class, entropies;
  float class_self, class_self_adjusted, class_to_patches, class_entropy;
} PB_KERNEL(head_sums);

static inline void PB_KERNEL(find_maximum)(float *restrict row, size_t prefix, size_t patches, size_t padded,
                                           PB_KERNEL(row_state) *restrict state) {
  // What fills up the last block takes all but no part: its exponential is 1e-38.
  float *last = row + prefix + padded - PB_LANES;
  const uint32_t used = (uint32_t)(patches + PB_LANES - padded);
  PB_VECTORIZE
  for (uint32_t i = 0; i < PB_LANES; i++) last[i] = i < used ? last[i] : -INFINITY;
  float maximum = PB_KERNEL(row_maximum)(row + prefix, padded);
  for (size_t i = 0; i < prefix; i++) maximum = row[i] <= maximum ? maximum : row[i];
  state->maximum = maximum;
}

static inline void PB_KERNEL(exponentiate)(float *restrict row, size_t prefix, size_t padded,
                                           PB_KERNEL(row_state) *restrict state) {
  float prefix_sum = 0;
  for (size_t i = 0; i < prefix; i++) prefix_sum += row[i] = PB_KERNEL(exponential)(row[i] - state->maximum);
  const float patch_sum = PB_KERNEL(row_exponentials)(row + prefix, padded, state->maximum);
  state->scale = 1.0f / (prefix_sum + patch_sum);
  state->patch_share = patch_sum * state->scale;
  state->adjustment = 1.0f / (state->patch_share + 1e-6f);
}

static inline void PB_KERNEL(normalize)(float *restrict row, size_t prefix, size_t padded,
                                        PB_KERNEL(row_state) *restrict state) {
  for (size_t i = 0; i < prefix; i++) row[i] *= state->scale;
  state->entropy = PB_KERNEL(row_entropy)(row + prefix, padded, state->scale, state->adjustment);
}

static inline void PB_KERNEL(count_row)(const float *restrict row, size_t token, const pb_attention_shape *shape,
                                        const PB_KERNEL(row_state) *restrict state,
                                        PB_KERNEL(head_sums) *restrict sums) {
  if (token >= shape->prefix) {
    sums->self += row[token];
    sums->self_adjusted += row[token] * state->adjustment;
    sums->to_class += row[0];
    sums->entropies += state->entropy;
  } else if (token == 0 && shape->has_class) {
    sums->class_self = row[0];
    sums->class_self_adjusted = row[0] * state->adjustment;
    sums->class_to_patches = state->patch_share / (float)shape->patches;
    sums->class_entropy = state->entropy;
  }
}

static inline void PB_KERNEL(add_scores)(float *restrict scores, const float *restrict biases, size_t count) {
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) scores[i] += biases[i];
}

/// Turns `count` rows of scores, of the tokens from `first` on, into attention, and counts their statistics. Step by step
/// over all of them, so that one row's steps need not wait for each other.
static inline void PB_KERNEL(softmax_rows)(float *restrict rows, size_t stride, size_t first, size_t count,
                                           const pb_attention_shape *shape, PB_KERNEL(head_sums) *restrict sums) {
  const size_t prefix = shape->prefix, patches = shape->patches;
  const size_t padded = pb_attention_padded(patches);
  PB_KERNEL(row_state) states[PB_ATTENTION_ROWS];
  for (size_t r = 0; r < count; r++) {
    PB_KERNEL(find_maximum)(rows + r * stride, prefix, patches, padded, states + r);
  }
  for (size_t r = 0; r < count; r++) PB_KERNEL(exponentiate)(rows + r * stride, prefix, padded, states + r);
  for (size_t r = 0; r < count; r++) PB_KERNEL(normalize)(rows + r * stride, prefix, padded, states + r);
  for (size_t r = 0; r < count; r++) {
    PB_KERNEL(count_row)(rows + r * stride, first + r, shape, states + r, sums);
  }
}

/// From sums to means, in the order of the statistics.
static inline void PB_KERNEL(summarize)(const PB_KERNEL(head_sums) *restrict sums, const pb_attention_shape *shape,
                                        float *restrict statistics) {
  const double count = (double)shape->patches;
  statistics[0] = sums->class_self;
  statistics[1] = (float)(sums->self / count);
  statistics[2] = sums->class_self_adjusted;
  statistics[3] = (float)(sums->self_adjusted / count);
  statistics[4] = sums->class_to_patches;
  statistics[5] = shape->has_class ? (float)(sums->to_class / count) : NAN;
  statistics[6] = sums->class_entropy;
  statistics[7] = (float)(sums->entropies / count);
}
