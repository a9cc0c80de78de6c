#include "pb_jpeg_encode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

// libjpeg hands back a pointer to its error manager, which is this structure's first member.
struct error_manager {
  struct jpeg_error_mgr base;
  jmp_buf escape;
  char *message;
};

static void leave_with_error(j_common_ptr info) {
  struct error_manager *errors = (struct error_manager *)info->err;
  char text[JMSG_LENGTH_MAX];
  errors->base.format_message(info, text);
  snprintf(errors->message, 256, "%s", text);
  longjmp(errors->escape, 1);
}

static void keep_quiet(j_common_ptr info) { (void)info; }

// No baseline JPEG of this size without subsampling is longer: libjpeg-turbo's tjBufSize has the same bound.
static size_t largest_encoding(int width, int height) {
  size_t padded_width = ((size_t)width + 7) / 8 * 8;
  size_t padded_height = ((size_t)height + 7) / 8 * 8;
  return padded_width * padded_height * 6 + 2048;
}

int pb_jpeg_encode_rgb(
  const uint8_t *pixels, int width, int height, int quality, uint8_t **bytes, size_t *count,
  char message[256]) {
  struct error_manager errors;
  struct jpeg_compress_struct info;
  // Ours, and large enough, so that libjpeg never swaps it for another one, which an error would lose.
  size_t capacity = largest_encoding(width, height);
  unsigned char *const buffer = malloc(capacity);
  unsigned char *destination = buffer;
  unsigned long size = capacity;

  snprintf(message, 256, "out of memory");
  if (buffer == NULL) return -1;
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = leave_with_error;
  errors.base.output_message = keep_quiet;
  errors.message = message;
  info.mem = NULL;  // so that destroying a structure whose creation failed is harmless
  if (setjmp(errors.escape)) {
    jpeg_destroy_compress(&info);
    free(buffer);
    return -1;
  }

  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &destination, &size);
  info.image_width = (JDIMENSION)width;
  info.image_height = (JDIMENSION)height;
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  info.comp_info[0].h_samp_factor = 1;
  info.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = (JSAMPROW)(pixels + (size_t)info.next_scanline * (size_t)width * 3);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  if (destination != buffer) free(buffer);
  *bytes = destination;
  *count = size;
  return 0;
}
