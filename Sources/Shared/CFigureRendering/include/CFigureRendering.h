// SVG to PNG, by librsvg and cairo.
//
// C rather than Swift because the libraries are loaded by name (see library.h) and speak in untyped pointers: both stay
// inside one function. It keeps nothing between calls, so any number of threads may call it at once.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  PB_FIGURE_OK = 0,
  PB_FIGURE_NO_LIBRARY,  // this machine has no librsvg, or one of before 2.46
  PB_FIGURE_FAILED,
} pb_figure_status;

/// Whether pictures can be drawn: 1, or 0 where this machine has no librsvg of 2.46 or newer.
int pb_can_draw_svg(void);

/// Draws a picture on white.
///
/// `style` is CSS that counts beside the picture's own; it ends with a zero. `width` and `height` are in pixels; the picture
/// fills them. On success stores the PNG file's bytes, which the caller frees with free(). On failure stores the library's
/// message (ended by a zero) and leaves nothing to free.
pb_figure_status pb_png_of_svg(const uint8_t *svg, size_t svg_count, const char *style, int width, int height,
                               uint8_t **bytes, size_t *count, char message[256]);

#ifdef __cplusplus
}
#endif
