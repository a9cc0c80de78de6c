#include "include/pb_rounded_pooling.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "dispatch.h"

#define PB_LANES 16
/// The bytes of a cache line.
#define PB_LINE 64
typedef float pb_f32x16 __attribute__((ext_vector_type(16)));
typedef uint16_t pb_u16x16 __attribute__((ext_vector_type(16)));
typedef uint16_t pb_u16x32 __attribute__((ext_vector_type(32)));
typedef _Float16 pb_f16x16 __attribute__((ext_vector_type(16)));
typedef uint32_t pb_u32x16 __attribute__((ext_vector_type(16)));

// Vectors wider than a level's registers never cross a call: whoever takes or returns one is inlined.
#pragma clang diagnostic ignored "-Wpsabi"
#define PB_INLINE static inline __attribute__((always_inline, unused))

/// The tokens and queries of a block of products, the tokens of a single query, and the queries of a block of sums: as
/// many accumulators as the level has registers for.
#define PB_BLOCK_TOKENS (PB_WIDE_REGISTERS ? 4 : 2)
#define PB_BLOCK_QUERIES (PB_WIDE_REGISTERS ? 4 : 2)
#define PB_SINGLE_TOKENS (PB_WIDE_REGISTERS ? 16 : 4)
#define PB_SUM_QUERIES (PB_WIDE_REGISTERS ? 6 : 2)

#define PB_FAMILY "rounded_pooling.inc.h"
#include "for_each_level.h"

#define PB_FAMILY "rounded_pooling_bf16.inc.h"
#include "for_bf16_level.h"

PB_DISPATCH_BF16(void, pb_rounded_tokens, (const uint16_t *tokens, uint16_t *rounded, size_t count),
                 (tokens, rounded, count))

#define PB_DISPATCH_ROUNDED(type)                                                                                 \
  PB_DISPATCH_BF16(void, pb_rounded_token_dots_##type,                                                            \
                   (const uint16_t *tokens, size_t token_count, size_t width, const uint16_t *queries,            \
                    size_t query_count, float *out, size_t out_stride),                                           \
                   (tokens, token_count, width, queries, query_count, out, out_stride))                           \
  PB_DISPATCH_BF16(void, pb_rounded_token_sums_##type,                                                            \
                   (const uint16_t *tokens, size_t token_count, size_t width, const uint16_t *weights,            \
                    size_t weight_stride, size_t query_count, float *out, const uint16_t *next),                  \
                   (tokens, token_count, width, weights, weight_stride, query_count, out, next))

PB_DISPATCH_ROUNDED(bf16)
PB_DISPATCH_ROUNDED(f16)
