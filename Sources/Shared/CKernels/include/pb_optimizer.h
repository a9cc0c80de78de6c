// One step of an optimizer over a part of a parameter, in one sweep of memory. Elements do not depend on each other, so
// that a parameter may be cut anywhere.
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  float learning_rate, momentum, weight_decay;
  /// What the gradient with its weight decay is multiplied by: LARS's trust ratio, or 1.
  float scale;
  /// Whether the velocity is looked ahead (torch.optim.SGD's nesterov).
  int nesterov;
} pb_momentum_step;

typedef struct {
  float beta1, beta2, epsilon;
  /// 1 - learning rate * weight decay
  float decay;
  /// The learning rate, and 1 over the root of the second moment, each over what is missing of the moments at first.
  float step_size, second_scale;
} pb_adamw_step;

/// g = scale (gradient + weight_decay weights); velocity = momentum velocity + g; weights -= learning_rate velocity, or
/// with nesterov learning_rate (g + momentum velocity). The gradient is zero afterwards.
///
/// Returns whether all of these weights are finite afterwards.
int pb_momentum_update(float *weights, float *velocity, float *gradient, size_t count, const pb_momentum_step *step);

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019; torch.optim.AdamW). The gradient is zero afterwards.
///
/// Returns whether all of these weights are finite afterwards.
int pb_adamw_update(float *weights, float *first, float *second, float *gradient, size_t count,
                    const pb_adamw_step *step);

/// sums = the sums of the squares of the weights and of gradient + weight_decay weights, in double precision and in an
/// order that is the same at every level.
void pb_sums_of_squares(const float *weights, const float *gradient, float weight_decay, size_t count, double sums[2]);

/// Whether all values are finite.
int pb_all_finite(const float *values, size_t count);

int pb_momentum_update_reference(float *weights, float *velocity, float *gradient, size_t count,
                                 const pb_momentum_step *step);
int pb_adamw_update_reference(float *weights, float *first, float *second, float *gradient, size_t count,
                              const pb_adamw_step *step);
void pb_sums_of_squares_reference(const float *weights, const float *gradient, float weight_decay, size_t count,
                                  double sums[2]);

#ifdef __cplusplus
}
#endif
