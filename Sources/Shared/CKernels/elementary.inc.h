// Elementary functions that vectorise: polynomials instead of calls into the mathematics library, right to a few units
// in the last place. The coefficients come from tools/reference/polynomials.py. Each takes NaN to NaN.
//
// A family includes this at its top, so that the functions are compiled once per level as well. They are inlined; a
// caller's permission to reorder sums does not reach into them.

#define PB_ELEMENTARY static inline __attribute__((always_inline, unused))

PB_ELEMENTARY float PB_KERNEL(from_bits)(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

PB_ELEMENTARY uint32_t PB_KERNEL(to_bits)(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// The sum of 16 partial sums, in an order that is the same at every level.
PB_ELEMENTARY float PB_KERNEL(lane_sum)(const float lanes[16]) {
  float halves[8], quarters[4];
  for (int i = 0; i < 8; i++) halves[i] = lanes[i] + lanes[i + 8];
  for (int i = 0; i < 4; i++) quarters[i] = halves[i] + halves[i + 4];
  return (quarters[0] + quarters[2]) + (quarters[1] + quarters[3]);
}

/// exp(r) - 1 and *power = 2^n, where x = n log(2) + r with |r| at most log(2) / 2; arguments outside -87 ... 88 count as
/// -87 and 88, so that the power is a normal number.
PB_ELEMENTARY float PB_KERNEL(exponential_parts)(float x, float *power) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits.
  const float shifted = x * 1.44269504f + 0x1.8p23f;
  const float n = shifted - 0x1.8p23f;
  float r = x - n * 0.693359375f;  // log(2) in two parts; n times the first is exact
  r = r + n * 2.12194440e-4f;
  float p = 0.00138146023f;
  p = p * r + 0.00836871564f;
  p = p * r + 0.041668389f;
  p = p * r + 0.166665211f;
  p = p * r + 0.49999994f;
  *power = PB_KERNEL(from_bits)((PB_KERNEL(to_bits)(shifted) << 23) + (127u << 23));
  return p * (r * r) + r;
}

/// exp(x); arguments outside -87 ... 88 count as -87 and 88, so that the result is a normal number.
PB_ELEMENTARY float PB_KERNEL(exponential)(float x) {
  float power;
  const float p = PB_KERNEL(exponential_parts)(x, &power);
  return p * power + power;
}

/// exp(x) for x up to 0, in a softmax. What is below 1e-30 counts as nothing: it is none beside the 1 of the row's greatest
/// value, and products with it would be subnormal numbers, which many processors compute slowly.
PB_ELEMENTARY float PB_KERNEL(share)(float x) {
  const float e = PB_KERNEL(exponential)(x);
  return e < 1e-30f ? 0.0f : e;
}

/// exp(x) - 1, right for small x, too.
PB_ELEMENTARY float PB_KERNEL(exponential_less_1)(float x) {
  float power;
  const float p = PB_KERNEL(exponential_parts)(x, &power);
  return p * power + (power - 1.0f);
}

/// log(x) for positive normal numbers.
PB_ELEMENTARY float PB_KERNEL(logarithm)(float x) {
  // x = m 2^e with sqrt(1/2) <= m < sqrt(2).
  const uint32_t bits = PB_KERNEL(to_bits)(x);
  const int32_t e = (int32_t)(bits - 0x3F3504F3u) >> 23;
  const float f = PB_KERNEL(from_bits)(bits - ((uint32_t)e << 23)) - 1.0f;
  float p = -0.0763227195f;
  p = p * f + 0.127608553f;
  p = p * f + -0.131606355f;
  p = p * f + 0.142018825f;
  p = p * f + -0.166233271f;
  p = p * f + 0.200012207f;
  p = p * f + -0.250008225f;
  p = p * f + 0.333333313f;
  const float exponent = (float)e;
  const float square = f * f;
  float y = p * f * square;
  y = y + exponent * -2.12194440e-4f;
  y = y - 0.5f * square;
  return (f + y) + exponent * 0.693359375f;
}

/// 1 - Phi(t), the upper tail of the normal distribution, for t >= 0.
PB_ELEMENTARY float PB_KERNEL(normal_tail)(float t) {
  t = t > 16.0f ? 16.0f : t;
  float p = -1.96501196e-06f;
  p = p * t + 2.72945344e-05f;
  p = p * t + -0.000129050299f;
  p = p * t + -9.49170862e-05f;
  p = p * t + 0.00489598978f;
  p = p * t + -0.0363875777f;
  p = p * t + -0.318298876f;
  p = p * t + -0.797885299f;
  return 0.5f * PB_KERNEL(exponential)(p * t);
}

/// 1 / (1 + exp(-x))
PB_ELEMENTARY float PB_KERNEL(sigmoid)(float x) { return 1.0f / (1.0f + PB_KERNEL(exponential)(-x)); }

/// tanh(x)
PB_ELEMENTARY float PB_KERNEL(hyperbolic_tangent)(float x) {
  // From the side where the exponential is small: it neither overflows nor cancels.
  const float t = PB_KERNEL(exponential_less_1)(x < 0.0f ? 2.0f * x : -2.0f * x);
  const float y = t / (2.0f + t);
  return x < 0.0f ? y : -y;
}

/// log(1 + exp(x))
PB_ELEMENTARY float PB_KERNEL(softplus)(float x) {
  const float e = PB_KERNEL(exponential)(x < 0.0f ? x : -x);
  const float sum = 1.0f + e;
  // What the sum has lost of e comes back to first order.
  const float log_sum = PB_KERNEL(logarithm)(sum) + (e - (sum - 1.0f)) / sum;
  return x < 0.0f ? log_sum : x + log_sum;
}
