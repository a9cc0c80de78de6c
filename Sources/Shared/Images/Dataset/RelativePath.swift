/// Paths that name images, out of a list or an archive that may come from a stranger. They become ids in a cache.
///
/// All is told by bytes, as file systems do: to Swift a slash with a combining accent is another character.
enum RelativePath {
  static let maximumByteCount = 4096

  /// What makes a path unfit, as in "PATH \(fault)"; nil where it is fit.
  static func fault(of path: String) -> String? {
    if path.utf8.count > maximumByteCount { return "is longer than \(maximumByteCount) bytes" }
    if path.utf8.contains(0) { return "holds a zero byte" }
    if path.utf8.first == UInt8(ascii: "/") { return "is absolute, and paths in a cache are relative" }
    let components = components(of: path)
    if components.isEmpty { return "is empty" }
    if components.contains("..") { return "leads out of its folder by \"..\"" }
    return nil
  }

  /// The one form of all paths that differ in `.` and in doubled slashes only.
  static func canonical(_ path: String) -> String { components(of: path).joined(separator: "/") }

  /// The folders on the way and the file, without those named `.` and those without a name, which lead nowhere.
  static func components(of path: String) -> [Substring] {
    path.utf8.split(separator: UInt8(ascii: "/")).map { Substring($0) }.filter { $0 != "." }
  }
}

/// The path of a file in a folder; the folder "" is the working one.
func joined(_ folder: String, _ name: String) -> String {
  folder.isEmpty || folder.utf8.last == UInt8(ascii: "/") ? folder + name : folder + "/" + name
}

/// The beginning of a path up to its last slash, which is the folder that it lies in; empty for the working one.
func folder(of path: String) -> String {
  let end = path.utf8.lastIndex(of: UInt8(ascii: "/"))
  return end.map { String(path.utf8[...$0])! } ?? ""
}
