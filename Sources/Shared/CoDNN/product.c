#include <stdlib.h>
#include <string.h>

#include "library.h"

/// The matrices of a product.
typedef struct {
  pb_memory_desc a, b, bias, c;
} pb_operands;

struct pb_onednn_product {
  pb_onednn_shape shape;
  pb_operands operands;
  dnnl_primitive_desc_t description;
  dnnl_primitive_t primitive;
  size_t scratch_bytes;
  const char *implementation;
};

struct pb_onednn_weight {
  dnnl_memory_t weight;
  dnnl_memory_t bias;
};

static dnnl_data_type_t data_type(pb_onednn_type type) { return type == PB_ONEDNN_BFLOAT16 ? dnnl_bf16 : dnnl_f32; }

static dnnl_status_t describe(const pb_onednn_shape *shape, pb_operands *operands) {
  const dnnl_data_type_t type = data_type(shape->operands);
  dnnl_status_t status = pb_describe(&operands->a, shape->rows, shape->depth, type, shape->a_stride, 1);
  if (status != dnnl_success) return status;
  status = pb_describe(&operands->b, shape->depth, shape->columns, type, shape->b_row_stride, shape->b_column_stride);
  if (status != dnnl_success) return status;
  if (shape->has_bias) {
    status = pb_describe(&operands->bias, 1, shape->columns, dnnl_f32, shape->columns, 1);
    if (status != dnnl_success) return status;
  }
  return pb_describe(&operands->c, shape->rows, shape->columns, data_type(shape->result), shape->c_stride, 1);
}

static dnnl_status_t append_activation(dnnl_post_ops_t operations, dnnl_alg_kind_t kind, float parameter) {
#if PB_ONEDNN_3
  return dnnl_post_ops_append_eltwise(operations, kind, parameter, 0);
#else
  return dnnl_post_ops_append_eltwise(operations, 1, kind, parameter, 0);
#endif
}

static dnnl_status_t append_operations(dnnl_post_ops_t operations, const pb_onednn_shape *shape) {
  switch (shape->activation) {
    case PB_ONEDNN_IDENTITY: break;
    case PB_ONEDNN_GELU: return append_activation(operations, dnnl_eltwise_gelu_erf, 0);
    case PB_ONEDNN_GELU_TANH: return append_activation(operations, dnnl_eltwise_gelu_tanh, 0);
    case PB_ONEDNN_QUICK_GELU: return append_activation(operations, dnnl_eltwise_swish, 1.702f);
  }
  if (!shape->adds_to_result) return dnnl_success;
#if PB_ONEDNN_3
  return dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
#else
  return dnnl_post_ops_append_sum(operations, 1);
#endif
}

/// Whose memory the library uses (ours), and what follows the product.
static dnnl_status_t make_attributes(const pb_onednn_shape *shape, dnnl_primitive_attr_t attributes) {
  dnnl_status_t status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  if (status != dnnl_success) return status;
  dnnl_post_ops_t operations;
  status = dnnl_post_ops_create(&operations);
  if (status != dnnl_success) return status;
  status = append_operations(operations, shape);
  if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attributes, operations);
  dnnl_post_ops_destroy(operations);
  return status;
}

static dnnl_status_t make_description(pb_onednn_product *product, dnnl_primitive_attr_t attributes) {
  const pb_operands *operands = &product->operands;
  const int has_bias = product->shape.has_bias;
#if PB_ONEDNN_3
  return dnnl_matmul_primitive_desc_create(&product->description, pb_engine(), operands->a, operands->b,
                                           has_bias ? operands->bias : NULL, operands->c, attributes);
#else
  dnnl_matmul_desc_t product_desc;
  const dnnl_status_t status = dnnl_matmul_desc_init(&product_desc, &operands->a, &operands->b,
                                                     has_bias ? &operands->bias : NULL, &operands->c);
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(&product->description, &product_desc, attributes, pb_engine(), NULL);
#endif
}

static size_t bytes_of(const pb_onednn_product *product, dnnl_query_t query) {
  return dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(product->description, query, 0));
}

