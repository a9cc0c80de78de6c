#include "include/pb_optimizer.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

enum {
  PB_LANES = 16,
  PB_INFINITY_BITS = 0x7F800000,
};

#define PB_FAMILY "optimizer.inc.h"
#include "for_each_level.h"

PB_DISPATCH(int, pb_momentum_update,
            (float *weights, float *velocity, float *gradient, size_t count, const pb_momentum_step *step),
            (weights, velocity, gradient, count, step))
PB_DISPATCH(int, pb_adamw_update,
            (float *weights, float *first, float *second, float *gradient, size_t count, const pb_adamw_step *step),
            (weights, first, second, gradient, count, step))
PB_DISPATCH(void, pb_sums_of_squares,
            (const float *weights, const float *gradient, float weight_decay, size_t count, double sums[2]),
            (weights, gradient, weight_decay, count, sums))
PB_DISPATCH(int, pb_all_finite, (const float *values, size_t count), (values, count))

int pb_momentum_update_reference(float *weights, float *velocity, float *gradient, size_t count,
                                 const pb_momentum_step *step) {
  int finite = 1;
  for (size_t i = 0; i < count; i++) {
    const double g = step->scale * ((double)gradient[i] + (double)step->weight_decay * weights[i]);
    const double v = (double)step->momentum * velocity[i] + g;
    weights[i] = (float)(weights[i] - step->learning_rate * (step->nesterov ? g + step->momentum * v : v));
    velocity[i] = (float)v;
    gradient[i] = 0;
    finite = finite && isfinite(weights[i]);
  }
  return finite;
}

int pb_adamw_update_reference(float *weights, float *first, float *second, float *gradient, size_t count,
                              const pb_adamw_step *step) {
  int finite = 1;
  for (size_t i = 0; i < count; i++) {
    const double g = gradient[i];
    const double m = step->beta1 * (double)first[i] + (1.0 - step->beta1) * g;
    const double v = step->beta2 * (double)second[i] + (1.0 - step->beta2) * g * g;
    weights[i] = (float)((double)weights[i] * step->decay -
                         step->step_size * m / (sqrt(v) * step->second_scale + step->epsilon));
    first[i] = (float)m;
    second[i] = (float)v;
    gradient[i] = 0;
    finite = finite && isfinite(weights[i]);
  }
  return finite;
}

void pb_sums_of_squares_reference(const float *weights, const float *gradient, float weight_decay, size_t count,
                                  double sums[2]) {
  sums[0] = sums[1] = 0;
  for (size_t i = 0; i < count; i++) {
    const double g = gradient[i] + (double)weight_decay * weights[i];
    sums[0] += (double)weights[i] * weights[i];
    sums[1] += g * g;
  }
}
