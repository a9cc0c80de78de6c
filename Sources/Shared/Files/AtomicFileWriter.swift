#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes a file piece by piece, which is there under its name once it is whole: whoever is stopped before leaves an
/// earlier file of that name as it was. Not for several callers at once.
public final class AtomicFileWriter {
  private let path: String
  private let partial: String
  private let descriptor: Descriptor
  /// Bytes that are in the file.
  private var offset = 0
  /// Bytes that follow, until there are enough of them.
  private var pending: [UInt8] = []
  private var isCommitted = false

  private static let pieceByteCount = 1 << 20

  /// - Throws: where no such file can be written.
  public init(_ path: String) throws(InputError) {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw InputError(path, "is not a file that could be replaced", remedy: "name a file")
    }
    self.path = path
    partial = AtomicFile.temporaryPath(for: path)
    do {
      descriptor = try Descriptor(partial, .create)
    } catch {
      // The user knows the file by its own name.
      throw InputError(path, error.reason, remedy: error.remedy)
    }
  }

  deinit {
    if !isCommitted { unlink(partial) }
  }

  public func append(_ bytes: UnsafeRawBufferPointer) throws(InputError) {
    pending.append(contentsOf: bytes)
    if pending.count >= Self.pieceByteCount { try flush() }
  }

  public func append(_ text: String) throws(InputError) {
    pending.append(contentsOf: text.utf8)
    if pending.count >= Self.pieceByteCount { try flush() }
  }

  /// Flushes the file to the disk and gives it its name, in the place of an earlier one. Nothing can be appended then.
  public func commit() throws(InputError) {
    precondition(!isCommitted, "\(path) has been written already")
    try flush()
    try descriptor.synchronize()
    try AtomicFile.rename(partial, to: path)
    isCommitted = true
  }

  private func flush() throws(InputError) {
    try descriptor.write(pending, at: offset)
    offset += pending.count
    pending.removeAll(keepingCapacity: true)
  }
}
