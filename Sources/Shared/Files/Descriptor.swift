#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// An open file: acquired by `init`, closed by `deinit`. Reads and writes at offsets are safe from any thread.
package final class Descriptor: Sendable {
  package let path: String
  package let number: Int32

  package enum Mode {
    /// An existing file, to read.
    case read
    /// An existing file, to read and write.
    case update
    /// A new or emptied file, to read and write.
    case create
    /// A new file, or an existing one as it is, to read and write.
    case updateOrCreate
    /// What is there and takes bytes one after the other.
    case append
  }

  package init(_ path: String, _ mode: Mode) throws(InputError) {
    let (flags, doing) =
      switch mode {
      // Without O_NONBLOCK, to open a named pipe would wait for a writer; it changes nothing for files.
      case .read: (O_RDONLY | O_NONBLOCK, "open")
      case .update: (O_RDWR, "open for writing")
      case .create: (O_RDWR | O_CREAT | O_TRUNC, "create")
      case .updateOrCreate: (O_RDWR | O_CREAT, "open for writing")
      case .append: (O_WRONLY | O_APPEND, "open for writing")
      }
    self.path = path
    self.number = try checked(path, doing) { open(path, flags | O_CLOEXEC, 0o644) }
  }

  /// Shares what is open already, and the place in it.
  package init(_ path: String, duplicating other: Int32) throws(InputError) {
    self.path = path
    number = try checked(path, "open for writing") { fcntl(other, F_DUPFD_CLOEXEC, 0) }
  }

  deinit { close(number) }

  /// The file's size in bytes; throws where the path is no regular file.
  package func size() throws(InputError) -> Int {
    var status = stat()
    try checked(path, "read the size of") { fstat(number, &status) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw InputError(path, "is not a regular file") }
    return Int(status.st_size)
  }

  /// Writes all bytes behind those that have been written so. A reader that has gone away has seen enough.
  package func append(_ bytes: [UInt8]) throws(InputError) { try writeInOrder(bytes, to: number, path) }

  /// Writes all bytes at an offset.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(InputError) {
    var done = 0
    while done < bytes.count {
      done += try checked(path, "write") {
        pwrite(number, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
      }
    }
  }

  /// Likewise.
  package func write(_ bytes: [UInt8], at offset: Int) throws(InputError) {
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(InputError) in try write(buffer, at: offset) }
    }
    try result.get()
  }

  /// Fills the buffer from an offset; throws where the file ends before it is full.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(InputError) {
    var done = 0
    while done < buffer.count {
      let count = try checked(path, "read") {
        pread(number, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      }
      guard count > 0 else {
        throw InputError(path, "ends at byte \(offset + done), in the middle of its data")
      }
      done += count
    }
  }

  /// Reserves room for the whole file, so that a full disk shows before the work and not in the middle of it.
  package func reserve(byteCount: Int) throws(InputError) {
    #if os(Linux)
      // posix_fallocate returns the error number instead of setting errno.
      var number: Int32
      repeat { number = posix_fallocate(self.number, 0, off_t(byteCount)) } while number == EINTR
      if number == EOPNOTSUPP || number == EINVAL { return }
      errno = number
      try checked(path, "reserve \(byteCount) bytes for") { number == 0 ? 0 : -1 }
    #endif
  }

  /// Cuts or lengthens the file; what is new reads as zeros.
  package func resize(byteCount: Int) throws(InputError) {
    try checked(path, "resize") { ftruncate(number, off_t(byteCount)) }
  }

  /// The bytes that the file takes up on the disk, which are fewer than its size where it has holes.
  package func allocatedByteCount() throws(InputError) -> Int {
    var status = stat()
    try checked(path, "read the status of") { fstat(number, &status) }
    return Int(status.st_blocks) * 512
  }

  /// Returns once the file's bytes are on the disk.
  package func synchronize() throws(InputError) {
    try checked(path, "flush to disk") { fsync(number) }
  }
}
