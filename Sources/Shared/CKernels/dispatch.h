// How a family of kernels is compiled for each instruction set and chosen from at run time.
//
//   #define PB_FAMILY "conversion.inc.h"
//   #include "for_each_level.h"       defines every kernel of the family once per level, as NAME_baseline, ...
//   PB_DISPATCH(void, pb_f32_to_f16, (const float *a, uint16_t *b, size_t n), (a, b, n))
#pragma once

#include <stdint.h>

#include "include/pb_cpu.h"

/// Types for looking at a buffer's bits as another type, which the aliasing rules otherwise forbid.
typedef _Float16 __attribute__((may_alias)) pb_half;
typedef uint32_t __attribute__((may_alias)) pb_bits32;

/// A float's bits, rounded to the nearest bfloat16, ties to even. A quiet NaN stays one whatever its low bits were.
static inline __attribute__((always_inline)) uint16_t pb_round_to_bf16(uint32_t bits) {
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  const uint32_t nan = (bits >> 16) | 0x40;
  return (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? nan : rounded);
}

#define PB_JOIN_(a, b) a##_##b
#define PB_JOIN(a, b) PB_JOIN_(a, b)
/// The name of a kernel at the level that is being compiled.
#define PB_KERNEL(name) PB_JOIN(name, PB_LEVEL)

/// In front of a loop: vectorise it. Sums may be reordered where the loop's function says so.
#define PB_VECTORIZE _Pragma("clang loop vectorize(enable) interleave(enable)")
/// First in a function's body: its sums may be reordered, and a product and a sum may fuse.
#define PB_REASSOCIATE _Pragma("clang fp reassociate(on) contract(fast)")

#if defined(__x86_64__)
#define PB_DISPATCH(result, name, parameters, arguments)       \
  result name parameters {                                     \
    switch (pb_cpu_current_level()) {                          \
      case PB_CPU_AVX512_BF16:                                 \
      case PB_CPU_AVX512: return name##_avx512 arguments;      \
      case PB_CPU_AVX2: return name##_avx2 arguments;          \
      default: return name##_baseline arguments;               \
    }                                                          \
  }
/// For kernels that have a form of their own where the processor multiplies bfloat16.
#define PB_DISPATCH_BF16(result, name, parameters, arguments)          \
  result name parameters {                                             \
    switch (pb_cpu_current_level()) {                                  \
      case PB_CPU_AVX512_BF16: return name##_avx512bf16 arguments;     \
      case PB_CPU_AVX512: return name##_avx512 arguments;              \
      case PB_CPU_AVX2: return name##_avx2 arguments;                  \
      default: return name##_baseline arguments;                       \
    }                                                                  \
  }
#else
#define PB_DISPATCH(result, name, parameters, arguments) \
  result name parameters { return name##_baseline arguments; }
#define PB_DISPATCH_BF16 PB_DISPATCH
#endif
