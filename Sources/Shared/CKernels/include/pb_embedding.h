// How points of the plane push one another away in t-SNE (van der Maaten and Hinton, 2008).
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// With q = 1 / (1 + d^2) for a point p and a source s at distance d, of mass m: force += sum over sources of m q^2 (p - s),
/// and affinity += sum over sources of m q. A source at a point's own place adds its mass to the affinity. Each sum runs over
/// the sources in order.
///
/// - x, y, force_x, force_y, affinity: [count]
/// - source_x, source_y, mass: [source_count]
void pb_repulsion(const double *x, const double *y, size_t count, const double *source_x, const double *source_y,
                  const double *mass, size_t source_count, double *force_x, double *force_y, double *affinity);
void pb_repulsion_reference(const double *x, const double *y, size_t count, const double *source_x,
                            const double *source_y, const double *mass, size_t source_count, double *force_x,
                            double *force_y, double *affinity);

#ifdef __cplusplus
}
#endif
