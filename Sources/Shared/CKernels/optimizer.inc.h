/// The bits of a value's magnitude: those of what is not finite are the greatest.
static inline __attribute__((always_inline)) uint32_t PB_KERNEL(magnitude_bits)(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits & INT32_MAX;
}

static int PB_KERNEL(pb_momentum_update)(float *restrict weights, float *restrict velocity, float *restrict gradient,
                                         size_t count, const pb_momentum_step *restrict step) {
  const float rate = step->learning_rate, momentum = step->momentum, decay = step->weight_decay, scale = step->scale;
  // With Nesterov's momentum a step goes along g + momentum velocity, without along the velocity.
  const float ahead = step->nesterov ? momentum : 1.0f, along = step->nesterov ? 1.0f : 0.0f;
  uint32_t greatest = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const float g = scale * (gradient[i] + decay * weights[i]);
    const float v = momentum * velocity[i] + g;
    const float w = weights[i] - rate * (along * g + ahead * v);
    const uint32_t bits = PB_KERNEL(magnitude_bits)(w);
    velocity[i] = v;
    weights[i] = w;
    gradient[i] = 0;
    greatest = bits > greatest ? bits : greatest;
  }
  return greatest < PB_INFINITY_BITS;
}

static int PB_KERNEL(pb_adamw_update)(float *restrict weights, float *restrict first, float *restrict second,
                                      float *restrict gradient, size_t count, const pb_adamw_step *restrict step) {
  const float beta1 = step->beta1, beta2 = step->beta2, epsilon = step->epsilon, decay = step->decay;
  const float size = step->step_size, scale = step->second_scale;
  uint32_t greatest = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const float g = gradient[i];
    const float m = beta1 * first[i] + (1 - beta1) * g;
    const float v = beta2 * second[i] + (1 - beta2) * (g * g);
    const float w = weights[i] * decay - size * m / (__builtin_elementwise_sqrt(v) * scale + epsilon);
    const uint32_t bits = PB_KERNEL(magnitude_bits)(w);
    first[i] = m;
    second[i] = v;
    weights[i] = w;
    gradient[i] = 0;
    greatest = bits > greatest ? bits : greatest;
  }
  return greatest < PB_INFINITY_BITS;
}

static void PB_KERNEL(pb_sums_of_squares)(const float *restrict weights, const float *restrict gradient,
                                          float weight_decay, size_t count, double sums[2]) {
  // A square of a float is exact in double precision, fused or not; the decayed gradient would not be.
  _Pragma("clang fp contract(off)")
  double squares[2][PB_LANES] = {{0}};
  const size_t whole = count / PB_LANES * PB_LANES;
  for (size_t start = 0; start < whole; start += PB_LANES) {
    PB_VECTORIZE
    for (size_t i = 0; i < PB_LANES; i++) {
      const double w = weights[start + i];
      const double g = gradient[start + i] + weight_decay * weights[start + i];
      squares[0][i] += w * w;
      squares[1][i] += g * g;
    }
  }
  for (size_t i = whole; i < count; i++) {
    const double w = weights[i];
    const double g = gradient[i] + weight_decay * weights[i];
    squares[0][i - whole] += w * w;
    squares[1][i - whole] += g * g;
  }
  for (size_t kind = 0; kind < 2; kind++) {
    sums[kind] = 0;
    for (size_t i = 0; i < PB_LANES; i++) sums[kind] += squares[kind][i];
  }
}

static int PB_KERNEL(pb_all_finite)(const float *restrict values, size_t count) {
  uint32_t greatest = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = PB_KERNEL(magnitude_bits)(values[i]);
    greatest = bits > greatest ? bits : greatest;
  }
  return greatest < PB_INFINITY_BITS;
}
