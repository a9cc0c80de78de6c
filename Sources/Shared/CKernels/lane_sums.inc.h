// Sums over the lanes of vectors, in one order whether one is taken or sixteen side by side.

/// The sum of 16 lanes: i with i + 8, then with i + 4, i + 2 and i + 1.
PB_INLINE float PB_KERNEL(sum_lanes)(pb_f32x16 x) {
  float lanes[PB_LANES];
  memcpy(lanes, &x, sizeof lanes);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

/// The sums of 16 vectors, one a lane, each in the order of `sum_lanes`.
PB_INLINE pb_f32x16 PB_KERNEL(sum_each)(const pb_f32x16 x[16]) {
  pb_f32x16 halves[8], quarters[4], eighths[2];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i++) {
    const pb_f32x16 a = x[2 * i], b = x[2 * i + 1];
    halves[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
                __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const pb_f32x16 a = halves[2 * i], b = halves[2 * i + 1];
    quarters[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
                  __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    const pb_f32x16 a = quarters[2 * i], b = quarters[2 * i + 1];
    eighths[i] = __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
                 __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
  }
  const pb_f32x16 a = eighths[0], b = eighths[1];
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
