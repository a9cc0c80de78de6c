#define _GNU_SOURCE
#include "include/pb_cpu.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

pb_cpu_level pb_cpu_best_level(void) {
#if defined(__x86_64__)
  // __builtin_cpu_supports also asks the operating system whether it saves the wide registers.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return __builtin_cpu_supports("avx512bf16") ? PB_CPU_AVX512_BF16 : PB_CPU_AVX512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
    return PB_CPU_AVX2;
  }
#endif
  return PB_CPU_BASELINE;
}

static pb_cpu_level at_most_best(pb_cpu_level level) {
  const pb_cpu_level best = pb_cpu_best_level();
  return level < best ? level : best;
}

static const char *const level_names[] = {"baseline", "avx2", "avx512", "avx512bf16"};

const char *pb_cpu_level_name(pb_cpu_level level) { return level_names[level]; }

/// The level of a name; -1 for a word that is none.
static int level_named(const char *name) {
  for (int level = PB_CPU_BASELINE; level <= PB_CPU_AVX512_BF16; level++) {
    if (strcmp(name, level_names[level]) == 0) return level;
  }
  return -1;
}

static pb_cpu_level level_from_environment(void) {
  const char *name = getenv("PATCHBANK_CPU");
  const int level = name ? level_named(name) : -1;
  return level < 0 ? PB_CPU_AVX512_BF16 : (pb_cpu_level)level;
}

int pb_cpu_environment_is_valid(void) {
  const char *name = getenv("PATCHBANK_CPU");
  return !name || level_named(name) >= 0;
}

static atomic_int process_level = -1;
static _Thread_local int thread_level = -1;

void pb_cpu_set_level(pb_cpu_level level) { thread_level = (int)at_most_best(level); }

pb_cpu_level pb_cpu_process_level(void) {
  int level = atomic_load_explicit(&process_level, memory_order_relaxed);
  if (level < 0) {
    level = (int)at_most_best(level_from_environment());
    atomic_store_explicit(&process_level, level, memory_order_relaxed);
  }
  return (pb_cpu_level)level;
}

pb_cpu_level pb_cpu_current_level(void) {
  return thread_level >= 0 ? (pb_cpu_level)thread_level : pb_cpu_process_level();
}

int pb_cpu_available_processors(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}
