/// Points in lanes, sources one after the other: nothing is summed across lanes, and no sum is longer in one than in another.
PB_INLINE void PB_KERNEL(push)(const pb_f64x8 *x, const pb_f64x8 *y, double source_x, double source_y, double mass,
                               pb_f64x8 *force_x, pb_f64x8 *force_y, pb_f64x8 *affinity) {
  const pb_f64x8 dx = *x - source_x, dy = *y - source_y;
  const pb_f64x8 q = 1.0 / (1.0 + dx * dx + dy * dy);
  const pb_f64x8 heavy = mass * q;
  const pb_f64x8 strength = heavy * q;
  *affinity += heavy;
  *force_x += strength * dx;
  *force_y += strength * dy;
}

/// Sixteen points, in two vectors: one divides while the other adds.
PB_INLINE void PB_KERNEL(push_block)(const double *x, const double *y, const double *source_x, const double *source_y,
                                     const double *mass, size_t source_count, double *force_x, double *force_y,
                                     double *affinity) {
  pb_f64x8 px[2], py[2], fx[2], fy[2], sum[2];
  memcpy(px, x, sizeof px);
  memcpy(py, y, sizeof py);
  memcpy(fx, force_x, sizeof fx);
  memcpy(fy, force_y, sizeof fy);
  memcpy(sum, affinity, sizeof sum);
  for (size_t s = 0; s < source_count; s++) {
    PB_KERNEL(push)(&px[0], &py[0], source_x[s], source_y[s], mass[s], &fx[0], &fy[0], &sum[0]);
    PB_KERNEL(push)(&px[1], &py[1], source_x[s], source_y[s], mass[s], &fx[1], &fy[1], &sum[1]);
  }
  memcpy(force_x, fx, sizeof fx);
  memcpy(force_y, fy, sizeof fy);
  memcpy(affinity, sum, sizeof sum);
}

static void PB_KERNEL(pb_repulsion)(const double *restrict x, const double *restrict y, size_t count,
                                    const double *restrict source_x, const double *restrict source_y,
                                    const double *restrict mass, size_t source_count, double *restrict force_x,
                                    double *restrict force_y, double *restrict affinity) {
  enum { BLOCK = 16 };
  size_t start = 0;
  for (; start + BLOCK <= count; start += BLOCK) {
    PB_KERNEL(push_block)
    (x + start, y + start, source_x, source_y, mass, source_count, force_x + start, force_y + start, affinity + start);
  }
  const size_t rest = count - start;
  if (rest == 0) return;
  double values[5][BLOCK] = {{0}};
  memcpy(values[0], x + start, rest * sizeof(double));
  memcpy(values[1], y + start, rest * sizeof(double));
  memcpy(values[2], force_x + start, rest * sizeof(double));
  memcpy(values[3], force_y + start, rest * sizeof(double));
  memcpy(values[4], affinity + start, rest * sizeof(double));
  PB_KERNEL(push_block)(values[0], values[1], source_x, source_y, mass, source_count, values[2], values[3], values[4]);
  memcpy(force_x + start, values[2], rest * sizeof(double));
  memcpy(force_y + start, values[3], rest * sizeof(double));
  memcpy(affinity + start, values[4], rest * sizeof(double));
}
