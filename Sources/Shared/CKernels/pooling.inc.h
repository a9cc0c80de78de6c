#define PB_POOLING(type, element, widen)                                                                             \
  static void PB_KERNEL(pb_token_dots_##type)(const element *restrict tokens, size_t token_count, size_t width,      \
                                              const float *restrict query, float *restrict out) {                    \
    PB_REASSOCIATE                                                                                                   \
    for (size_t t = 0; t < token_count; t++) {                                                                       \
      const element *restrict token = tokens + t * width;                                                            \
      float sum = 0;                                                                                                 \
      PB_VECTORIZE                                                                                                   \
      for (size_t d = 0; d < width; d++) sum += widen(token[d]) * query[d];                                          \
      out[t] = sum;                                                                                                  \
    }                                                                                                                \
  }                                                                                                                  \
                                                                                                                     \
  static void PB_KERNEL(pb_token_weighted_sum_##type)(const element *restrict tokens, size_t token_count,            \
                                                      size_t width, const float *restrict weights,                   \
                                                      float *restrict out) {                                         \
    PB_REASSOCIATE                                                                                                   \
    size_t t = 0;                                                                                                    \
    for (; t + 4 <= token_count; t += 4) { /* four tokens a sweep: out is loaded and stored a quarter as often */    \
      const element *restrict a = tokens + t * width;                                                                \
      const element *restrict b = a + width;                                                                         \
      const element *restrict c = b + width;                                                                         \
      const element *restrict e = c + width;                                                                         \
      const float wa = weights[t], wb = weights[t + 1], wc = weights[t + 2], we = weights[t + 3];                    \
      PB_VECTORIZE                                                                                                   \
      for (size_t d = 0; d < width; d++)                                                                             \
        out[d] += wa * widen(a[d]) + wb * widen(b[d]) + (wc * widen(c[d]) + we * widen(e[d]));                       \
    }                                                                                                                \
    for (; t < token_count; t++) {                                                                                   \
      const element *restrict token = tokens + t * width;                                                            \
      const float weight = weights[t];                                                                               \
      PB_VECTORIZE                                                                                                   \
      for (size_t d = 0; d < width; d++) out[d] += weight * widen(token[d]);                                         \
    }                                                                                                                \
  }

PB_POOLING(f32, float, pb_widen_f32)
PB_POOLING(f16, pb_half, pb_widen_f16)
PB_POOLING(bf16, uint16_t, pb_widen_bf16)
PB_POOLING(i8, int8_t, pb_widen_i8)
#undef PB_POOLING
