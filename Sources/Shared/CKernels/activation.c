#include "include/pb_activation.h"

#include <math.h>
#include <string.h>

#include "dispatch.h"

#define PB_FAMILY "activation.inc.h"
#include "for_each_level.h"

PB_DISPATCH(void, pb_bias_gelu, (float *values, const float *bias, size_t rows, size_t width),
            (values, bias, rows, width))
PB_DISPATCH(void, pb_bias_gelu_tanh, (float *values, const float *bias, size_t rows, size_t width),
            (values, bias, rows, width))
PB_DISPATCH(void, pb_bias_quick_gelu, (float *values, const float *bias, size_t rows, size_t width),
            (values, bias, rows, width))

PB_DISPATCH(void, pb_gate_silu, (const float *input, float *output, size_t rows, size_t width),
            (input, output, rows, width))
PB_DISPATCH(void, pb_gate_silu_bf16, (const float *input, uint16_t *output, size_t rows, size_t width),
            (input, output, rows, width))

#define PB_DISPATCH_ELEMENTWISE(name)                                      \
  PB_DISPATCH(void, pb_##name, (float *values, size_t count), (values, count)) \
  PB_DISPATCH(void, pb_##name##_backward, (const float *output, float *gradient, size_t count), (output, gradient, count))

PB_DISPATCH_ELEMENTWISE(relu)
PB_DISPATCH_ELEMENTWISE(tanh)
PB_DISPATCH_ELEMENTWISE(sigmoid)
PB_DISPATCH_ELEMENTWISE(softplus)
PB_DISPATCH(void, pb_gelu, (const float *input, float *output, size_t count), (input, output, count))
PB_DISPATCH(void, pb_gelu_backward, (const float *input, float *gradient, size_t count), (input, gradient, count))

double pb_gelu_reference(double x) { return 0.5 * x * erfc(-x / sqrt(2.0)); }

double pb_gelu_tanh_reference(double x) {
  return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

double pb_quick_gelu_reference(double x) { return x / (1.0 + exp(-1.702 * x)); }

double pb_silu_reference(double x) { return x / (1.0 + exp(-x)); }

double pb_gelu_derivative_reference(double x) {
  return 0.5 * erfc(-x / sqrt(2.0)) + x * exp(-0.5 * x * x) / sqrt(2.0 * acos(-1.0));
}

double pb_softplus_reference(double x) { return fmax(x, 0.0) + log1p(exp(-fabs(x))); }

double pb_sigmoid_reference(double x) { return 1.0 / (1.0 + exp(-x)); }
