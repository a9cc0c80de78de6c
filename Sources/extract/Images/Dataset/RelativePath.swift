/// Paths that name images, out of a list or an archive that may come from a stranger. They become ids in a cache.
enum RelativePath {
  static let maximumByteCount = 4096

  /// What makes a path unfit, as in "PATH \(fault)"; nil where it is fit.
  static func fault(of path: String) -> String? {
    if path.isEmpty { return "is empty" }
    if path.utf8.count > maximumByteCount { return "is longer than \(maximumByteCount) bytes" }
    if path.utf8.contains(0) { return "holds a zero byte" }
    if path.hasPrefix("/") { return "is absolute, and paths in a cache are relative" }
    if path.split(separator: "/").contains("..") { return "leads out of its folder by \"..\"" }
    return nil
  }
}

/// The path of a file in a folder; the folder "" is the working one.
func joined(_ folder: String, _ name: String) -> String {
  folder.isEmpty || folder.hasSuffix("/") ? folder + name : folder + "/" + name
}
