#include "CFigureRendering.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

/// A file in memory that grows.
typedef struct {
  uint8_t *bytes;
  size_t count;
  size_t capacity;
} growing_file;

static int append(void *context, const unsigned char *bytes, unsigned count) {
  growing_file *file = context;
  if (file->count + count > file->capacity) {
    const size_t capacity = (file->count + count) * 2;
    uint8_t *grown = realloc(file->bytes, capacity);
    if (!grown) return PB_CAIRO_STATUS_NO_MEMORY;
    file->bytes = grown;
    file->capacity = capacity;
  }
  memcpy(file->bytes + file->count, bytes, count);
  file->count += count;
  return PB_CAIRO_STATUS_SUCCESS;
}

/// 0, or -1 with the error's message; the error is freed.
static int check(int succeeded, pb_glib_error *error, char message[256]) {
  if (succeeded) return 0;
  snprintf(message, 256, "%s", error ? error->message : "librsvg does not say why");
  if (error) pb_rsvg()->g_error_free(error);
  return -1;
}

static int check_cairo(int status, char message[256]) {
  if (status == PB_CAIRO_STATUS_SUCCESS) return 0;
  snprintf(message, 256, "%s", pb_rsvg()->cairo_status_to_string(status));
  return -1;
}

static int draw(void *handle, const char *style, void *surface, pb_rsvg_rectangle viewport, char message[256]) {
  const pb_rsvg_library *library = pb_rsvg();
  pb_glib_error *error = NULL;
  int succeeded =
      library->rsvg_handle_set_stylesheet(handle, (const unsigned char *)style, strlen(style), &error);
  if (check(succeeded, error, message) != 0) return -1;
  void *cairo = library->cairo_create(surface);
  library->cairo_set_source_rgb(cairo, 1, 1, 1);
  library->cairo_paint(cairo);
  succeeded = library->rsvg_handle_render_document(handle, cairo, &viewport, &error);
  int status = check(succeeded, error, message);
  if (status == 0) status = check_cairo(library->cairo_status(cairo), message);
  library->cairo_destroy(cairo);
  return status;
}

int pb_can_draw_svg(void) { return pb_rsvg() != NULL; }

pb_figure_status pb_png_of_svg(const uint8_t *svg, size_t svg_count, const char *style, int width, int height,
                               uint8_t **bytes, size_t *count, char message[256]) {
  message[0] = 0;
  const pb_rsvg_library *library = pb_rsvg();
  if (!library) return PB_FIGURE_NO_LIBRARY;
  pb_glib_error *error = NULL;
  void *handle = library->rsvg_handle_new_from_data(svg, svg_count, &error);
  if (check(handle != NULL, error, message) != 0) return PB_FIGURE_FAILED;
  void *surface = library->cairo_image_surface_create(PB_CAIRO_FORMAT_RGB24, width, height);
  const pb_rsvg_rectangle viewport = {0, 0, width, height};
  growing_file file = {NULL, 0, 0};
  int status = check_cairo(library->cairo_surface_status(surface), message);
  if (status == 0) status = draw(handle, style, surface, viewport, message);
  if (status == 0) {
    status = check_cairo(library->cairo_surface_write_to_png_stream(surface, append, &file), message);
  }
  library->cairo_surface_destroy(surface);
  library->g_object_unref(handle);
  if (status != 0) {
    free(file.bytes);
    return PB_FIGURE_FAILED;
  }
  *bytes = file.bytes;
  *count = file.count;
  return PB_FIGURE_OK;
}
