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

double pb_gelu_reference(double x) { return 0.5 * x * erfc(-x / sqrt(2.0)); }

double pb_gelu_tanh_reference(double x) {
  return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

double pb_quick_gelu_reference(double x) { return x / (1.0 + exp(-1.702 * x)); }