static dnnl_status_t prepare(pb_onednn_product *product) {
  dnnl_status_t status = describe(&product->shape, &product->operands);
  if (status != dnnl_success) return status;
  dnnl_primitive_attr_t attributes;
  status = dnnl_primitive_attr_create(&attributes);
  if (status != dnnl_success) return status;
  status = make_attributes(&product->shape, attributes);
  if (status == dnnl_success) status = make_description(product, attributes);
  dnnl_primitive_attr_destroy(attributes);
  if (status != dnnl_success) return status;
  status = dnnl_primitive_create(&product->primitive, product->description);
  if (status != dnnl_success) return status;
  product->scratch_bytes = bytes_of(product, dnnl_query_scratchpad_md);
  return dnnl_primitive_desc_query(product->description, dnnl_query_impl_info_str, 0,
                                   (void *)&product->implementation);
}

pb_onednn_status pb_onednn_product_create(const pb_onednn_shape *shape, pb_onednn_product **product) {
  *product = NULL;
  // Preparing on a thread chooses code for as many threads as the library would use there: one.
  if (!pb_stream()) return PB_ONEDNN_FAILED;
  pb_onednn_product *created = calloc(1, sizeof *created);
  if (!created) return PB_ONEDNN_NO_MEMORY;
  created->shape = *shape;
  const dnnl_status_t status = prepare(created);
  if (status != dnnl_success) {
    pb_onednn_product_destroy(created);
    return pb_status(status);
  }
  *product = created;
  return PB_ONEDNN_OK;
}

void pb_onednn_product_destroy(pb_onednn_product *product) {
  if (!product) return;
  if (product->primitive) dnnl_primitive_destroy(product->primitive);
  if (product->description) dnnl_primitive_desc_destroy(product->description);
  pb_forget(&product->operands.a);
  pb_forget(&product->operands.b);
  if (product->shape.has_bias) pb_forget(&product->operands.bias);
  pb_forget(&product->operands.c);
  free(product);
}

size_t pb_onednn_product_scratch_bytes(const pb_onednn_product *product) { return product->scratch_bytes; }

const char *pb_onednn_product_implementation(const pb_onednn_product *product) { return product->implementation; }

// Weights

/// From [columns, depth] in single precision, which is [depth, columns] with its strides exchanged, to the library's.
static dnnl_status_t pack(const pb_onednn_product *product, const float *weight, dnnl_memory_t packed) {
  pb_memory_desc plain;
  const pb_onednn_shape *shape = &product->shape;
  dnnl_status_t status = pb_describe(&plain, shape->depth, shape->columns, dnnl_f32, 1, shape->depth);
  if (status != dnnl_success) return status;
  dnnl_memory_t source = NULL;
  dnnl_primitive_desc_t description = NULL;
  dnnl_primitive_t reorder = NULL;
  status = dnnl_memory_create(&source, pb_reference(&plain), pb_engine(), (void *)weight);
  if (status == dnnl_success) {
    status = dnnl_reorder_primitive_desc_create(
        &description, pb_reference(&plain), pb_engine(),
        dnnl_primitive_desc_query_md(product->description, dnnl_query_weights_md, 0), pb_engine(), NULL);
  }
  if (status == dnnl_success) status = dnnl_primitive_create(&reorder, description);
  if (status == dnnl_success) {
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, packed}};
    status = dnnl_primitive_execute(reorder, pb_stream(), 2, arguments);
  }
  if (status == dnnl_success) status = dnnl_stream_wait(pb_stream());
  if (reorder) dnnl_primitive_destroy(reorder);
  if (description) dnnl_primitive_desc_destroy(description);
  if (source) dnnl_memory_destroy(source);
  pb_forget(&plain);
  return status;
}

