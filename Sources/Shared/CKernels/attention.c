#include "include/pb_attention.h"

#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "dispatch.h"

enum {
  PB_LANES = 16,
  /// Rows on their way at once: their scores stay in the first-level cache.
  PB_ATTENTION_ROWS = 8,
};

typedef float pb_float_vector __attribute__((vector_size(4 * PB_LANES), aligned(4), may_alias));
typedef uint32_t pb_operand_vector __attribute__((vector_size(4 * PB_LANES), aligned(4), may_alias));

static size_t pb_attention_padded(size_t count) { return (count + PB_LANES - 1) / PB_LANES * PB_LANES; }

size_t pb_attention_stride(size_t prefix, size_t patches) {
  return pb_attention_padded(prefix + pb_attention_padded(patches));
}

size_t pb_attention_row_count(size_t prefix, size_t patches) {
  return (prefix + patches + PB_ATTENTION_ROWS - 1) / PB_ATTENTION_ROWS * PB_ATTENTION_ROWS;
}

/// Where in the scratch memory its parts begin, in units of 32 bits.
typedef struct {
  size_t keys, values, queries, operands, rows, sums, end;
} pb_attention_places;

static pb_attention_places pb_attention_divide(const pb_attention_shape *shape) {
  const size_t tokens = pb_attention_padded(shape->prefix + shape->patches);
  const size_t width = pb_attention_padded(shape->head_width);
  const size_t stride = pb_attention_stride(shape->prefix, shape->patches);
  pb_attention_places places = {0};
  places.values = places.keys + tokens * width;
  places.queries = places.values + tokens * width;
  places.operands = places.queries + PB_ATTENTION_ROWS * width;
  places.rows = places.operands + PB_ATTENTION_ROWS * stride;
  places.sums = places.rows + PB_ATTENTION_ROWS * stride;
  places.end = places.sums + PB_ATTENTION_ROWS * width;
  return places;
}

size_t pb_attention_scratch_bytes(const pb_attention_shape *shape) {
  return pb_attention_divide(shape).end * sizeof(uint32_t);
}

/// Sums of a tile stay in registers: as many rows, and blocks of 16 columns, as the level has room for.
#define PB_TILE_ROWS 4
#define PB_TILE_BLOCKS (PB_WIDE_REGISTERS ? 6 : 1)

#define PB_FAMILY "attention.inc.h"
#include "for_each_level.h"

#define PB_FAMILY "attention_bf16.inc.h"
#include "for_bf16_level.h"

PB_DISPATCH(void, pb_attention_head_f32,
            (const pb_attention_shape *shape, const float *queries, const float *keys, const float *values,
             const float *biases, float *output, float *attention, float *statistics, void *scratch),
            (shape, queries, keys, values, biases, output, attention, statistics, scratch))

PB_DISPATCH_BF16(void, pb_attention_head_bf16,
                 (const pb_attention_shape *shape, const uint16_t *queries, const uint16_t *keys,
                  const uint16_t *values, const float *biases, uint16_t *output, float *attention, float *statistics,
                  void *scratch),
                 (shape, queries, keys, values, biases, output, attention, statistics, scratch))

// Reference.

static double sum_reference(const float *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum;
}

static double dot_reference(const float *a, const float *b, size_t b_stride, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)a[i] * b[i * b_stride];
  return sum;
}

static void softmax_reference(float *row, size_t count) {
  double maximum = -INFINITY;
  for (size_t i = 0; i < count; i++) maximum = fmax(maximum, row[i]);
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += exp(row[i] - maximum);
  for (size_t i = 0; i < count; i++) row[i] = (float)(exp(row[i] - maximum) / sum);
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

static void statistics_reference(const float *attention, const pb_attention_shape *shape, float *statistics) {
  const size_t prefix = shape->prefix, patches = shape->patches;
  const size_t stride = pb_attention_stride(prefix, patches);
  double values[8] = {0};
  for (size_t t = prefix; t < prefix + patches; t++) {
    const float *row = attention + t * stride;
    values[1] += row[t] / (double)patches;
    values[3] += row[t] / (sum_reference(row + prefix, patches) + 1e-6) / (double)patches;
    values[5] += row[0] / (double)patches;
    values[7] += entropy_reference(row + prefix, patches) / (double)patches;
  }
  values[0] = attention[0];
  values[2] = attention[0] / (sum_reference(attention + prefix, patches) + 1e-6);
  values[4] = sum_reference(attention + prefix, patches) / (double)patches;
  values[6] = entropy_reference(attention + prefix, patches);
  for (size_t i = 0; i < 8; i++) {
    const int needs_class = i != 1 && i != 3 && i != 7;
    statistics[i] = needs_class && !shape->has_class ? NAN : (float)values[i];
  }
}

void pb_attention_head_reference(const pb_attention_shape *shape, const float *queries, const float *keys,
                                 const float *values, const float *biases, float *output, float *attention,
                                 float *statistics) {
  const size_t tokens = shape->prefix + shape->patches;
  const size_t stride = pb_attention_stride(shape->prefix, shape->patches);
  for (size_t t = 0; t < tokens; t++) {
    const float *query = queries + t * shape->input_stride;
    float *row = attention + t * stride;
    for (size_t s = 0; s < tokens; s++) {
      row[s] = (float)(dot_reference(query, keys + s * shape->input_stride, 1, shape->head_width) +
                       (biases ? biases[t * stride + s] : 0));
    }
    softmax_reference(row, tokens);
    for (size_t d = 0; d < shape->head_width; d++) {
      output[t * shape->output_stride + d] = (float)dot_reference(row, values + d, shape->input_stride, tokens);
    }
  }
  statistics_reference(attention, shape, statistics);
}
