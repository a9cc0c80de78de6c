#include "include/pb_embedding.h"

#include <string.h>

#include "dispatch.h"

#define PB_INLINE static inline __attribute__((always_inline, unused))
typedef double pb_f64x8 __attribute__((vector_size(64), aligned(8), may_alias));

#define PB_FAMILY "embedding.inc.h"
#include "for_each_level.h"

PB_DISPATCH(void, pb_repulsion,
            (const double *x, const double *y, size_t count, const double *source_x, const double *source_y,
             const double *mass, size_t source_count, double *force_x, double *force_y, double *affinity),
            (x, y, count, source_x, source_y, mass, source_count, force_x, force_y, affinity))

void pb_repulsion_reference(const double *x, const double *y, size_t count, const double *source_x,
                            const double *source_y, const double *mass, size_t source_count, double *force_x,
                            double *force_y, double *affinity) {
  for (size_t i = 0; i < count; i++) {
    for (size_t s = 0; s < source_count; s++) {
      const double dx = x[i] - source_x[s], dy = y[i] - source_y[s];
      const double q = 1 / (1 + dx * dx + dy * dy);
      affinity[i] += mass[s] * q;
      force_x[i] += mass[s] * q * q * dx;
      force_y[i] += mass[s] * q * q * dy;
    }
  }
}
