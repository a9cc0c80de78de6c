// `value` is token d of `token` with its channel's scale; the token's own scale, which mean and deviation are
// proportional to, comes in once a token.
#define PB_TOKEN_NORM(type, element, value, scale_of_token)                                                          \
  static inline __attribute__((always_inline)) pb_moments PB_KERNEL(moments_##type)(                                 \
      const element *restrict token, size_t width, const float *restrict channel_scales, float scale, int centers,   \
      float epsilon) {                                                                                               \
    PB_REASSOCIATE                                                                                                   \
    (void)channel_scales;                                                                                            \
    const float count = (float)width;                                                                                \
    float sum = 0;                                                                                                   \
    PB_VECTORIZE                                                                                                     \
    for (size_t d = 0; d < width; d++) sum += value;                                                                 \
    const float mean = centers ? sum / count : 0;                                                                    \
    float rest = 0, squares = 0;                                                                                     \
    PB_VECTORIZE                                                                                                     \
    for (size_t d = 0; d < width; d++) {                                                                             \
      const float difference = value - mean;                                                                         \
      rest += difference;                                                                                            \
      squares += difference * difference;                                                                            \
    }                                                                                                                \
    const float correction = centers ? rest / count : 0;                                                             \
    const float variance = squares / count - correction * correction;                                                \
    /* Not fmaxf, which would take NaN to 0. */                                                                      \
    const float deviation = sqrtf((variance < 0 ? 0.0f : variance) * (scale * scale) + epsilon);                     \
    return (pb_moments){mean + correction, 1.0f / deviation};                                                        \
  }                                                                                                                  \
                                                                                                                     \
  static void PB_KERNEL(pb_token_moments_##type)(const element *restrict tokens, size_t token_count, size_t width,   \
                                                 const float *restrict token_scales,                                 \
                                                 const float *restrict channel_scales, float epsilon,                \
                                                 float *restrict mean, float *restrict inverse_deviation) {          \
    (void)token_scales;                                                                                              \
    for (size_t t = 0; t < token_count; t++) {                                                                       \
      const float scale = scale_of_token;                                                                            \
      const pb_moments moments =                                                                                     \
          PB_KERNEL(moments_##type)(tokens + t * width, width, channel_scales, scale, 1, epsilon);                   \
      mean[t] = moments.mean * scale;                                                                                \
      inverse_deviation[t] = moments.inverse_deviation;                                                              \
    }                                                                                                                \
  }                                                                                                                  \
                                                                                                                     \
  static void PB_KERNEL(pb_token_norm_##type)(const element *restrict tokens, size_t token_count, size_t width,      \
                                              const float *restrict token_scales,                                    \
                                              const float *restrict channel_scales, const float *restrict weight,    \
                                              const float *restrict bias, int centers, float epsilon,                \
                                              float *restrict out) {                                                 \
    (void)token_scales;                                                                                              \
    for (size_t t = 0; t < token_count; t++, out += width) {                                                         \
      const element *restrict token = tokens + t * width;                                                            \
      const float scale = scale_of_token;                                                                            \
      const pb_moments moments = PB_KERNEL(moments_##type)(token, width, channel_scales, scale, centers, epsilon);   \
      const float mean = moments.mean, factor = moments.inverse_deviation * scale;                                   \
      PB_VECTORIZE                                                                                                   \
      for (size_t d = 0; d < width; d++) out[d] = (value - mean) * factor * weight[d] + bias[d];                     \
    }                                                                                                                \
  }

PB_TOKEN_NORM(f32, float, pb_widen_f32(token[d]), 1.0f)
PB_TOKEN_NORM(f16, pb_half, pb_widen_f16(token[d]), 1.0f)
PB_TOKEN_NORM(bf16, uint16_t, pb_widen_bf16(token[d]), 1.0f)
PB_TOKEN_NORM(i8, int8_t, (pb_widen_i8(token[d]) * channel_scales[d]), token_scales[t])
#undef PB_TOKEN_NORM
