#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Files that are either wholly there or not at all.
public enum AtomicFile {
  /// Writes `path.partial`, flushes it, renames it to `path` and flushes the folder, so that a killed process or a
  /// full disk leaves the old file as it was.
  public static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(InputError) {
    try write(to: path) { (descriptor) throws(InputError) in try descriptor.write(bytes, at: 0) }
  }

  /// As ``write(_:to:)-(UnsafeRawBufferPointer,_)``, for bytes that do not lie together in memory.
  package static func write(
    to path: String, _ body: (Descriptor) throws(InputError) -> Void
  ) throws(InputError) {
    let partial = path + ".partial"
    do {
      let descriptor = try Descriptor(partial, .create)
      try body(descriptor)
      try descriptor.synchronize()
    } catch {
      unlink(partial)
      throw error
    }
    try rename(partial, to: path)
  }

  public static func write(_ text: String, to path: String) throws(InputError) {
    var text = text
    let result = text.withUTF8 { bytes in
      Result { () throws(InputError) in try write(UnsafeRawBufferPointer(bytes), to: path) }
    }
    try result.get()
  }

  /// Renames within a folder and flushes the folder, so that the new name survives a power cut.
  package static func rename(_ source: String, to destination: String) throws(InputError) {
    #if canImport(Glibc)
      try checked(destination, "rename \(source) to") { Glibc.rename(source, destination) }
    #elseif canImport(Musl)
      try checked(destination, "rename \(source) to") { Musl.rename(source, destination) }
    #else
      try checked(destination, "rename \(source) to") { Darwin.rename(source, destination) }
    #endif
    try synchronizeFolder(of: destination)
  }

  /// Flushes the folder that holds a file.
  package static func synchronizeFolder(of path: String) throws(InputError) {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let number = try checked(folder, "open") { open(folder.isEmpty ? "/" : folder, O_RDONLY | O_CLOEXEC) }
    defer { close(number) }
    // Some network file systems refuse to flush a folder; their renames are as durable as they ever get.
    if fsync(number) == -1, errno != EINVAL, errno != ENOTSUP {
      throw InputError(folder, "cannot flush the folder to disk: \(systemErrorText())")
    }
  }
}
