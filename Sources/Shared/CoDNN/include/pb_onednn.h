// oneDNN's face: linear layers for a fixed number of rows, with what follows the product fused in.
//
// A shim, as the library's C interface differs between its major versions (2 and 3), and as one built with OpenMP would
// start threads of its own, while parallelism here is over images: every call runs on the calling thread alone.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { PB_ONEDNN_FLOAT32, PB_ONEDNN_BFLOAT16 } pb_onednn_type;

typedef enum {
  PB_ONEDNN_IDENTITY,
  PB_ONEDNN_GELU,        // with the exact normal distribution function
  PB_ONEDNN_GELU_TANH,   // its tanh approximation
  PB_ONEDNN_QUICK_GELU,  // x sigmoid(1.702 x)
} pb_onednn_activation;

/// output [rows, output_width] = activation(input [rows, input_width] weight^T + bias), or that added to output.
///
/// Sums and the bias are in single precision.
typedef struct {
  int64_t rows, input_width, output_width;
  pb_onednn_type operands, result;
  pb_onednn_activation activation;
  int adds_to_output;
} pb_onednn_linear_shape;

typedef enum {
  PB_ONEDNN_OK = 0,
  PB_ONEDNN_UNSUPPORTED,  // not on this processor, or not in this version of the library
  PB_ONEDNN_NO_MEMORY,
  PB_ONEDNN_FAILED,
} pb_onednn_status;

/// The most that the library may use of the processor.
typedef enum {
  PB_ONEDNN_ISA_BASELINE,
  PB_ONEDNN_ISA_AVX2,
  PB_ONEDNN_ISA_AVX512,
  PB_ONEDNN_ISA_ALL,
} pb_onednn_isa;

typedef struct pb_onednn_linear pb_onednn_linear;

/// Limits the library for the whole process. Only the first call counts, before any layer.
void pb_onednn_limit(pb_onednn_isa isa);

/// Prepares a layer, which any number of threads may then apply at once.
///
/// - weight: [output_width, input_width]; bias: [output_width]. Both are copied.
pb_onednn_status pb_onednn_linear_create(const pb_onednn_linear_shape *shape, const float *weight, const float *bias,
                                         pb_onednn_linear **layer);
void pb_onednn_linear_destroy(pb_onednn_linear *layer);
/// The bytes of scratch memory that a call needs, aligned to 64.
size_t pb_onednn_linear_scratch_bytes(const pb_onednn_linear *layer);

/// Applies a layer on the calling thread.
pb_onednn_status pb_onednn_linear_apply(const pb_onednn_linear *layer, const void *input, void *output, void *scratch);

/// The library's version, such as "2.6.3".
const char *pb_onednn_version(void);

#ifdef __cplusplus
}
#endif
