/// The names of files in a repository, and of its revisions: they come from a server or a command line and become
/// paths here.
enum RelativePath {
  /// What makes a text no harmless path below a folder; nil where nothing does.
  static func fault(in text: String) -> String? {
    if text.isEmpty { return "is empty" }
    if text.utf8.count > 1024 { return "is too long" }
    if text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control || $0 == "\\" }) {
      return "has a character that no name may have"
    }
    for part in text.split(separator: "/", omittingEmptySubsequences: false) {
      if part.isEmpty { return "has an empty part" }
      if part == "." || part == ".." { return "leads out of its folder" }
      if part.utf8.count > 255 { return "is too long" }
    }
    return nil
  }

  /// What is before the last slash, with it; empty where there is none.
  static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
  }

  /// What is behind the last slash.
  static func name(of path: String) -> String { String(path.dropFirst(folder(of: path).count)) }
}
