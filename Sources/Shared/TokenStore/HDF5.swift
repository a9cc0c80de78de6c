import CHDF5
import Files
import Synchronization

/// libhdf5, as far as the cache needs it: writing the skeleton of a shard and reading it back. No handle of the library
/// leaves this file.
///
/// The library is not safe to use from several threads: every use of it is inside ``withLibrary(_:)``.
package enum HDF5 {
  private static let library = Mutex(false)

  /// Runs a body that calls the library, one at a time, with the library's own error printing off.
  private static func withLibrary<Result>(
    _ body: () throws(InputError) -> sending Result
  ) throws(InputError) -> sending Result {
    try library.withLock { (isPrepared) throws(InputError) in
      if !isPrepared {
        try checked("libhdf5", "start") { H5open() }
        // No file may make the library load code.
        try checked("libhdf5", "turn plugins off in") { H5PLset_loading_state(0) }
        isPrepared = true
      }
      // The setting belongs to the thread where the library is built for threads.
      H5Eset_auto2(pb_h5_default, nil, nil)
      return try body()
    }
  }
}

// MARK: - Errors and handles

/// Turns a status of the library, negative on failure, into a thrown error that carries the library's error stack.
@discardableResult
private func checked<Status: FixedWidthInteger & SignedInteger>(
  _ subject: String, _ doing: String, _ call: () -> Status
) throws(InputError) -> Status {
  let status = call()
  guard status < 0 else { return status }
  var messages: [String] = []
  withUnsafeMutablePointer(to: &messages) { messages in
    _ = H5Ewalk2(
      pb_h5_default, H5E_WALK_DOWNWARD,
      { _, entry, messages in
        let messages = messages!.assumingMemoryBound(to: [String].self)
        guard let text = entry?.pointee.desc, messages.pointee.count < 16 else { return 0 }
        messages.pointee.append(String(cString: text))
        return 0
      }, messages)
  }
  H5Eclear2(pb_h5_default)
  let cause = messages.isEmpty ? "libhdf5 gives no reason" : messages.joined(separator: ": ")
  throw InputError(subject, "cannot \(doing) as HDF5 (\(cause))")
}

/// Something open in the library: acquired by `init`, released by `deinit`.
private struct Handle: ~Copyable {
  typealias Release = @convention(c) (hid_t) -> herr_t

  let identifier: hid_t
  private let release: Release

  init(
    _ subject: String, _ doing: String, _ release: @escaping Release, _ acquire: () -> hid_t
  )
    throws(InputError)
  {
    self.release = release
    identifier = try checked(subject, doing, acquire)
  }

  deinit { _ = release(identifier) }
}

// MARK: - Types

/// Makes the library's type for a dataset type.
private func makeType(_ type: DatasetType, _ subject: String) throws(InputError) -> Handle {
  let doing = "describe \(type)"
  func copy(_ base: () -> hid_t) throws(InputError) -> Handle {
    try Handle(subject, doing, H5Tclose) { H5Tcopy(base()) }
  }
  /// A 16-bit float: the fields of float32 moved, then the size cut. Sign, exponent and fraction from high to low.
  func float(exponentBits: Int, bias: Int) throws(InputError) -> Handle {
    let type = try copy(pb_h5_float32)
    let fractionBits = 15 - exponentBits
    try checked(subject, doing) {
      H5Tset_fields(type.identifier, 15, fractionBits, exponentBits, 0, fractionBits)
    }
    try checked(subject, doing) { H5Tset_size(type.identifier, 2) }
    try checked(subject, doing) { H5Tset_ebias(type.identifier, bias) }
    return type
  }
  switch type {
  case .float16: return try float(exponentBits: 5, bias: 15)
  case .bfloat16: return try float(exponentBits: 8, bias: 127)
  case .float32: return try copy(pb_h5_float32)
  case .int8: return try copy(pb_h5_int8)
  case .int32: return try copy(pb_h5_int32)
  case .uint8: return try copy(pb_h5_uint8)
  case .uint16: return try copy(pb_h5_uint16)
  case .uint32: return try copy(pb_h5_uint32)
  case .uint64: return try copy(pb_h5_uint64)
  case .text(let byteCount):
    let type = try copy(pb_h5_string)
    try checked(subject, doing) { H5Tset_size(type.identifier, byteCount) }
    try checked(subject, doing) { H5Tset_cset(type.identifier, H5T_CSET_UTF8) }
    try checked(subject, doing) { H5Tset_strpad(type.identifier, H5T_STR_NULLPAD) }
    return type
  }
}

