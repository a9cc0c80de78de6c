// Each function works on blocks of at most PB_COLUMNS columns, whose sums stay in the first-level cache and whose values
// stay in the second from one pass to the next. Of eight rows at a time sums are in single precision: widening each value
// would cost more than everything else.

/// For a group of rows, an expression of `value(r)` in row r and column c, summed over the rows in pairs.
#define PB_SUM_OF_EIGHT(value) \
  (((value(0) + value(1)) + (value(2) + value(3))) + ((value(4) + value(5)) + (value(6) + value(7))))

static void PB_KERNEL(add_block_sums)(const float *restrict values, size_t rows, size_t stride, size_t columns,
                                      double *restrict sums) {
  size_t row = 0;
  for (; row + 8 <= rows; row += 8, values += 8 * stride) {
    PB_VECTORIZE
    for (size_t c = 0; c < columns; c++) {
#define PB_VALUE(r) values[(r) * stride + c]
      sums[c] += (double)PB_SUM_OF_EIGHT(PB_VALUE);
#undef PB_VALUE
    }
  }
  for (; row < rows; row++, values += stride) {
    PB_VECTORIZE
    for (size_t c = 0; c < columns; c++) sums[c] += (double)values[c];
  }
}

static void PB_KERNEL(pb_add_column_sums)(const float *restrict values, size_t rows, size_t stride, size_t columns,
                                          float *restrict sums) {
  for (size_t first = 0; first < columns; first += PB_COLUMNS) {
    const size_t count = pb_block_length(columns, first);
    double block[PB_COLUMNS] = {0};
    PB_KERNEL(add_block_sums)(values + first, rows, stride, count, block);
    for (size_t c = 0; c < count; c++) sums[first + c] += (float)block[c];
  }
}

static inline __attribute__((always_inline)) float PB_KERNEL(square)(float value) { return value * value; }

/// Adds the squares of the differences from the mean.
static void PB_KERNEL(add_block_squares)(const float *restrict values, size_t rows, size_t stride, size_t columns,
                                         const float *restrict mean, double *restrict squares) {
  size_t row = 0;
  for (; row + 8 <= rows; row += 8, values += 8 * stride) {
    PB_VECTORIZE
    for (size_t c = 0; c < columns; c++) {
#define PB_VALUE(r) PB_KERNEL(square)(values[(r) * stride + c] - mean[c])
      squares[c] += (double)PB_SUM_OF_EIGHT(PB_VALUE);
#undef PB_VALUE
    }
  }
  for (; row < rows; row++, values += stride) {
    PB_VECTORIZE
    for (size_t c = 0; c < columns; c++) squares[c] += (double)PB_KERNEL(square)(values[c] - mean[c]);
  }
}

static void PB_KERNEL(normalize_block)(float *restrict values, size_t rows, size_t stride, size_t columns,
                                       const float *restrict mean, const float *restrict scale) {
  for (size_t row = 0; row < rows; row++, values += stride) {
    PB_VECTORIZE
    for (size_t c = 0; c < columns; c++) values[c] = (values[c] - mean[c]) * scale[c];
  }
}

static void PB_KERNEL(pb_batch_norm_train)(float *restrict values, size_t rows, size_t stride, size_t columns,
                                           float epsilon, float momentum, float *restrict running_mean,
                                           float *restrict running_variance, float *restrict inverse_deviation) {
  const double count = (double)rows;
  for (size_t first = 0; first < columns; first += PB_COLUMNS) {
    const size_t length = pb_block_length(columns, first);
    double mean[PB_COLUMNS] = {0}, variance[PB_COLUMNS] = {0};
    float rounded_mean[PB_COLUMNS];
    PB_KERNEL(add_block_sums)(values + first, rows, stride, length, mean);
    for (size_t c = 0; c < length; c++) rounded_mean[c] = (float)(mean[c] / count);
    PB_KERNEL(add_block_squares)(values + first, rows, stride, length, rounded_mean, variance);
    for (size_t c = 0; c < length; c++) {
      const float unbiased = (float)(variance[c] / (count - 1));
      running_mean[first + c] += momentum * (rounded_mean[c] - running_mean[first + c]);
      running_variance[first + c] += momentum * (unbiased - running_variance[first + c]);
      inverse_deviation[first + c] = (float)(1 / sqrt(variance[c] / count + (double)epsilon));
    }
    PB_KERNEL(normalize_block)(values + first, rows, stride, length, rounded_mean, inverse_deviation + first);
  }
}

static void PB_KERNEL(pb_batch_norm_evaluate)(float *restrict values, size_t rows, size_t stride, size_t columns,
                                              float epsilon, const float *restrict running_mean,
                                              const float *restrict running_variance) {
  for (size_t first = 0; first < columns; first += PB_COLUMNS) {
    const size_t length = pb_block_length(columns, first);
    float scale[PB_COLUMNS];
    for (size_t c = 0; c < length; c++) scale[c] = 1.0f / sqrtf(running_variance[first + c] + epsilon);
    PB_KERNEL(normalize_block)(values + first, rows, stride, length, running_mean + first, scale);
  }
}

static void PB_KERNEL(add_block_products)(const float *restrict gradient, const float *restrict normalized, size_t rows,
                                          size_t stride, size_t columns, double *restrict sums,
                                          double *restrict products) {
  size_t row = 0;
  for (; row + 8 <= rows; row += 8, gradient += 8 * stride, normalized += 8 * stride) {
    PB_VECTORIZE
    for (size_t c = 0; c < columns; c++) {
#define PB_VALUE(r) gradient[(r) * stride + c]
#define PB_PRODUCT(r) gradient[(r) * stride + c] * normalized[(r) * stride + c]
      sums[c] += (double)PB_SUM_OF_EIGHT(PB_VALUE);
      products[c] += (double)PB_SUM_OF_EIGHT(PB_PRODUCT);
#undef PB_PRODUCT
#undef PB_VALUE
    }
  }
  for (; row < rows; row++, gradient += stride, normalized += stride) {
    PB_VECTORIZE
    for (size_t c = 0; c < columns; c++) {
      sums[c] += (double)gradient[c];
      products[c] += (double)(gradient[c] * normalized[c]);
    }
  }
}

static void PB_KERNEL(pb_batch_norm_backward)(float *restrict gradient, const float *restrict normalized, size_t rows,
                                              size_t stride, size_t columns, const float *restrict inverse_deviation) {
  for (size_t first = 0; first < columns; first += PB_COLUMNS) {
    const size_t length = pb_block_length(columns, first);
    double sums[PB_COLUMNS] = {0}, products[PB_COLUMNS] = {0};
    PB_KERNEL(add_block_products)(gradient + first, normalized + first, rows, stride, length, sums, products);
    float mean[PB_COLUMNS], mean_product[PB_COLUMNS];
    for (size_t c = 0; c < length; c++) {
      mean[c] = (float)(sums[c] / (double)rows);
      mean_product[c] = (float)(products[c] / (double)rows);
    }
    const float *restrict scale = inverse_deviation + first;
    for (size_t row = 0; row < rows; row++) {
      float *restrict g = gradient + row * stride + first;
      const float *restrict n = normalized + row * stride + first;
      PB_VECTORIZE
      for (size_t c = 0; c < length; c++) g[c] = scale[c] * (g[c] - mean[c] - n[c] * mean_product[c]);
    }
  }
}
#undef PB_SUM_OF_EIGHT
