static void PB_KERNEL(pb_f32_to_f16)(const float *restrict source, uint16_t *restrict destination, size_t count) {
  pb_half *restrict half = (pb_half *)destination;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) half[i] = (_Float16)source[i];
}

static void PB_KERNEL(pb_f16_to_f32)(const uint16_t *restrict source, float *restrict destination, size_t count) {
  const pb_half *restrict half = (const pb_half *)source;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) destination[i] = (float)half[i];
}

static void PB_KERNEL(pb_f32_to_bf16)(const float *restrict source, uint16_t *restrict destination, size_t count) {
  const pb_bits32 *restrict bits = (const pb_bits32 *)source;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) destination[i] = pb_round_to_bf16(bits[i]);
}

static void PB_KERNEL(pb_bf16_to_f32)(const uint16_t *restrict source, float *restrict destination, size_t count) {
  pb_bits32 *restrict bits = (pb_bits32 *)destination;
  PB_VECTORIZE
  for (size_t i = 0; i < count; i++) bits[i] = (uint32_t)source[i] << 16;
}
