#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes a file piece by piece, which is there under its name once it is whole: whoever is stopped before leaves an
/// earlier file of that name as it was. Not for several callers at once.
///
/// The name may be that of a link, which stays and leads to the new file. A pipe or a device takes the bytes as they come.
public final class AtomicFileWriter {
  private let path: String
  private let descriptor: Descriptor
  /// The file that is replaced, and the one that will be; nil for a pipe or a device.
  private let replacement: (target: String, partial: String)?
  /// Bytes that follow, until there are enough of them.
  private var pending: [UInt8] = []
  private var isCommitted = false

  private static let pieceByteCount = 1 << 20

  /// - Throws: where no such file can be written.
  public init(_ path: String) throws(InputError) {
    self.path = path
    switch try WrittenPlace(path) {
    case .file(let target):
      let partial = AtomicFile.temporaryPath(for: target)
      do {
        descriptor = try Descriptor(partial, .create)
      } catch {
        // The user knows the file by its own name.
        throw InputError(path, error.reason, remedy: error.remedy)
      }
      replacement = (target, partial)
    case .stream:
      descriptor = try WrittenPlace.openStream(path)
      replacement = nil
    }
  }

  deinit {
    if !isCommitted, let replacement { unlink(replacement.partial) }
  }

  /// Writes the whole of a file that a user names.
  public static func write(_ text: String, to path: String) throws(InputError) {
    let file = try AtomicFileWriter(path)
    try file.append(text)
    try file.commit()
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
    if let replacement {
      try descriptor.synchronize()
      try AtomicFile.rename(replacement.partial, to: replacement.target)
    }
    isCommitted = true
  }

  private func flush() throws(InputError) {
    try descriptor.append(pending)
    pending.removeAll(keepingCapacity: true)
  }
}