static dnnl_status_t fill(const pb_onednn_product *product, const float *weight, const float *bias,
                          pb_onednn_weight *packed) {
  dnnl_status_t status =
      dnnl_memory_create(&packed->weight, dnnl_primitive_desc_query_md(product->description, dnnl_query_weights_md, 0),
                         pb_engine(), DNNL_MEMORY_ALLOCATE);
  if (status == dnnl_success) status = pack(product, weight, packed->weight);
  if (status != dnnl_success || !product->shape.has_bias) return status;
  status = dnnl_memory_create(&packed->bias, pb_reference(&product->operands.bias), pb_engine(), DNNL_MEMORY_ALLOCATE);
  void *values = NULL;
  if (status == dnnl_success) status = dnnl_memory_get_data_handle(packed->bias, &values);
  if (status == dnnl_success) memcpy(values, bias, (size_t)product->shape.columns * sizeof *bias);
  return status;
}

pb_onednn_status pb_onednn_weight_create(const pb_onednn_product *product, const float *weight, const float *bias,
                                         pb_onednn_weight **packed) {
  *packed = NULL;
  if (!pb_stream()) return PB_ONEDNN_FAILED;
  pb_onednn_weight *created = calloc(1, sizeof *created);
  if (!created) return PB_ONEDNN_NO_MEMORY;
  const dnnl_status_t status = fill(product, weight, bias, created);
  if (status != dnnl_success) {
    pb_onednn_weight_destroy(created);
    return pb_status(status);
  }
  *packed = created;
  return PB_ONEDNN_OK;
}

void pb_onednn_weight_destroy(pb_onednn_weight *packed) {
  if (!packed) return;
  if (packed->weight) dnnl_memory_destroy(packed->weight);
  if (packed->bias) dnnl_memory_destroy(packed->bias);
  free(packed);
}

// Running

enum { MAXIMUM_ARGUMENTS = 5 };

/// The arguments of one run, and those among them that were made for it.
typedef struct {
  dnnl_exec_arg_t arguments[MAXIMUM_ARGUMENTS];
  dnnl_memory_t made[MAXIMUM_ARGUMENTS];
  int count, made_count;
} pb_arguments;

static void add(pb_arguments *list, int name, dnnl_memory_t memory) {
  list->arguments[list->count++] = (dnnl_exec_arg_t){name, memory};
}

static dnnl_status_t add_pointer(pb_arguments *list, int name, pb_memory_desc_reference desc, const void *pointer) {
  dnnl_memory_t memory;
  const dnnl_status_t status = dnnl_memory_create(&memory, desc, pb_engine(), (void *)pointer);
  if (status != dnnl_success) return status;
  list->made[list->made_count++] = memory;
  add(list, name, memory);
  return dnnl_success;
}

static dnnl_status_t collect(const pb_onednn_product *product, const pb_onednn_weight *packed, const void *a,
                             const void *b, void *c, void *scratch, pb_arguments *list) {
  const pb_operands *operands = &product->operands;
  dnnl_status_t status = add_pointer(list, DNNL_ARG_SRC, pb_reference(&operands->a), a);
  if (status != dnnl_success) return status;
  if (packed) {
    add(list, DNNL_ARG_WEIGHTS, packed->weight);
    if (product->shape.has_bias) add(list, DNNL_ARG_BIAS, packed->bias);
  } else {
    status = add_pointer(list, DNNL_ARG_WEIGHTS, pb_reference(&operands->b), b);
    if (status != dnnl_success) return status;
  }
  status = add_pointer(list, DNNL_ARG_DST, pb_reference(&operands->c), c);
  if (status != dnnl_success || product->scratch_bytes == 0) return status;
  return add_pointer(list, DNNL_ARG_SCRATCHPAD,
                     dnnl_primitive_desc_query_md(product->description, dnnl_query_scratchpad_md, 0), scratch);
}

pb_onednn_status pb_onednn_product_run(const pb_onednn_product *product, const pb_onednn_weight *packed, const void *a,
                                       const void *b, void *c, void *scratch) {
  dnnl_stream_t stream = pb_stream();
  if (!stream) return PB_ONEDNN_FAILED;
  pb_arguments list = {.count = 0, .made_count = 0};
  dnnl_status_t status = collect(product, packed, a, b, c, scratch, &list);
  if (status == dnnl_success) {
    status = dnnl_primitive_execute(product->primitive, stream, list.count, list.arguments);
  }
  for (int i = 0; i < list.made_count; i++) dnnl_memory_destroy(list.made[i]);
  return pb_status(status);
}
