static size_t PB_KERNEL(pb_select_above)(const float *restrict values, size_t count, float threshold,
                                         uint32_t *restrict indices) {
  const size_t whole = count / PB_LANES * PB_LANES;
  size_t selected = 0;
  for (size_t start = 0; start < whole; start += PB_LANES) {
    uint32_t above = 0;
    PB_VECTORIZE
    for (size_t i = 0; i < PB_LANES; i++) above |= values[start + i] > threshold;
    if (!above) continue;  // nearly always, once the threshold is high
    for (size_t i = start; i < start + PB_LANES; i++) {
      if (values[i] > threshold) indices[selected++] = (uint32_t)i;
    }
  }
  for (size_t i = whole; i < count; i++) {
    if (values[i] > threshold) indices[selected++] = (uint32_t)i;
  }
  return selected;
}
