#include "include/pb_selection.h"

#include "dispatch.h"

enum { PB_LANES = 16 };

#define PB_FAMILY "selection.inc.h"
#include "for_each_level.h"

PB_DISPATCH(size_t, pb_select_above, (const float *values, size_t count, float threshold, uint32_t *indices),
            (values, count, threshold, indices))

size_t pb_select_above_reference(const float *values, size_t count, float threshold, uint32_t *indices) {
  size_t selected = 0;
  for (size_t i = 0; i < count; i++) {
    if (values[i] > threshold) indices[selected++] = (uint32_t)i;
  }
  return selected;
}
