#include "library.h"

#include <dlfcn.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pb_rsvg_library library;
static int is_complete;

static const char *const names[] = {
    "librsvg-2.so.2",
    "librsvg-2.2.dylib",
    "/opt/homebrew/lib/librsvg-2.2.dylib",
    "/usr/local/lib/librsvg-2.2.dylib",
};

static void load(void) {
  void *handle = NULL;
  for (size_t index = 0; !handle && index < sizeof names / sizeof *names; index++) {
    handle = dlopen(names[index], RTLD_LAZY | RTLD_LOCAL);
  }
  if (!handle) return;
  is_complete = 1;
  // The libraries below are found through it as well.
#define PB_FIND(function) \
  if (!(*(void **)&library.function = dlsym(handle, #function))) is_complete = 0
  PB_FIND(rsvg_handle_new_from_data);
  PB_FIND(rsvg_handle_set_stylesheet);
  PB_FIND(rsvg_handle_render_document);
  PB_FIND(g_object_unref);
  PB_FIND(g_error_free);
  PB_FIND(cairo_image_surface_create);
  PB_FIND(cairo_surface_status);
  PB_FIND(cairo_surface_destroy);
  PB_FIND(cairo_surface_write_to_png_stream);
  PB_FIND(cairo_create);
  PB_FIND(cairo_set_source_rgb);
  PB_FIND(cairo_paint);
  PB_FIND(cairo_status);
  PB_FIND(cairo_destroy);
  PB_FIND(cairo_status_to_string);
#undef PB_FIND
}

const pb_rsvg_library *pb_rsvg(void) {
  pthread_once(&once, load);
  return is_complete ? &library : NULL;
}
