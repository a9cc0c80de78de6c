// libhdf5, as Swift can see it. Swift imports no function-like macros and no identifiers that are macros over globals,
// so that each of those that the token store uses has a constant or a function here.
#pragma once

// 1.12 and 1.14 rename functions behind macros; this keeps the names and types of 1.10 with all of them.
#define H5_USE_110_API 1
#include <hdf5.h>

static const hid_t pb_h5_default = H5P_DEFAULT;

// Property list classes: macros that open the library, then read a global.
static inline hid_t pb_h5_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t pb_h5_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t pb_h5_dataset_create(void) { return H5P_DATASET_CREATE; }

// Predefined types, likewise.
static inline hid_t pb_h5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t pb_h5_int8(void) { return H5T_STD_I8LE; }
static inline hid_t pb_h5_int32(void) { return H5T_STD_I32LE; }
static inline hid_t pb_h5_uint8(void) { return H5T_STD_U8LE; }
static inline hid_t pb_h5_uint16(void) { return H5T_STD_U16LE; }
static inline hid_t pb_h5_uint32(void) { return H5T_STD_U32LE; }
static inline hid_t pb_h5_uint64(void) { return H5T_STD_U64LE; }
static inline hid_t pb_h5_string(void) { return H5T_C_S1; }

// Flags and sentinels: macros with casts or checks in them.
static inline unsigned pb_h5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned pb_h5_truncate(void) { return H5F_ACC_TRUNC; }
static inline int pb_h5_is_undefined(haddr_t address) { return address == HADDR_UNDEF; }

/// Whether a group's link is a hard one: 1 or 0, negative on failure. The type of its argument changed with 1.12.
static inline int pb_h5_link_is_hard(hid_t group, hsize_t index) {
  H5L_info_t info;
  if (H5Lget_info_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, &info, H5P_DEFAULT) < 0) return -1;
  return info.type == H5L_TYPE_HARD;
}

/// Has the library open files without locking them: it fails on file systems that have no locks or are read-only, and
/// the token store locks what it writes itself. Versions without the function lock only what they write.
static inline herr_t pb_h5_disable_file_locking(hid_t access) {
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
  return H5Pset_file_locking(access, 0, 1);
#else
  (void)access;
  return 0;
#endif
}
