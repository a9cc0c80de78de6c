#include "pb_png_encode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/// The library's state for one image. Its errors jump to `escape`, which is set in a function whose caller owns the
/// state: what the state holds is then well defined after a jump.
typedef struct {
  png_structp encoder;
  png_infop information;
  uint8_t *bytes;
  size_t count;
  size_t capacity;
  jmp_buf escape;
  char *message;
} png_state;

static void leave_on_error(png_structp encoder, png_const_charp message) {
  png_state *state = png_get_error_ptr(encoder);
  snprintf(state->message, 256, "%s", message);
  longjmp(state->escape, 1);
}

static void ignore_warning(png_structp encoder, png_const_charp message) {
  (void)encoder;
  (void)message;
}

static void keep_bytes(png_structp encoder, png_bytep bytes, size_t count) {
  png_state *state = png_get_io_ptr(encoder);
  if (count > state->capacity - state->count) {
    const size_t capacity = 2 * (state->count + count);
    uint8_t *larger = realloc(state->bytes, capacity);
    if (larger == NULL) png_error(encoder, "out of memory");
    state->bytes = larger;
    state->capacity = capacity;
  }
  memcpy(state->bytes + state->count, bytes, count);
  state->count += count;
}

static void flush_nothing(png_structp encoder) { (void)encoder; }

static int try_encoding(png_state *state, const uint8_t *pixels, uint32_t width, uint32_t height) {
  if (setjmp(state->escape)) return -1;
  snprintf(state->message, 256, "out of memory");
  state->encoder = png_create_write_struct(PNG_LIBPNG_VER_STRING, state, leave_on_error, ignore_warning);
  if (state->encoder == NULL) return -1;
  state->information = png_create_info_struct(state->encoder);
  if (state->information == NULL) return -1;
  png_set_write_fn(state->encoder, state, keep_bytes, flush_nothing);
  png_set_IHDR(state->encoder, state->information, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  // Higher levels take twice as long and make photographs a few percent smaller.
  png_set_compression_level(state->encoder, 3);
  png_write_info(state->encoder, state->information);
  for (uint32_t y = 0; y < height; y++) png_write_row(state->encoder, pixels + (size_t)y * width * 3);
  png_write_end(state->encoder, NULL);
  return 0;
}

int pb_png_encode_rgb(
  const uint8_t *pixels, uint32_t width, uint32_t height, uint8_t **bytes, size_t *count, char message[256]) {
  png_state state;
  memset(&state, 0, sizeof state);
  state.message = message;
  const int status = try_encoding(&state, pixels, width, height);
  png_destroy_write_struct(&state.encoder, &state.information);
  if (status != 0) {
    free(state.bytes);
    return -1;
  }
  *bytes = state.bytes;
  *count = state.count;
  return 0;
}