/// The dataset type that a type of the library is; throws where the format has no such type.
private func recognise(
  _ type: borrowing Handle, _ subject: String, maximumTextByteCount: Int
) throws(InputError) -> DatasetType {
  var candidates: [DatasetType] = [
    .float16, .bfloat16, .float32, .int8, .int32, .uint8, .uint16, .uint32, .uint64,
  ]
  if H5Tget_class(type.identifier) == H5T_STRING, H5Tis_variable_str(type.identifier) == 0 {
    let byteCount = H5Tget_size(type.identifier)
    guard byteCount > 0, byteCount <= maximumTextByteCount else {
      throw InputError(subject, "holds texts of \(byteCount) bytes; 1 to \(maximumTextByteCount) are allowed")
    }
    candidates = [.text(byteCount: byteCount)]
  }
  for candidate in candidates {
    let expected = try makeType(candidate, subject)
    if H5Tequal(type.identifier, expected.identifier) > 0 { return candidate }
  }
  throw InputError(subject, "is of a type that a token cache does not use")
}

// MARK: - Writing

extension HDF5 {
  /// Every dataset begins at a multiple of this: a memory page.
  static let alignment = 4096
  /// The attribute of tokens in 8 bits that holds the scales of their channels.
  static let channelScale = "channel_scale"

  /// Writes an HDF5 file with all datasets in place, contiguous and allocated, but none of their data.
  ///
  /// The bytes depend on the arguments and the library's version only.
  package static func writeSkeleton(
    to path: String, datasets: [RowDataset], rowCount: Int, attributes: ShardAttributes
  ) throws(InputError) {
    try withLibrary { () throws(InputError) in
      let access = try fileAccess(path)
      try checked(path, "set the format's version") {
        H5Pset_libver_bounds(access.identifier, H5F_LIBVER_V18, H5F_LIBVER_V18)
      }
      try checked(path, "set the alignment") { H5Pset_alignment(access.identifier, 1, hsize_t(alignment)) }
      // Small datasets would share blocks otherwise, each at whatever offset is free there.
      try checked(path, "set the block size") { H5Pset_small_data_block_size(access.identifier, 0) }
      let creation = try Handle(path, "describe the file", H5Pclose) { H5Pcreate(pb_h5_file_create()) }
      try checked(path, "turn times off") { H5Pset_obj_track_times(creation.identifier, false) }
      let file = try Handle(path, "create", H5Fclose) {
        H5Fcreate(path, pb_h5_truncate(), creation.identifier, access.identifier)
      }
      for dataset in datasets { try create(dataset, rowCount: rowCount, in: file, path) }
      try write("schema", attributes.schema, to: file, path)
      try write("schema_version", attributes.schemaVersion, to: file, path)
      try write("config_json", attributes.configurationJSON, to: file, path)
      try write("shard_index", attributes.shardIndex, to: file, path)
      try write("row_start", attributes.rowStart, to: file, path)
      try checked(path, "write") { H5Fflush(file.identifier, H5F_SCOPE_GLOBAL) }
    }
  }

  private static func fileAccess(_ path: String) throws(InputError) -> Handle {
    let access = try Handle(path, "describe the access to", H5Pclose) { H5Pcreate(pb_h5_file_access()) }
    try checked(path, "turn file locking off") { pb_h5_disable_file_locking(access.identifier) }
    return access
  }

