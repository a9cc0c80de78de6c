#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Files that are either wholly there or not at all.
public enum AtomicFile {
  /// Writes a file beside `path`, flushes it, renames it to `path` and flushes the folder, so that a killed process or
  /// a full disk leaves the old file as it was.
  ///
  /// For files of the program's own folders: a link or a pipe that stands there under their name, in a cache from elsewhere
  /// maybe, is replaced and never followed. What a user names may be one: see ``AtomicFileWriter``.
  public static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(InputError) {
    try write(to: path) { (descriptor) throws(InputError) in try descriptor.write(bytes, at: 0) }
  }

  /// As ``write(_:to:)-(UnsafeRawBufferPointer,_)``, for bytes that do not lie together in memory.
  package static func write(
    to path: String, _ body: (Descriptor) throws(InputError) -> Void
  ) throws(InputError) {
    let partial = try writePartial(of: path, body)
    do {
      try rename(partial, to: path)
    } catch {
      unlink(partial)
      throw error
    }
  }

  public static func write(_ text: String, to path: String) throws(InputError) {
    try write(Array(text.utf8), to: path)
  }

  public static func write(_ bytes: [UInt8], to path: String) throws(InputError) {
    try write(to: path) { (descriptor) throws(InputError) in try descriptor.write(bytes, at: 0) }
  }

  /// Writes a file where there is none of its name, also if other processes, on whatever machine, try the same now.
  ///
  /// - Returns: false where there is one already, which stays as it is.
  package static func create(_ text: String, at path: String) throws(InputError) -> Bool {
    let bytes = Array(text.utf8)
    let partial = try writePartial(of: path) { (descriptor) throws(InputError) in
      try descriptor.write(bytes, at: 0)
    }
    defer { unlink(partial) }
    if link(partial, path) == 0 {
      try synchronizeFolder(of: path)
      return true
    }
    // A file system without hard links has nothing better than to look before the renaming.
    if errno == EEXIST || Folder.contains(path) { return false }
    try rename(partial, to: path)
    return true
  }

  /// A name beside a file that no other process chooses, not even one with the same id on another machine.
  package static func temporaryPath(for path: String) -> String {
    path + "." + UInt64.random(in: 0 ... .max).digits(width: 16, radix: 16) + ".partial"
  }

  /// Removes what killed processes have left of files that they were writing.
  ///
  /// - Parameter names: of the files that were to be written.
  package static func removeLeftovers(of names: Set<String>, in folder: String) throws(InputError) {
    try removeLeftovers(in: folder) { names.contains($0) }
  }

  /// - Parameter isExpected: whether a file of that name was to be written.
  package static func removeLeftovers(
    in folder: String, where isExpected: (_ name: String) -> Bool
  ) throws(InputError) {
    for name in try Folder.fileNames(folder) {
      if let target = target(ofTemporary: name), isExpected(target) { Folder.remove(folder + "/" + name) }
    }
  }

  /// The file that a temporary one was to become: its name without `.partial` and the 16 digits before that.
  private static func target(ofTemporary name: String) -> String? {
    guard name.hasSuffix(".partial") else { return nil }
    let stem = name.dropLast(".partial".count)
    guard let point = stem.lastIndex(of: "."), stem[point...].utf8.count == 17,
      stem[point...].dropFirst().allSatisfy(\.isHexDigit)
    else { return String(stem) }
    return String(stem[..<point])
  }

  /// - Returns: the path of a new file that is whole and on the disk.
  private static func writePartial(
    of path: String, _ body: (Descriptor) throws(InputError) -> Void
  ) throws(InputError) -> String {
    let partial = temporaryPath(for: path)
    do {
      let descriptor = try Descriptor(partial, .create)
      try body(descriptor)
      try descriptor.synchronize()
    } catch {
      unlink(partial)
      throw error
    }
    return partial
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
