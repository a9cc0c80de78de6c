#include <stdlib.h>
#include <string.h>

#include "library.h"

struct pb_onednn_linear {
  pb_onednn_linear_shape shape;
  pb_memory_desc input_desc, weight_desc, bias_desc, output_desc;
  dnnl_primitive_desc_t description;
  dnnl_primitive_t primitive;
  dnnl_memory_t weight, bias;
  size_t scratch_bytes;
};

static dnnl_data_type_t data_type(pb_onednn_type type) { return type == PB_ONEDNN_BFLOAT16 ? dnnl_bf16 : dnnl_f32; }

static dnnl_status_t describe(pb_onednn_linear *layer) {
  const pb_onednn_linear_shape *shape = &layer->shape;
  const dnnl_data_type_t operands = data_type(shape->operands);
  dnnl_status_t status =
      pb_describe(&layer->input_desc, shape->rows, shape->input_width, operands, shape->input_width, 1);
  if (status != dnnl_success) return status;
  status = pb_describe(&layer->weight_desc, shape->input_width, shape->output_width, operands, 0, 0);
  if (status != dnnl_success) return status;
  status = pb_describe(&layer->bias_desc, 1, shape->output_width, dnnl_f32, shape->output_width, 1);
  if (status != dnnl_success) return status;
  return pb_describe(&layer->output_desc, shape->rows, shape->output_width, data_type(shape->result),
                     shape->output_width, 1);
}

static dnnl_status_t append_activation(dnnl_post_ops_t operations, dnnl_alg_kind_t kind, float parameter) {
#if PB_ONEDNN_3
  return dnnl_post_ops_append_eltwise(operations, kind, parameter, 0);
#else
  return dnnl_post_ops_append_eltwise(operations, 1, kind, parameter, 0);
#endif
}

static dnnl_status_t append_operations(dnnl_post_ops_t operations, const pb_onednn_linear_shape *shape) {
  dnnl_status_t status = dnnl_success;
  switch (shape->activation) {
    case PB_ONEDNN_IDENTITY: break;
    case PB_ONEDNN_GELU: status = append_activation(operations, dnnl_eltwise_gelu_erf, 0); break;
    case PB_ONEDNN_GELU_TANH: status = append_activation(operations, dnnl_eltwise_gelu_tanh, 0); break;
    case PB_ONEDNN_QUICK_GELU: status = append_activation(operations, dnnl_eltwise_swish, 1.702f); break;
  }
  if (status != dnnl_success || !shape->adds_to_output) return status;
#if PB_ONEDNN_3
  return dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
#else
  return dnnl_post_ops_append_sum(operations, 1);
#endif
}

/// Whose memory the library uses (ours), that it rounds nothing of its own accord, and what follows the product.
static dnnl_status_t make_attributes(const pb_onednn_linear_shape *shape, dnnl_primitive_attr_t attributes) {
  dnnl_status_t status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  if (status != dnnl_success) return status;
  status = dnnl_primitive_attr_set_fpmath_mode(attributes, dnnl_fpmath_mode_strict);
  if (status != dnnl_success) return status;
  dnnl_post_ops_t operations;
  status = dnnl_post_ops_create(&operations);
  if (status != dnnl_success) return status;
  status = append_operations(operations, shape);
  if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attributes, operations);
  dnnl_post_ops_destroy(operations);
  return status;
}

static dnnl_status_t make_description(pb_onednn_linear *layer, dnnl_primitive_attr_t attributes) {
#if PB_ONEDNN_3
  return dnnl_matmul_primitive_desc_create(&layer->description, pb_engine(), layer->input_desc, layer->weight_desc,
                                           layer->bias_desc, layer->output_desc, attributes);
#else
  dnnl_matmul_desc_t product;
  const dnnl_status_t status = dnnl_matmul_desc_init(&product, &layer->input_desc, &layer->weight_desc,
                                                     &layer->bias_desc, &layer->output_desc);
  if (status != dnnl_success) return status;
  return dnnl_primitive_desc_create(&layer->description, &product, attributes, pb_engine(), NULL);
#endif
}

static dnnl_status_t prepare(pb_onednn_linear *layer) {
  dnnl_status_t status = describe(layer);
  if (status != dnnl_success) return status;
  dnnl_primitive_attr_t attributes;
  status = dnnl_primitive_attr_create(&attributes);
  if (status != dnnl_success) return status;
  status = make_attributes(&layer->shape, attributes);
  if (status == dnnl_success) status = make_description(layer, attributes);
  dnnl_primitive_attr_destroy(attributes);
  if (status != dnnl_success) return status;
  layer->scratch_bytes =
      dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(layer->description, dnnl_query_scratchpad_md, 0));
  return dnnl_primitive_create(&layer->primitive, layer->description);
}

