// What both sources of the shim share: one engine, a stream a thread, and the few calls whose form depends on the
// library's major version.
#pragma once
#include <oneapi/dnnl/dnnl.h>

#include "include/pb_onednn.h"

#if DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_OMP && DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_SEQ
#error "oneDNN must be built for OpenMP or without threads: others run on threads that nobody here can count"
#endif

#define PB_ONEDNN_3 (DNNL_VERSION_MAJOR >= 3)

#if PB_ONEDNN_3
typedef dnnl_memory_desc_t pb_memory_desc;
typedef const_dnnl_memory_desc_t pb_memory_desc_reference;
#else
typedef dnnl_memory_desc_t pb_memory_desc;
typedef const dnnl_memory_desc_t *pb_memory_desc_reference;
#endif

/// A description of a matrix [rows, columns]; strides of 0 leave its layout to the library.
dnnl_status_t pb_describe(pb_memory_desc *desc, int64_t rows, int64_t columns, dnnl_data_type_t type,
                          int64_t row_stride, int64_t column_stride);
void pb_forget(pb_memory_desc *desc);
pb_memory_desc_reference pb_reference(const pb_memory_desc *desc);

/// The one engine; null where the library cannot start.
dnnl_engine_t pb_engine(void);
/// The calling thread's stream, on which the library uses no other thread.
dnnl_stream_t pb_stream(void);

pb_onednn_status pb_status(dnnl_status_t status);