  private static func create(
    _ dataset: RowDataset, rowCount: Int, in file: borrowing Handle, _ path: String
  ) throws(InputError) {
    let doing = "create the dataset \(dataset.name)"
    let type = try makeType(dataset.type, path)
    let shape = ([rowCount] + dataset.rowShape).map { hsize_t($0) }
    let space = try Handle(path, doing, H5Sclose) { H5Screate_simple(Int32(shape.count), shape, shape) }
    let creation = try Handle(path, doing, H5Pclose) { H5Pcreate(pb_h5_dataset_create()) }
    try checked(path, doing) { H5Pset_layout(creation.identifier, H5D_CONTIGUOUS) }
    try checked(path, doing) { H5Pset_alloc_time(creation.identifier, H5D_ALLOC_TIME_EARLY) }
    try checked(path, doing) { H5Pset_fill_time(creation.identifier, H5D_FILL_TIME_NEVER) }
    try checked(path, doing) { H5Pset_obj_track_times(creation.identifier, false) }
    let created = try Handle(path, doing, H5Dclose) {
      H5Dcreate2(
        file.identifier, dataset.name, type.identifier, space.identifier, pb_h5_default, creation.identifier,
        pb_h5_default)
    }
    let scales = dataset.channelScales
    guard !scales.isEmpty else { return }
    let bytes = scales.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian) { Array($0) } }
    try write(channelScale, bytes, try makeType(.float32, path), shape: [scales.count], to: created, path)
  }

  private static func write(
    _ name: String, _ value: String, to file: borrowing Handle, _ path: String
  ) throws(InputError) {
    let bytes = Array(value.utf8)
    let type = try makeType(.text(byteCount: bytes.count), path)
    try write(name, bytes, type, to: file, path)
  }

  private static func write(
    _ name: String, _ value: Int, to file: borrowing Handle, _ path: String
  ) throws(InputError) {
    let type = try makeType(.uint64, path)
    try write(name, withUnsafeBytes(of: UInt64(value).littleEndian) { Array($0) }, type, to: file, path)
  }

  private static func write(
    _ name: String, _ bytes: [UInt8], _ type: borrowing Handle, shape: [Int] = [],
    to object: borrowing Handle, _ path: String
  ) throws(InputError) {
    let doing = "write the attribute \(name)"
    let extents = shape.map { hsize_t($0) }
    let space = try Handle(path, doing, H5Sclose) {
      extents.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(extents.count), extents, extents)
    }
    let (typeIdentifier, objectIdentifier) = (type.identifier, object.identifier)
    let attribute = try Handle(path, doing, H5Aclose) {
      H5Acreate2(objectIdentifier, name, typeIdentifier, space.identifier, pb_h5_default, pb_h5_default)
    }
    try checked(path, doing) { H5Awrite(attribute.identifier, typeIdentifier, bytes) }
  }
}

// MARK: - Reading

extension HDF5 {
  /// As many blocks as a model may have, each with its scales, and all other datasets.
  private static let maximumLinkCount = 2 * 256 + 16
  private static let maximumRank: Int32 = 4
  private static let maximumAttributeByteCount = 1 << 26
  private static let maximumScaleCount = 1 << 16

  /// Reads where the datasets of a shard are and what its attributes say, and none of its data.
  ///
  /// The file is taken for untrusted: only hard links at the root, to contiguous datasets without filters or external
  /// storage, of the format's types, that lie inside the file without touching each other.
  package static func readSkeleton(of path: String) throws(InputError) -> ShardSkeleton {
    let byteCount = try Descriptor(path, .read).size()
    return try withLibrary { () throws(InputError) in
      let access = try fileAccess(path)
      let file = try Handle(path, "open", H5Fclose) { H5Fopen(path, pb_h5_read_only(), access.identifier) }
      try requireNoUserBlock(file, path)
      var placements: [String: CacheManifest.Placement] = [:]
      var channelScales: [String: [Float]] = [:]
      for index in 0..<(try linkCount(file, path)) {
        let name = try linkName(index, file, path)
        let subject = "\(path), dataset \(name)"
        let fileIdentifier = file.identifier
        let dataset = try Handle(subject, "open", H5Dclose) { H5Dopen2(fileIdentifier, name, pb_h5_default) }
        placements[name] = try placement(of: dataset, subject, fileByteCount: byteCount)
        channelScales[name] = try readChannelScales(of: dataset, subject)
      }
      try requireSeparate(placements, path)
      return ShardSkeleton(
        byteCount: byteCount, placements: placements, channelScales: channelScales,
        attributes: ShardAttributes(
          schema: try readText("schema", file, path),
          schemaVersion: try readInteger("schema_version", file, path),
          configurationJSON: try readText("config_json", file, path),
          shardIndex: try readInteger("shard_index", file, path),
          rowStart: try readInteger("row_start", file, path)))
    }
  }

  private static func requireNoUserBlock(_ file: borrowing Handle, _ path: String) throws(InputError) {
    let fileIdentifier = file.identifier
    let creation = try Handle(path, "describe", H5Pclose) { H5Fget_create_plist(fileIdentifier) }
    var size: hsize_t = 0
    try checked(path, "read the user block of") { H5Pget_userblock(creation.identifier, &size) }
    guard size == 0 else {
      throw InputError(path, "has \(size) bytes before its HDF5 part; a shard has none")
    }
  }

