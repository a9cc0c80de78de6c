#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "include/pb_image_decode.h"

/// The library's state for one image. Its errors jump to `escape`, which is set in a function whose caller owns the
/// state: what the state holds is then well defined after a jump.
typedef struct {
  png_structp decoder;
  png_infop information;
  const uint8_t *bytes;
  size_t count;
  size_t offset;
  int is_truncated;
  uint8_t *rows;  // scratch: one row as it is stored, or all of them where they are interlaced
  jmp_buf escape;
  pb_image_failure *failure;
} png_state;

static void leave_on_error(png_structp decoder, png_const_charp message) {
  png_state *state = png_get_error_ptr(decoder);
  snprintf(state->failure->message, sizeof state->failure->message, "%s", message);
  longjmp(state->escape, 1);
}

static void ignore_warning(png_structp decoder, png_const_charp message) {
  (void)decoder;
  (void)message;
}

static void read_bytes(png_structp decoder, png_bytep destination, size_t count) {
  png_state *state = png_get_io_ptr(decoder);
  if (count > state->count - state->offset) {
    state->is_truncated = 1;
    png_error(decoder, "the file ends");
  }
  memcpy(destination, state->bytes + state->offset, count);
  state->offset += count;
}

static void prepare(png_state *state, const uint8_t *bytes, size_t count, pb_image_failure *failure) {
  memset(state, 0, sizeof *state);
  failure->message[0] = 0;
  state->bytes = bytes;
  state->count = count;
  state->failure = failure;
}

/// Frees what the state holds.
static void release(png_state *state) {
  png_destroy_read_struct(&state->decoder, &state->information, NULL);
  free(state->rows);
  state->rows = NULL;
}

