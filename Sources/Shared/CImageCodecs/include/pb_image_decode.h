// JPEG and PNG to 8-bit RGB, by libjpeg and libpng.
//
// C rather than Swift because both libraries report errors by longjmp, which must never unwind a Swift frame: setjmp,
// the libraries' structures and their error handlers stay inside these functions. They keep nothing between calls, so
// any number of threads may call them at once.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  PB_IMAGE_OK = 0,
  PB_IMAGE_TRUNCATED,    // the file ends before its image does
  PB_IMAGE_DAMAGED,      // its contents contradict each other or the format
  PB_IMAGE_UNSUPPORTED,  // a kind of file that is not read
  PB_IMAGE_NO_MEMORY,
} pb_image_status;

typedef struct {
  uint32_t width;
  uint32_t height;
  /// No file of fewer bytes holds an image of this size: a header that claims more is not worth any memory.
  uint64_t least_file_bytes;
} pb_image_header;

/// What a library said when it failed: one line, or empty.
typedef struct {
  char message[256];
} pb_image_failure;

/// Reads the size of an image without decoding it.
pb_image_status pb_jpeg_read_header(const uint8_t *bytes, size_t count, pb_image_header *header,
                                    pb_image_failure *failure);
pb_image_status pb_png_read_header(const uint8_t *bytes, size_t count, pb_image_header *header,
                                   pb_image_failure *failure);

/// Decodes into `pixels`, [height, width, 3], which the caller allocates for exactly the header's size.
///
/// Colours become RGB as Pillow's `convert("RGB")` makes them; profiles, gamma, transparency and orientation are
/// ignored.
pb_image_status pb_jpeg_decode(const uint8_t *bytes, size_t count, const pb_image_header *header, uint8_t *pixels,
                               pb_image_failure *failure);
pb_image_status pb_png_decode(const uint8_t *bytes, size_t count, const pb_image_header *header, uint8_t *pixels,
                              pb_image_failure *failure);

#ifdef __cplusplus
}
#endif
