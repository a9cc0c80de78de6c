// Which instruction set the kernels use.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  PB_CPU_BASELINE = 0,  // what the architecture always has: SSE2 on x86-64, NEON on arm64
  PB_CPU_AVX2 = 1,      // AVX2, FMA and F16C
  PB_CPU_AVX512 = 2,  // AVX-512 F, BW, DQ and VL as well
  PB_CPU_AVX512_BF16 = 3,  // and products of bfloat16
} pb_cpu_level;

/// The best level that this processor and its operating system offer.
pb_cpu_level pb_cpu_best_level(void);

/// The level that the process is allowed: the best one, unless the environment variable PATCHBANK_CPU (baseline, avx2,
/// avx512, avx512bf16) asks for less.
pb_cpu_level pb_cpu_process_level(void);
/// A level's name, as PATCHBANK_CPU has it.
const char *pb_cpu_level_name(pb_cpu_level level);
/// Whether PATCHBANK_CPU, where it is set, names a level.
int pb_cpu_environment_is_valid(void);

/// The level in use on this thread: the process's, unless pb_cpu_set_level asks for another.
pb_cpu_level pb_cpu_current_level(void);

/// Asks for a level on this thread alone, so that tests beside this one keep theirs; one that the processor does not
/// offer is lowered to the best one.
void pb_cpu_set_level(pb_cpu_level level);

/// The number of processors that this process may run on: its affinity mask where the system has one. C, as Swift
/// does not see sched_getaffinity, which glibc declares for _GNU_SOURCE only.
int pb_cpu_available_processors(void);

#ifdef __cplusplus
}
#endif
