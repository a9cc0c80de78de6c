#include "include/CCeilings.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET(features) __attribute__((target(features)))
#else
#define TARGET(features)
#endif

#define UNROLL _Pragma("clang loop unroll(full)")
#define VECTORIZE _Pragma("clang loop vectorize(enable)")
// A product and a sum are one operation where the processor has it.
#define FUSE _Pragma("clang fp contract(fast)")

// Enough independent sums to hide the latency of an addition (4 cycles, 2 a cycle), and few enough for the registers.
#define SUMS 12

/// Compiles the loops for one instruction set, with vectors of `width` bytes.
#define CEILINGS(level, width, features)                                                           \
  TARGET(features) static float fma_##level(size_t rounds, float factor, float term) {             \
    FUSE typedef float vector __attribute__((vector_size(width)));                                 \
    vector sums[SUMS];                                                                             \
    for (int i = 0; i < SUMS; i++) sums[i] = (vector){} + (float)i;                                \
    for (size_t round = 0; round < rounds; round++) {                                              \
      UNROLL for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * factor + term;                     \
    }                                                                                              \
    for (int i = 1; i < SUMS; i++) sums[0] += sums[i];                                             \
    float total = 0;                                                                               \
    for (size_t lane = 0; lane < width / sizeof(float); lane++) total += sums[0][lane];            \
    return total;                                                                                  \
  }                                                                                                \
  TARGET(features) static uint64_t read_##level(const uint64_t *words, size_t count) {             \
    typedef uint64_t vector __attribute__((vector_size(width), aligned(8)));                       \
    enum { LANES = width / sizeof(uint64_t) };                                                     \
    vector sums[4] = {};                                                                           \
    for (size_t start = 0; start < count; start += 4 * LANES) {                                    \
      UNROLL for (int i = 0; i < 4; i++) sums[i] += *(const vector *)(words + start + i * LANES);  \
    }                                                                                              \
    const vector sum = sums[0] + sums[1] + sums[2] + sums[3];                                      \
    uint64_t total = 0;                                                                            \
    for (int lane = 0; lane < LANES; lane++) total += sum[lane];                                   \
    return total;                                                                                  \
  }                                                                                                \
  TARGET(features) static void sweep_##level(const float *input, float *output, size_t count) {    \
    FUSE VECTORIZE for (size_t i = 0; i < count; i++) output[i] = input[i] * 2 + 1;                \
  }                                                                                                \
  TARGET(features) static void narrow_##level(const uint32_t *input, uint16_t *output, size_t count) { \
    VECTORIZE for (size_t i = 0; i < count; i++) output[i] = (uint16_t)(input[i] >> 16);           \
  }                                                                                                \
  TARGET(features) static void widen_##level(const uint16_t *input, uint32_t *output, size_t count) { \
    VECTORIZE for (size_t i = 0; i < count; i++) output[i] = (uint32_t)input[i] << 16;             \
  }

#if defined(__x86_64__)
CEILINGS(avx512, 64, "avx512f,avx512vl,avx512bw,avx512dq")
CEILINGS(avx2, 32, "avx2,fma")
CEILINGS(baseline, 16, "sse2")

static int vector_bytes(void) {
  // __builtin_cpu_supports also asks the operating system whether it saves the wide registers.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq")) {
    return 64;
  }
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 32 : 16;
}

#define DISPATCH(kernel, ...)                      \
  (vector_bytes() == 64   ? kernel##_avx512(__VA_ARGS__) \
   : vector_bytes() == 32 ? kernel##_avx2(__VA_ARGS__)   \
                          : kernel##_baseline(__VA_ARGS__))
#else
CEILINGS(baseline, 16, )

static int vector_bytes(void) { return 16; }

#define DISPATCH(kernel, ...) kernel##_baseline(__VA_ARGS__)
#endif

double pb_ceiling_fma(size_t rounds, float *sink) {
  // Read from memory, so that the compiler cannot know the sums beforehand.
  const volatile float factor = 0.999f, term = 0.001f;
  *sink = DISPATCH(fma, rounds, factor, term);
  return 2.0 * SUMS * (vector_bytes() / (double)sizeof(float)) * (double)rounds;
}

uint64_t pb_ceiling_read(const uint64_t *words, size_t count) { return DISPATCH(read, words, count); }

void pb_ceiling_sweep(const float *input, float *output, size_t count) { DISPATCH(sweep, input, output, count); }

void pb_ceiling_narrow(const uint32_t *input, uint16_t *output, size_t count) {
  DISPATCH(narrow, input, output, count);
}

void pb_ceiling_widen(const uint16_t *input, uint32_t *output, size_t count) { DISPATCH(widen, input, output, count); }

#if defined(__x86_64__)
TARGET("avx512f,avx512bf16")
static float bf16_dot(size_t rounds, uint16_t pattern) {
  __m512 sums[SUMS];
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_set1_ps((float)i);
  const __m512i bits = _mm512_set1_epi32(pattern * 0x10001);
  __m512bh factor;
  memcpy(&factor, &bits, sizeof factor);
  for (size_t round = 0; round < rounds; round++) {
    UNROLL for (int i = 0; i < SUMS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], factor, factor);
  }
  for (int i = 1; i < SUMS; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_reduce_add_ps(sums[0]);
}

double pb_ceiling_bf16_dot(size_t rounds, float *sink) {
  if (vector_bytes() < 64 || !__builtin_cpu_supports("avx512bf16")) return 0;
  const volatile uint16_t pattern = 0x3A83;  // about 0.001
  *sink = bf16_dot(rounds, pattern);
  // 32 pairs of products and additions an instruction.
  return 2.0 * SUMS * 32 * (double)rounds;
}
#else
double pb_ceiling_bf16_dot(size_t rounds, float *sink) {
  (void)rounds;
  (void)sink;
  return 0;
}
#endif
