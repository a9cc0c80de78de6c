// Writing PNG with libpng. Its errors leave by longjmp, which must not cross Swift frames: it stays in this target.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Encodes 8-bit interleaved RGB, [height, width, 3], as a PNG that is not interlaced.
///
/// On success returns 0 and stores the encoded bytes, which the caller frees with free(). On failure returns -1,
/// stores what went wrong (ended by a zero) and leaves nothing to free.
int pb_png_encode_rgb(
  const uint8_t *pixels, uint32_t width, uint32_t height, uint8_t **bytes, size_t *count, char message[256]);

#ifdef __cplusplus
}
#endif
