// What is used of librsvg and of the libraries that it stands on, as their headers declare it.
//
// They are loaded when the first picture is drawn and not when a program starts: they bring some forty libraries of the
// desktop with them, which would cost every start of a program that never draws, and keep it from starting on machines
// without a desktop. All of this is API that has been stable since librsvg 2.46.
#pragma once
#include <stddef.h>

typedef struct {
  unsigned domain;
  int code;
  char *message;
} pb_glib_error;

typedef struct {
  double x;
  double y;
  double width;
  double height;
} pb_rsvg_rectangle;

enum { PB_CAIRO_STATUS_SUCCESS = 0, PB_CAIRO_STATUS_NO_MEMORY = 1, PB_CAIRO_FORMAT_RGB24 = 1 };

typedef int (*pb_cairo_write)(void *context, const unsigned char *bytes, unsigned count);

typedef struct {
  void *(*rsvg_handle_new_from_data)(const unsigned char *bytes, size_t count, pb_glib_error **error);
  int (*rsvg_handle_set_stylesheet)(void *handle, const unsigned char *css, size_t count, pb_glib_error **error);
  int (*rsvg_handle_render_document)(void *handle, void *cairo, const pb_rsvg_rectangle *viewport,
                                     pb_glib_error **error);
  void (*g_object_unref)(void *object);
  void (*g_error_free)(pb_glib_error *error);
  void *(*cairo_image_surface_create)(int format, int width, int height);
  int (*cairo_surface_status)(void *surface);
  void (*cairo_surface_destroy)(void *surface);
  int (*cairo_surface_write_to_png_stream)(void *surface, pb_cairo_write write, void *context);
  void *(*cairo_create)(void *surface);
  void (*cairo_set_source_rgb)(void *cairo, double red, double green, double blue);
  void (*cairo_paint)(void *cairo);
  int (*cairo_status)(void *cairo);
  void (*cairo_destroy)(void *cairo);
  const char *(*cairo_status_to_string)(int status);
} pb_rsvg_library;

/// NULL where this machine has no librsvg, or one that is too old.
const pb_rsvg_library *pb_rsvg(void);
