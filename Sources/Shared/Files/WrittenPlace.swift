#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What is at the place that is to be written.
enum WrittenPlace {
  /// A file that can be replaced, or nothing yet: its own path, and not that of a link which leads there.
  case file(String)
  /// What stays in its place and takes bytes one after the other: a pipe, a terminal or another device, and whatever
  /// standard output or standard error is.
  case stream

  /// - Throws: where the path is a folder's, or its links lead nowhere.
  init(_ path: String) throws(InputError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      self = .file(try Self.target(of: path))
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw InputError(path, "is a folder", remedy: "name a file")
    case S_IFREG where Self.standardStream(of: status) == nil: self = .file(try Self.target(of: path))
    default: self = .stream
    }
  }

  /// Opens a stream; of a named pipe, once it has a reader.
  static func openStream(_ path: String) throws(InputError) -> Descriptor {
    var status = stat()
    if stat(path, &status) == 0, let number = standardStream(of: status) {
      return try Descriptor(path, duplicating: number)
    }
    return try Descriptor(path, .append)
  }

  /// A file that the shell has opened for this process is written where that stands: a second opening, as of /dev/stdout,
  /// would begin at its start.
  private static func standardStream(of status: stat) -> Int32? {
    [STDOUT_FILENO, STDERR_FILENO].first { number in
      var open = stat()
      return fstat(number, &open) == 0 && open.st_dev == status.st_dev && open.st_ino == status.st_ino
    }
  }

  /// As many links in a row as Linux follows.
  private static let linkLimit = 40

  /// The end of a row of links, also where nothing is there yet.
  private static func target(of path: String) throws(InputError) -> String {
    var place = path
    for _ in 0...linkLimit {
      var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let count = bytes.withUnsafeMutableBytes {
        readlink(place, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
      }
      guard count > 0 else { return place }
      guard let target = String(validating: bytes[..<count], as: UTF8.self) else {
        throw InputError(path, "leads to a name that is not UTF-8", remedy: "name the file itself")
      }
      let folder = place.lastIndex(of: "/").map { String(place[...$0]) } ?? ""
      place = target.hasPrefix("/") ? target : folder + target
    }
    throw InputError(path, "is a link that leads nowhere", remedy: "name a file")
  }
}
