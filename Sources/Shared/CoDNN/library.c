#define _GNU_SOURCE
#include "library.h"

#include <dlfcn.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t stream_key;
static dnnl_engine_t engine;
/// Of the OpenMP that the library was built with, if any: its number of threads is a setting of each thread.
static void (*set_thread_count)(int count);

static void destroy_stream(void *stream) { dnnl_stream_destroy(stream); }

static void start(void) {
  if (pthread_key_create(&stream_key, destroy_stream) != 0) return;
  // By name, as which OpenMP it is only the library knows.
  *(void **)&set_thread_count = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success) engine = NULL;
}

dnnl_engine_t pb_engine(void) {
  pthread_once(&once, start);
  return engine;
}

dnnl_stream_t pb_stream(void) {
  if (!pb_engine()) return NULL;
  dnnl_stream_t stream = pthread_getspecific(stream_key);
  if (stream) return stream;
  if (set_thread_count) set_thread_count(1);
  if (dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) != dnnl_success) return NULL;
  pthread_setspecific(stream_key, stream);
  return stream;
}

void pb_onednn_limit(pb_onednn_isa isa) {
#if defined(__x86_64__)
  if (isa == PB_ONEDNN_ISA_AVX512) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core);
  if (isa == PB_ONEDNN_ISA_AVX2) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
  if (isa == PB_ONEDNN_ISA_BASELINE) dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41);
#else
  (void)isa;
#endif
}

dnnl_status_t pb_describe(pb_memory_desc *desc, int64_t rows, int64_t columns, dnnl_data_type_t type,
                          int64_t row_stride, int64_t column_stride) {
  const dnnl_dims_t extents = {rows, columns};
  const dnnl_dims_t strides = {row_stride, column_stride};
  const int is_free = row_stride == 0 && column_stride == 0;
#if PB_ONEDNN_3
  if (is_free) return dnnl_memory_desc_create_with_tag(desc, 2, extents, type, dnnl_format_tag_any);
  return dnnl_memory_desc_create_with_strides(desc, 2, extents, type, strides);
#else
  if (is_free) return dnnl_memory_desc_init_by_tag(desc, 2, extents, type, dnnl_format_tag_any);
  return dnnl_memory_desc_init_by_strides(desc, 2, extents, type, strides);
#endif
}

void pb_forget(pb_memory_desc *desc) {
#if PB_ONEDNN_3
  if (*desc) dnnl_memory_desc_destroy(*desc);
#else
  (void)desc;
#endif
}

pb_memory_desc_reference pb_reference(const pb_memory_desc *desc) {
#if PB_ONEDNN_3
  return *desc;
#else
  return desc;
#endif
}

pb_onednn_status pb_status(dnnl_status_t status) {
  switch (status) {
    case dnnl_success: return PB_ONEDNN_OK;
    case dnnl_unimplemented: return PB_ONEDNN_UNSUPPORTED;
    case dnnl_out_of_memory: return PB_ONEDNN_NO_MEMORY;
    default: return PB_ONEDNN_FAILED;
  }
}

const char *pb_onednn_version(void) {
  static char text[32];
  const dnnl_version_t *version = dnnl_version();
  snprintf(text, sizeof text, "%d.%d.%d", version->major, version->minor, version->patch);
  return text;
}
