#include "include/pb_conversion.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

// The magnitudes from which on values are stored as infinity: halfway to the next power of two, which is rounded up.
#define PB_F16_INFINITE 0x477FF000u   // 65520
#define PB_BF16_INFINITE 0x7F7F8000u  // 2^128 - 2^119
#define PB_F32_INFINITE 0x7F800000u

#define PB_FAMILY "conversion.inc.h"
#include "for_each_level.h"

PB_DISPATCH(bool, pb_f32_to_f32, (const float *source, float *destination, size_t count),
            (source, destination, count))
PB_DISPATCH(bool, pb_f32_to_f16, (const float *source, uint16_t *destination, size_t count),
            (source, destination, count))
PB_DISPATCH(bool, pb_f32_to_bf16, (const float *source, uint16_t *destination, size_t count),
            (source, destination, count))
PB_DISPATCH(void, pb_f16_to_f32, (const uint16_t *source, float *destination, size_t count),
            (source, destination, count))
PB_DISPATCH(void, pb_bf16_to_f32, (const uint16_t *source, float *destination, size_t count),
            (source, destination, count))

// References: the definition of each format, bit by bit.

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

uint16_t pb_f32_to_f16_reference(float value) {
  const uint32_t bits = bits_of(value);
  const uint16_t sign = (uint16_t)((bits >> 16) & 0x8000);
  if (isnan(value)) return (uint16_t)(sign | 0x7E00 | ((bits >> 13) & 0x3FF));
  const double magnitude = fabs((double)value);
  if (magnitude >= 65520.0) return sign | 0x7C00;  // halfway to the next power of two rounds up to infinity
  if (magnitude < 0x1p-14) return sign | (uint16_t)nearbyint(magnitude * 0x1p24);  // subnormal: units of 2^-24
  int exponent;
  const double fraction = frexp(magnitude, &exponent);  // magnitude = fraction * 2^exponent, fraction in [0.5, 1)
  const uint32_t mantissa = (uint32_t)nearbyint(fraction * 2048.0);  // 1024 ... 2048: a carry moves the exponent
  return (uint16_t)(sign | (uint16_t)(((uint32_t)(exponent + 13) << 10) + mantissa));
}

uint16_t pb_f32_to_bf16_reference(float value) {
  const uint32_t bits = bits_of(value);
  if (isnan(value)) return (uint16_t)((bits >> 16) | 0x40);
  const uint32_t low = bits & 0xFFFF;
  const uint32_t high = bits >> 16;
  const int up = low > 0x8000 || (low == 0x8000 && (high & 1));
  return (uint16_t)(high + (uint32_t)up);
}

float pb_f16_to_f32_reference(uint16_t value) {
  const float sign = value & 0x8000 ? -1.0f : 1.0f;
  const int exponent = (value >> 10) & 31;
  const int mantissa = value & 0x3FF;
  if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * (float)ldexp(mantissa, -24);
  return sign * (float)ldexp(1024 + mantissa, exponent - 25);
}

float pb_bf16_to_f32_reference(uint16_t value) {
  const uint32_t bits = (uint32_t)value << 16;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}
