// stdio and stddef come before jpeglib.h, which uses FILE and size_t without including them.
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include "include/pb_image_decode.h"

/// The library's state for one image. Its errors jump to `escape`, which is set in a function whose caller owns the
/// state: what the state holds is then well defined after a jump.
typedef struct {
  struct jpeg_decompress_struct decoder;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  jmp_buf escape;
  pb_image_failure *failure;
} jpeg_state;

static void leave_on_error(j_common_ptr decoder) {
  jpeg_state *state = decoder->client_data;
  _Static_assert(sizeof state->failure->message >= JMSG_LENGTH_MAX, "libjpeg's messages must fit");
  decoder->err->format_message(decoder, state->failure->message);
  longjmp(state->escape, 1);
}

/// Warnings tell of damage that libjpeg decodes around. Pillow accepts such files, so they are not printed either.
static void ignore_message(j_common_ptr decoder) { (void)decoder; }

static void do_nothing(j_decompress_ptr decoder) { (void)decoder; }

/// The whole file is in memory, so a request for more means that it is cut short. To say "no more for now" makes
/// libjpeg return instead of inventing an end, which is how a truncated file is told from a whole one.
static boolean end_of_file(j_decompress_ptr decoder) {
  (void)decoder;
  return FALSE;
}

static void skip_bytes(j_decompress_ptr decoder, long count) {
  struct jpeg_source_mgr *source = decoder->src;
  if (count <= 0) return;
  const size_t step = (size_t)count < source->bytes_in_buffer ? (size_t)count : source->bytes_in_buffer;
  source->next_input_byte += step;
  source->bytes_in_buffer -= step;
}

/// Prepares a decoder over bytes. May jump: call after setjmp.
static void open_decoder(jpeg_state *state, const uint8_t *bytes, size_t count) {
  jpeg_create_decompress(&state->decoder);
  state->source = (struct jpeg_source_mgr){
      .next_input_byte = bytes,
      .bytes_in_buffer = count,
      .init_source = do_nothing,
      .fill_input_buffer = end_of_file,
      .skip_input_data = skip_bytes,
      .resync_to_restart = jpeg_resync_to_restart,
      .term_source = do_nothing,
  };
  state->decoder.src = &state->source;
}

static void prepare_errors(jpeg_state *state, pb_image_failure *failure) {
  memset(state, 0, sizeof *state);
  failure->message[0] = 0;
  state->failure = failure;
  state->decoder.err = jpeg_std_error(&state->errors);
  state->decoder.client_data = state;
  state->errors.error_exit = leave_on_error;
  state->errors.output_message = ignore_message;
}

static pb_image_status unsupported(jpeg_state *state, const char *format, int value) {
  snprintf(state->failure->message, sizeof state->failure->message, format, value);
  return PB_IMAGE_UNSUPPORTED;
}

/// Reads up to the first scan. Files may begin with an image of tables only, which is passed over.
static pb_image_status read_header(jpeg_state *state) {
  int found;
  do {
    found = jpeg_read_header(&state->decoder, FALSE);
  } while (found == JPEG_HEADER_TABLES_ONLY);
  if (found == JPEG_SUSPENDED) return PB_IMAGE_TRUNCATED;
  if (state->decoder.data_precision != 8) {
    return unsupported(state, "%d bits a sample", state->decoder.data_precision);
  }
  const int components = state->decoder.num_components;
  if (components != 1 && components != 3 && components != 4) {
    return unsupported(state, "%d colour components", components);
  }
  return PB_IMAGE_OK;
}

/// Up to 16 million pixels are always believed. Above, 8x8 pixels take at least a bit in each Huffman-coded component,
/// and 8 times as many are granted for components of lower resolution.
static uint64_t least_file_bytes(uint64_t pixel_count) {
  return pixel_count <= (uint64_t)1 << 24 ? 0 : pixel_count / (64 * 8 * 8);
}

static pb_image_status try_header(jpeg_state *state, const uint8_t *bytes, size_t count, pb_image_header *header) {
  if (setjmp(state->escape)) return PB_IMAGE_DAMAGED;
  open_decoder(state, bytes, count);
  const pb_image_status status = read_header(state);
  header->width = state->decoder.image_width;
  header->height = state->decoder.image_height;
  header->least_file_bytes = least_file_bytes((uint64_t)header->width * header->height);
  return status;
}

