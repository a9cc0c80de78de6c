import Foundation

/// Folders, and the room on the disk that they are on.
package enum Folder {
  /// Makes a folder and the ones above it, where they are missing.
  package static func create(_ path: String) throws(InputError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw InputError(path, "cannot make the folder: \(error.localizedDescription)")
    }
  }

  /// Whether there is a file or folder of that name, be it through links.
  package static func contains(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// Whether what is there is a folder.
  package static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether what is there is a regular file.
  package static func containsFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// The last part of a path.
  package static func lastPart(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// The folder that a path leads into: `.` for a name alone.
  package static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// What tells paths apart, and no more: as many of their last parts as that takes.
  package static func shortNames(_ paths: [String]) -> [String] {
    let parts = paths.map { $0.split(separator: "/").map(String.init) }
    let longest = parts.map(\.count).max() ?? 0
    for length in 1...max(1, longest) {
      let names = parts.map { $0.suffix(length).joined(separator: "/") }
      if Set(names).count == names.count { return names.map { $0.isEmpty ? "/" : $0 } }
    }
    // The same path twice.
    return paths.indices.map { "\(paths[$0]) (\($0 + 1))" }
  }

  /// One path for a folder or file, however it is written and whatever links lead there.
  package static func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
  }

  /// The names of what a folder holds, sorted.
  package static func fileNames(_ path: String) throws(InputError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw InputError(path, "cannot list the folder: \(error.localizedDescription)")
    }
  }

  /// Removes a file, if it is there.
  package static func remove(_ path: String) { unlink(path) }

  /// Removes a folder, if it is there and empty.
  package static func removeEmpty(_ path: String) { rmdir(path) }

  /// The bytes that this user may still write on the file system of a folder.
  package static func freeByteCount(_ path: String) throws(InputError) -> Int {
    var status = statvfs()
    try checked(path, "read the free space of") { statvfs(path, &status) }
    let (bytes, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(
      by: Int(clamping: status.f_frsize))
    return overflow ? .max : bytes
  }

  /// Throws, before any work is done, where a folder's disk has no room for what is going to be written.
  package static func requireFreeSpace(_ byteCount: Int, in path: String) throws(InputError) {
    let free = try freeByteCount(path)
    guard byteCount > free else { return }
    func gigabytes(_ count: Int) -> String { String(format: "%.2f GB", Double(count) / 1e9) }
    throw InputError(
      path, "\(gigabytes(byteCount)) are needed, and the disk has \(gigabytes(free)) free",
      remedy: "free \(gigabytes(byteCount - free)) or more, or choose a folder on another disk")
  }
}