  private static func linkCount(_ file: borrowing Handle, _ path: String) throws(InputError) -> Int {
    var info = H5G_info_t()
    let fileIdentifier = file.identifier
    try checked(path, "list") { H5Gget_info(fileIdentifier, &info) }
    guard info.nlinks <= hsize_t(maximumLinkCount) else {
      throw InputError(path, "has \(info.nlinks) entries; a shard has at most \(maximumLinkCount)")
    }
    return Int(info.nlinks)
  }

  private static func linkName(
    _ index: Int, _ file: borrowing Handle, _ path: String
  ) throws(InputError) -> String {
    let fileIdentifier = file.identifier
    var bytes = [CChar](repeating: 0, count: 64)
    let length = try checked(path, "list") {
      H5Lget_name_by_idx(
        fileIdentifier, ".", H5_INDEX_NAME, H5_ITER_INC, hsize_t(index), &bytes, bytes.count, pb_h5_default)
    }
    guard length < bytes.count else { throw InputError(path, "has an entry with a name of \(length) bytes") }
    let name = String(decoding: bytes.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let isHard = try checked(path, "look at \(name)") { pb_h5_link_is_hard(fileIdentifier, hsize_t(index)) }
    guard isHard == 1 else {
      throw InputError(path, "its entry \(name) points elsewhere; a shard holds all of its datasets itself")
    }
    return name
  }

  private static func placement(
    of dataset: borrowing Handle, _ subject: String, fileByteCount: Int
  ) throws(InputError) -> CacheManifest.Placement {
    try requirePlainStorage(dataset, subject)
    let identifier = dataset.identifier
    let type = try Handle(subject, "read the type of", H5Tclose) { H5Dget_type(identifier) }
    let datasetType = try recognise(type, subject, maximumTextByteCount: RowLayout.maximumIDByteCount)
    let space = try Handle(subject, "read the shape of", H5Sclose) { H5Dget_space(identifier) }
    let shape = try shape(of: space, subject)
    var size = datasetType.byteCount
    for extent in shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: extent)
      guard !overflow, product <= fileByteCount else {
        throw InputError(
          subject, "its shape \(shape) of \(datasetType) does not fit into a file of \(fileByteCount) bytes")
      }
      size = product
    }
    let offset = H5Dget_offset(identifier)
    H5Eclear2(pb_h5_default)
    guard pb_h5_is_undefined(offset) == 0, offset <= haddr_t(fileByteCount - size) else {
      throw InputError(subject, "its \(size) bytes are not inside the file of \(fileByteCount) bytes")
    }
    guard H5Dget_storage_size(identifier) == hsize_t(size) else {
      throw InputError(subject, "takes up another number of bytes than the \(size) of its shape \(shape)")
    }
    return CacheManifest.Placement(offset: Int(offset), type: datasetType, shape: shape)
  }

  /// Anything but contiguous data in the file itself would have the library read other files or run filters.
  private static func requirePlainStorage(_ dataset: borrowing Handle, _ subject: String) throws(InputError) {
    let identifier = dataset.identifier
    let creation = try Handle(subject, "describe", H5Pclose) { H5Dget_create_plist(identifier) }
    guard H5Pget_layout(creation.identifier) == H5D_CONTIGUOUS else {
      throw InputError(subject, "is not stored contiguously, as every dataset of a shard is")
    }
    guard try checked(subject, "describe", { H5Pget_external_count(creation.identifier) }) == 0 else {
      throw InputError(subject, "is stored in other files; a shard holds all of its datasets itself")
    }
    guard try checked(subject, "describe", { H5Pget_nfilters(creation.identifier) }) == 0 else {
      throw InputError(subject, "is filtered; a shard's datasets are stored as they are")
    }
  }

  private static func shape(of space: borrowing Handle, _ subject: String) throws(InputError) -> [Int] {
    guard H5Sget_simple_extent_type(space.identifier) == H5S_SIMPLE else {
      throw InputError(subject, "is not an array")
    }
    let rank = try checked(subject, "read the shape of") { H5Sget_simple_extent_ndims(space.identifier) }
    guard rank >= 1, rank <= maximumRank else {
      throw InputError(subject, "has \(rank) dimensions; 1 to \(maximumRank) are allowed")
    }
    var extents = [hsize_t](repeating: 0, count: Int(rank))
    try checked(subject, "read the shape of") { H5Sget_simple_extent_dims(space.identifier, &extents, nil) }
    return extents.map { Int(clamping: $0) }
  }

  private static func requireSeparate(
    _ placements: [String: CacheManifest.Placement], _ path: String
  ) throws(InputError) {
    let sorted = placements.sorted { ($0.value.offset, $0.key) < ($1.value.offset, $1.key) }
    for (first, second) in zip(sorted, sorted.dropFirst())
    where first.value.offset + first.value.byteCount > second.value.offset {
      throw InputError(path, "its datasets \(first.key) and \(second.key) overlap")
    }
  }

  private static func readText(
    _ name: String, _ file: borrowing Handle, _ path: String
  ) throws(InputError) -> String {
    let (type, bytes) = try readAttribute(name, file, path)
    guard case .text = type else {
      throw InputError(path, "its attribute \(name) is no text of fixed length")
    }
    // The shortest text that the library can store is one byte: an empty one is a zero byte.
    guard let text = String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self) else {
      throw InputError(path, "its attribute \(name) is not UTF-8")
    }
    return text
  }

  private static func readInteger(
    _ name: String, _ file: borrowing Handle, _ path: String
  ) throws(InputError) -> Int {
    let (type, bytes) = try readAttribute(name, file, path)
    guard type == .uint64 else {
      throw InputError(path, "its attribute \(name) is no unsigned 64-bit integer")
    }
    let value = bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    return Int(clamping: value)
  }

  /// - Returns: nil where the dataset has none.
  private static func readChannelScales(
    of dataset: borrowing Handle, _ subject: String
  ) throws(InputError) -> [Float]? {
    let identifier = dataset.identifier
    guard try checked(subject, "look at", { H5Aexists(identifier, channelScale) }) > 0 else { return nil }
    let subject = "\(subject), attribute \(channelScale)"
    let attribute = try Handle(subject, "open", H5Aclose) { H5Aopen(identifier, channelScale, pb_h5_default) }
    let attributeIdentifier = attribute.identifier
    let space = try Handle(subject, "read the shape of", H5Sclose) { H5Aget_space(attributeIdentifier) }
    let shape = try shape(of: space, subject)
    let type = try Handle(subject, "read the type of", H5Tclose) { H5Aget_type(attributeIdentifier) }
    let typeIdentifier = type.identifier
    guard shape.count == 1, (1...maximumScaleCount).contains(shape[0]),
      try recognise(type, subject, maximumTextByteCount: 0) == .float32
    else { throw InputError(subject, "is no list of 1 to \(maximumScaleCount) numbers in single precision") }
    var bits = [UInt32](repeating: 0, count: shape[0])
    try checked(subject, "read") { H5Aread(attributeIdentifier, typeIdentifier, &bits) }
    return bits.map { Float(bitPattern: UInt32(littleEndian: $0)) }
  }

  private static func readAttribute(
    _ name: String, _ file: borrowing Handle, _ path: String
  ) throws(InputError) -> (DatasetType, [UInt8]) {
    let subject = "\(path), attribute \(name)"
    let fileIdentifier = file.identifier
    guard try checked(subject, "look for", { H5Aexists(fileIdentifier, name) }) > 0 else {
      throw InputError(path, "has no attribute \(name): it is not a shard of a token cache")
    }
    let attribute = try Handle(subject, "open", H5Aclose) { H5Aopen(fileIdentifier, name, pb_h5_default) }
    let identifier = attribute.identifier
    let space = try Handle(subject, "read the shape of", H5Sclose) { H5Aget_space(identifier) }
    guard H5Sget_simple_extent_type(space.identifier) == H5S_SCALAR else {
      throw InputError(subject, "is not a single value")
    }
    let type = try Handle(subject, "read the type of", H5Tclose) { H5Aget_type(identifier) }
    let datasetType = try recognise(type, subject, maximumTextByteCount: maximumAttributeByteCount)
    var bytes = [UInt8](repeating: 0, count: datasetType.byteCount)
    let typeIdentifier = type.identifier
    try checked(subject, "read") { H5Aread(identifier, typeIdentifier, &bytes) }
    return (datasetType, bytes)
  }
}
