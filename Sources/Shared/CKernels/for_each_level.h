// Includes PB_FAMILY once per instruction set; no include guard, as each family includes this once. PB_WIDE_REGISTERS
// tells whether a level has 32 registers of 16 floats.
#define PB_WIDE_REGISTERS 0
#define PB_LEVEL baseline
#include PB_FAMILY
#undef PB_LEVEL

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define PB_LEVEL avx2
#include PB_FAMILY
#undef PB_LEVEL
#pragma clang attribute pop

#undef PB_WIDE_REGISTERS
#define PB_WIDE_REGISTERS 1
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#define PB_LEVEL avx512
#include PB_FAMILY
#undef PB_LEVEL
#pragma clang attribute pop
#endif
#undef PB_WIDE_REGISTERS
#undef PB_FAMILY