pb_image_status pb_jpeg_read_header(const uint8_t *bytes, size_t count, pb_image_header *header,
                                    pb_image_failure *failure) {
  jpeg_state state;
  prepare_errors(&state, failure);
  const pb_image_status status = try_header(&state, bytes, count, header);
  jpeg_destroy_decompress(&state.decoder);
  return status;
}

/// a * b / 255, rounded, as Pillow's MULDIV255.
static inline uint8_t multiply_fractions(uint8_t a, uint8_t b) {
  const unsigned product = (unsigned)a * b + 128;
  return (uint8_t)((product + (product >> 8)) >> 8);
}

/// CMYK as Adobe stores it, inverted, to RGB: each colour is black's complement less its own ink's part of it.
static void convert_inverted_cmyk(const uint8_t *cmyk, uint8_t *rgb, size_t width) {
  for (size_t x = 0; x < width; x++, cmyk += 4, rgb += 3) {
    const uint8_t paper = cmyk[3];
    for (size_t channel = 0; channel < 3; channel++) {
      rgb[channel] = (uint8_t)(paper - multiply_fractions((uint8_t)(255 - cmyk[channel]), paper));
    }
  }
}

/// Decodes all rows. - Returns: whether the file held them all.
static int read_rgb_rows(jpeg_state *state, uint8_t *pixels) {
  enum { AT_ONCE = 8 };  // as many as the decoder has ready, at most
  const size_t row_bytes = (size_t)state->decoder.output_width * 3;
  while (state->decoder.output_scanline < state->decoder.output_height) {
    JSAMPROW rows[AT_ONCE];
    const JDIMENSION left = state->decoder.output_height - state->decoder.output_scanline;
    const JDIMENSION count = left < AT_ONCE ? left : AT_ONCE;
    for (JDIMENSION i = 0; i < count; i++) rows[i] = pixels + (state->decoder.output_scanline + i) * row_bytes;
    if (jpeg_read_scanlines(&state->decoder, rows, count) == 0) return 0;
  }
  return 1;
}

/// Decodes all rows of a CMYK image. - Returns: whether the file held them all.
static int read_cmyk_rows(jpeg_state *state, uint8_t *pixels) {
  j_common_ptr common = (j_common_ptr)&state->decoder;
  const JDIMENSION width = state->decoder.output_width;
  // Freed with the decoder.
  JSAMPARRAY row = state->decoder.mem->alloc_sarray(common, JPOOL_IMAGE, width * 4, 1);
  while (state->decoder.output_scanline < state->decoder.output_height) {
    const size_t y = state->decoder.output_scanline;
    if (jpeg_read_scanlines(&state->decoder, row, 1) == 0) return 0;
    convert_inverted_cmyk(row[0], pixels + y * width * 3, width);
  }
  return 1;
}

static pb_image_status try_decoding(jpeg_state *state, const uint8_t *bytes, size_t count,
                                    const pb_image_header *header, uint8_t *pixels) {
  if (setjmp(state->escape)) return PB_IMAGE_DAMAGED;
  open_decoder(state, bytes, count);
  const pb_image_status status = read_header(state);
  if (status != PB_IMAGE_OK) return status;
  const int is_cmyk = state->decoder.num_components == 4;
  state->decoder.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  // A file of several scans is read to its end marker here.
  if (!jpeg_start_decompress(&state->decoder)) return PB_IMAGE_TRUNCATED;
  if (state->decoder.output_width != header->width || state->decoder.output_height != header->height) {
    return PB_IMAGE_DAMAGED;
  }
  if (!(is_cmyk ? read_cmyk_rows : read_rgb_rows)(state, pixels)) return PB_IMAGE_TRUNCATED;
  // All pixels are there, so a missing end marker is no matter; an error on the way to it is, as in Pillow.
  jpeg_finish_decompress(&state->decoder);
  return PB_IMAGE_OK;
}

pb_image_status pb_jpeg_decode(const uint8_t *bytes, size_t count, const pb_image_header *header, uint8_t *pixels,
                               pb_image_failure *failure) {
  jpeg_state state;
  prepare_errors(&state, failure);
  const pb_image_status status = try_decoding(&state, bytes, count, header, pixels);
  jpeg_destroy_decompress(&state.decoder);
  return status;
}
