// Magnitudes are compared as whole numbers, where infinity comes after every number and NaN after infinity.

static bool PB_KERNEL(pb_f32_to_f32)(const float *restrict source, float *restrict destination, size_t count) {
  const pb_bits32 *restrict bits = (const pb_bits32 *)source;
  pb_bits32 *restrict copies = (pb_bits32 *)destination;
  uint32_t largest = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const uint32_t x = bits[i];
    const uint32_t magnitude = x & 0x7FFFFFFF;
    largest = magnitude > largest ? magnitude : largest;
    copies[i] = x;
  }
  return largest < PB_F32_INFINITE;
}

static bool PB_KERNEL(pb_f32_to_f16)(const float *restrict source, uint16_t *restrict destination, size_t count) {
  const pb_bits32 *restrict bits = (const pb_bits32 *)source;
  pb_half *restrict half = (pb_half *)destination;
  uint32_t largest = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const uint32_t magnitude = bits[i] & 0x7FFFFFFF;
    largest = magnitude > largest ? magnitude : largest;
    half[i] = (_Float16)source[i];
  }
  return largest < PB_F16_INFINITE;
}

static void PB_KERNEL(pb_f16_to_f32)(const uint16_t *restrict source, float *restrict destination, size_t count) {
  const pb_half *restrict half = (const pb_half *)source;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) destination[i] = (float)half[i];
}

static bool PB_KERNEL(pb_f32_to_bf16)(const float *restrict source, uint16_t *restrict destination, size_t count) {
  const pb_bits32 *restrict bits = (const pb_bits32 *)source;
  uint32_t largest = 0;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) {
    const uint32_t magnitude = bits[i] & 0x7FFFFFFF;
    largest = magnitude > largest ? magnitude : largest;
    destination[i] = pb_round_to_bf16(bits[i]);
  }
  return largest < PB_BF16_INFINITE;
}

static void PB_KERNEL(pb_bf16_to_f32)(const uint16_t *restrict source, float *restrict destination, size_t count) {
  pb_bits32 *restrict bits = (pb_bits32 *)destination;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) bits[i] = (uint32_t)source[i] << 16;
}
