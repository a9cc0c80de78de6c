// oneDNN's face: matrix products of fixed shape, with what follows them fused in.
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

/// c [rows, columns] = activation(a [rows, depth] b [depth, columns] + bias [columns]), or that added to c.
///
/// Strides are in elements; sums and the bias are in single precision.
typedef struct {
  int64_t rows, depth, columns;
  int64_t a_stride;
  /// Both 0 where b is a weight that `pb_onednn_weight_create` packs once.
  int64_t b_row_stride, b_column_stride;
  int64_t c_stride;
  pb_onednn_type operands, result;
  pb_onednn_activation activation;
  int has_bias;
  int adds_to_result;
} pb_onednn_shape;

typedef enum {
  PB_ONEDNN_OK = 0,
  PB_ONEDNN_UNSUPPORTED,  // not on this processor, or not in this version of the library
  PB_ONEDNN_NO_MEMORY,
  PB_ONEDNN_FAILED,
} pb_onednn_status;

/// The most that the library may use of the processor.
typedef enum { PB_ONEDNN_ISA_BASELINE, PB_ONEDNN_ISA_AVX2, PB_ONEDNN_ISA_ALL } pb_onednn_isa;

typedef struct pb_onednn_product pb_onednn_product;
typedef struct pb_onednn_weight pb_onednn_weight;

/// Limits the library for the whole process. Only the first call counts, before any product.
void pb_onednn_limit(pb_onednn_isa isa);

/// Prepares a product, which any number of threads may then run at once.
pb_onednn_status pb_onednn_product_create(const pb_onednn_shape *shape, pb_onednn_product **product);
void pb_onednn_product_destroy(pb_onednn_product *product);
/// The bytes of scratch memory that a run needs, aligned to 64.
size_t pb_onednn_product_scratch_bytes(const pb_onednn_product *product);
/// The library's name for the code that it chose.
const char *pb_onednn_product_implementation(const pb_onednn_product *product);

/// Packs a linear layer's weight [columns, depth] and its bias [columns] (null where the product has none) for a product.
pb_onednn_status pb_onednn_weight_create(const pb_onednn_product *product, const float *weight, const float *bias,
                                         pb_onednn_weight **packed);
void pb_onednn_weight_destroy(pb_onednn_weight *packed);

/// Runs a product on the calling thread: with a packed weight, or with b.
pb_onednn_status pb_onednn_product_run(const pb_onednn_product *product, const pb_onednn_weight *packed, const void *a,
                                       const void *b, void *c, void *scratch);

/// The library's version, such as "2.6.3".
const char *pb_onednn_version(void);

#ifdef __cplusplus
}
#endif