/// Reads the chunks before the pixels. May jump: call after setjmp.
static pb_image_status open_decoder(png_state *state, pb_image_header *header) {
  state->decoder = png_create_read_struct(PNG_LIBPNG_VER_STRING, state, leave_on_error, ignore_warning);
  if (state->decoder == NULL) return PB_IMAGE_NO_MEMORY;
  state->information = png_create_info_struct(state->decoder);
  if (state->information == NULL) return PB_IMAGE_NO_MEMORY;
  png_set_read_fn(state->decoder, state, read_bytes);
  // Sizes are judged by the caller. A wrong checksum before the pixels is an error, as in Pillow, and no chunk that
  // does not change the pixels is looked at: text and profiles cannot harm then, whatever they hold.
  png_set_user_limits(state->decoder, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_crc_action(state->decoder, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_keep_unknown_chunks(state->decoder, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(state->decoder, state->information);
  header->width = png_get_image_width(state->decoder, state->information);
  header->height = png_get_image_height(state->decoder, state->information);
  // Deflate makes at most 1032 bytes of one.
  const uint64_t row_bytes = png_get_rowbytes(state->decoder, state->information);
  header->least_file_bytes = row_bytes * header->height / 1032;
  return PB_IMAGE_OK;
}

static pb_image_status try_header(png_state *state, pb_image_header *header) {
  if (setjmp(state->escape)) return state->is_truncated ? PB_IMAGE_TRUNCATED : PB_IMAGE_DAMAGED;
  return open_decoder(state, header);
}

pb_image_status pb_png_read_header(const uint8_t *bytes, size_t count, pb_image_header *header,
                                   pb_image_failure *failure) {
  png_state state;
  prepare(&state, bytes, count, failure);
  const pb_image_status status = try_header(&state, header);
  release(&state);
  return status;
}

/// How a row of samples becomes RGB.
typedef struct {
  int color_type;
  int bit_depth;
  size_t width;
  uint8_t table[256][3];  // the colour of every value that fits into a byte, for gray and palette images
} png_colors;

/// Pillow's colours: gray of fewer than 8 bits is spread over 0 to 255, gray of 16 bits is cut off at 255, all other
/// 16-bit samples keep their high byte, and alpha is dropped.
static void prepare_colors(png_colors *colors, const png_state *state) {
  memset(colors, 0, sizeof *colors);
  colors->color_type = png_get_color_type(state->decoder, state->information);
  colors->bit_depth = png_get_bit_depth(state->decoder, state->information);
  colors->width = png_get_image_width(state->decoder, state->information);
  if (colors->color_type == PNG_COLOR_TYPE_PALETTE) {
    png_colorp palette = NULL;
    int count = 0;
    png_get_PLTE(state->decoder, state->information, &palette, &count);
    // Values beyond the palette stay black.
    for (int i = 0; i < count && i < 256; i++) {
      colors->table[i][0] = palette[i].red;
      colors->table[i][1] = palette[i].green;
      colors->table[i][2] = palette[i].blue;
    }
  } else {
    const int largest = colors->bit_depth < 8 ? (1 << colors->bit_depth) - 1 : 255;
    for (int i = 0; i <= largest; i++) memset(colors->table[i], i * (255 / largest), 3);
  }
}

static void convert_row(const png_colors *colors, const uint8_t *samples, uint8_t *rgb) {
  const size_t sample_bytes = colors->bit_depth == 16 ? 2 : 1;
  const size_t width = colors->width;
  switch (colors->color_type) {
    case PNG_COLOR_TYPE_RGB:
      if (sample_bytes == 1) {
        memcpy(rgb, samples, width * 3);
        break;
      }
      for (size_t i = 0; i < width * 3; i++) rgb[i] = samples[i * 2];
      break;
    case PNG_COLOR_TYPE_RGB_ALPHA:
      for (size_t x = 0; x < width; x++, samples += 4 * sample_bytes, rgb += 3) {
        for (size_t channel = 0; channel < 3; channel++) rgb[channel] = samples[channel * sample_bytes];
      }
      break;
    case PNG_COLOR_TYPE_GRAY_ALPHA:
      for (size_t x = 0; x < width; x++, samples += 2 * sample_bytes, rgb += 3) memset(rgb, samples[0], 3);
      break;
    default:  // gray or palette
      for (size_t x = 0; x < width; x++, samples += sample_bytes, rgb += 3) {
        const uint8_t value = sample_bytes == 1 ? samples[0] : samples[0] != 0 ? 255 : samples[1];
        memcpy(rgb, colors->table[value], 3);
      }
  }
}

/// Decodes all rows, converting those that the scratch does not keep. May jump.
static pb_image_status read_rows(png_state *state, const png_colors *colors, size_t height, uint8_t *pixels) {
  png_set_packing(state->decoder);  // one byte for each sample of fewer than 8 bits
  const int passes = png_set_interlace_handling(state->decoder);
  png_read_update_info(state->decoder, state->information);
  const size_t row_bytes = png_get_rowbytes(state->decoder, state->information);
  state->rows = calloc(passes > 1 ? height : 1, row_bytes);
  if (state->rows == NULL) return PB_IMAGE_NO_MEMORY;
  const size_t row_step = passes > 1 ? row_bytes : 0;
  for (int pass = 0; pass < passes; pass++) {
    for (size_t y = 0; y < height; y++) {
      png_read_row(state->decoder, state->rows + y * row_step, NULL);
      if (passes == 1 && y + 1 < height) convert_row(colors, state->rows, pixels + y * colors->width * 3);
    }
  }
  return PB_IMAGE_OK;
}

/// Whether all pixels had been decoded when an error came: what follows them is not needed, and Pillow does not mind.
static int has_all_pixels(const png_state *state, size_t height) {
  if (state->rows == NULL) return 0;
  return png_get_interlace_type(state->decoder, state->information) == PNG_INTERLACE_NONE
             ? png_get_current_row_number(state->decoder) >= height
             : png_get_current_pass_number(state->decoder) >= 7;
}

/// Converts what the scratch still holds: all rows of an interlaced image, the last row of another one.
static void convert_remaining_rows(const png_state *state, const png_colors *colors, size_t height, uint8_t *pixels) {
  const size_t rgb_bytes = colors->width * 3;
  if (png_get_interlace_type(state->decoder, state->information) == PNG_INTERLACE_NONE) {
    convert_row(colors, state->rows, pixels + (height - 1) * rgb_bytes);
    return;
  }
  const size_t row_bytes = png_get_rowbytes(state->decoder, state->information);
  for (size_t y = 0; y < height; y++) convert_row(colors, state->rows + y * row_bytes, pixels + y * rgb_bytes);
}

static pb_image_status try_decoding(png_state *state, const pb_image_header *header, png_colors *colors,
                                    uint8_t *pixels) {
  if (setjmp(state->escape)) {
    if (has_all_pixels(state, header->height)) return PB_IMAGE_OK;
    return state->is_truncated ? PB_IMAGE_TRUNCATED : PB_IMAGE_DAMAGED;
  }
  pb_image_header found;
  const pb_image_status status = open_decoder(state, &found);
  if (status != PB_IMAGE_OK) return status;
  if (found.width != header->width || found.height != header->height) return PB_IMAGE_DAMAGED;
  prepare_colors(colors, state);
  // Pillow does not look at the checksums of the pixels' chunks; zlib's own checks remain.
  png_set_crc_action(state->decoder, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
  return read_rows(state, colors, header->height, pixels);
}

pb_image_status pb_png_decode(const uint8_t *bytes, size_t count, const pb_image_header *header, uint8_t *pixels,
                              pb_image_failure *failure) {
  png_state state;
  png_colors colors;
  prepare(&state, bytes, count, failure);
  const pb_image_status status = try_decoding(&state, header, &colors, pixels);
  if (status == PB_IMAGE_OK) convert_remaining_rows(&state, &colors, header->height, pixels);
  release(&state);
  return status;
}
