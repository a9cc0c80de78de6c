// Stored values as single precision, each form by a name that a family's macros can choose.
#pragma once
#include <stdint.h>
#include <string.h>

#define pb_widen_f32(value) (value)
#define pb_widen_f16(value) ((float)(value))
#define pb_widen_i8(value) ((float)(value))

static inline __attribute__((always_inline, unused)) float pb_widen_bf16(uint16_t value) {
  const uint32_t bits = (uint32_t)value << 16;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}
