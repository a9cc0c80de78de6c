// What this processor does at best, for kernels to be compared with: loops that do one thing, with the widest vectors
// that it has.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Multiplies and adds in registers alone. Returns the operations done, two for a multiplication and its addition.
///
/// - sink: receives a value that depends on all of them, so that none is left out.
double pb_ceiling_fma(size_t rounds, float *sink);

/// The same with pairs of bfloat16 values that are added to single-precision sums (AVX512-BF16); 0 operations on a
/// processor without.
double pb_ceiling_bf16_dot(size_t rounds, float *sink);

/// Reads memory; returns a sum that depends on all of it. `count` is a multiple of 32 words.
uint64_t pb_ceiling_read(const uint64_t *words, size_t count);

/// output = 2 input + 1: the least that a kernel does which makes one value of another.
void pb_ceiling_sweep(const float *input, float *output, size_t count);

/// output = the upper half of input; and the reverse: the least that a conversion does.
void pb_ceiling_narrow(const uint32_t *input, uint16_t *output, size_t count);
void pb_ceiling_widen(const uint16_t *input, uint32_t *output, size_t count);

#ifdef __cplusplus
}
#endif
