// Compiles a family's form for processors that multiply bfloat16, where PB_FAMILY is its file; behind for_each_level.h.
#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))), apply_to = function)
#define PB_WIDE_REGISTERS 1
#define PB_LEVEL avx512bf16
#include PB_FAMILY
#undef PB_LEVEL
#undef PB_WIDE_REGISTERS
#pragma clang attribute pop
#endif
#undef PB_FAMILY