/// From [output width, input width] in single precision, which is the product's operand with its strides exchanged, to
/// the library's own layout and type.
static dnnl_status_t pack(pb_onednn_linear *layer, const float *weight) {
  const pb_memory_desc_reference packed_desc = dnnl_primitive_desc_query_md(layer->description, dnnl_query_weights_md, 0);
  dnnl_status_t status = dnnl_memory_create(&layer->weight, packed_desc, pb_engine(), DNNL_MEMORY_ALLOCATE);
  if (status != dnnl_success) return status;
  pb_memory_desc plain;
  const pb_onednn_linear_shape *shape = &layer->shape;
  status = pb_describe(&plain, shape->input_width, shape->output_width, dnnl_f32, 1, shape->input_width);
  if (status != dnnl_success) return status;
  dnnl_memory_t source = NULL;
  dnnl_primitive_desc_t description = NULL;
  dnnl_primitive_t reorder = NULL;
  status = dnnl_memory_create(&source, pb_reference(&plain), pb_engine(), (void *)weight);
  if (status == dnnl_success) {
    status = dnnl_reorder_primitive_desc_create(&description, pb_reference(&plain), pb_engine(), packed_desc,
                                                pb_engine(), NULL);
  }
  if (status == dnnl_success) status = dnnl_primitive_create(&reorder, description);
  if (status == dnnl_success) {
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, layer->weight}};
    status = dnnl_primitive_execute(reorder, pb_stream(), 2, arguments);
  }
  if (status == dnnl_success) status = dnnl_stream_wait(pb_stream());
  if (reorder) dnnl_primitive_destroy(reorder);
  if (description) dnnl_primitive_desc_destroy(description);
  if (source) dnnl_memory_destroy(source);
  pb_forget(&plain);
  return status;
}

static dnnl_status_t copy_bias(pb_onednn_linear *layer, const float *bias) {
  dnnl_status_t status =
      dnnl_memory_create(&layer->bias, pb_reference(&layer->bias_desc), pb_engine(), DNNL_MEMORY_ALLOCATE);
  void *values = NULL;
  if (status == dnnl_success) status = dnnl_memory_get_data_handle(layer->bias, &values);
  if (status == dnnl_success) memcpy(values, bias, (size_t)layer->shape.output_width * sizeof *bias);
  return status;
}

pb_onednn_status pb_onednn_linear_create(const pb_onednn_linear_shape *shape, const float *weight, const float *bias,
                                         pb_onednn_linear **layer) {
  *layer = NULL;
  // The stream comes first: on its thread the library then prepares code for a single thread.
  if (!pb_stream()) return PB_ONEDNN_FAILED;
  pb_onednn_linear *created = calloc(1, sizeof *created);
  if (!created) return PB_ONEDNN_NO_MEMORY;
  created->shape = *shape;
  dnnl_status_t status = prepare(created);
  if (status == dnnl_success) status = pack(created, weight);
  if (status == dnnl_success) status = copy_bias(created, bias);
  if (status != dnnl_success) {
    pb_onednn_linear_destroy(created);
    return pb_status(status);
  }
  *layer = created;
  return PB_ONEDNN_OK;
}

void pb_onednn_linear_destroy(pb_onednn_linear *layer) {
  if (!layer) return;
  if (layer->bias) dnnl_memory_destroy(layer->bias);
  if (layer->weight) dnnl_memory_destroy(layer->weight);
  if (layer->primitive) dnnl_primitive_destroy(layer->primitive);
  if (layer->description) dnnl_primitive_desc_destroy(layer->description);
  pb_forget(&layer->input_desc);
  pb_forget(&layer->weight_desc);
  pb_forget(&layer->bias_desc);
  pb_forget(&layer->output_desc);
  free(layer);
}

size_t pb_onednn_linear_scratch_bytes(const pb_onednn_linear *layer) { return layer->scratch_bytes; }

pb_onednn_status pb_onednn_linear_apply(const pb_onednn_linear *layer, const void *input, void *output,
                                        void *scratch) {
  dnnl_stream_t stream = pb_stream();
  if (!stream) return PB_ONEDNN_FAILED;
  dnnl_memory_t memories[3] = {NULL, NULL, NULL};
  dnnl_status_t status =
      dnnl_memory_create(&memories[0], pb_reference(&layer->input_desc), pb_engine(), (void *)input);
  if (status == dnnl_success) {
    status = dnnl_memory_create(&memories[1], pb_reference(&layer->output_desc), pb_engine(), output);
  }
  if (status == dnnl_success) {
    status = dnnl_memory_create(
        &memories[2], dnnl_primitive_desc_query_md(layer->description, dnnl_query_scratchpad_md, 0), pb_engine(),
        scratch);
  }
  if (status == dnnl_success) {
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, memories[0]},
                                         {DNNL_ARG_WEIGHTS, layer->weight},
                                         {DNNL_ARG_BIAS, layer->bias},
                                         {DNNL_ARG_DST, memories[1]},
                                         {DNNL_ARG_SCRATCHPAD, memories[2]}};
    status = dnnl_primitive_execute(layer->primitive, stream, 5, arguments);
  }
  if (status == dnnl_success) status = dnnl_stream_wait(stream);
  for (int i = 0; i < 3; i++) {
    if (memories[i]) dnnl_memory_destroy(memories[i]);
  }
  return pb_status(status);
}
