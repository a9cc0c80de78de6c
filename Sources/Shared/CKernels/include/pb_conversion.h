// Between single precision and the types that tokens are stored in. Rounding is to nearest even.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Each says whether every value is finite as it is stored.
bool pb_f32_to_f32(const float *source, float *destination, size_t count);
bool pb_f32_to_f16(const float *source, uint16_t *destination, size_t count);
bool pb_f32_to_bf16(const float *source, uint16_t *destination, size_t count);
void pb_f16_to_f32(const uint16_t *source, float *destination, size_t count);
void pb_bf16_to_f32(const uint16_t *source, float *destination, size_t count);

uint16_t pb_f32_to_f16_reference(float value);
uint16_t pb_f32_to_bf16_reference(float value);
float pb_f16_to_f32_reference(uint16_t value);
float pb_bf16_to_f32_reference(uint16_t value);

#ifdef __cplusplus
}
#endif
