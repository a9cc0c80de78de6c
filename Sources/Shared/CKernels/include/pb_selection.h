// Which values of a row are large: a search for neighbours looks at those alone.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Writes the indices of the values above a threshold, in their order, and returns how many there are. There is room
/// for `count` indices.
size_t pb_select_above(const float *values, size_t count, float threshold, uint32_t *indices);
size_t pb_select_above_reference(const float *values, size_t count, float threshold, uint32_t *indices);

#ifdef __cplusplus
}
#endif
