import Files

/// A folder with a page of maps.
struct MapFolder: Sendable {
  let path: String

  var pageFile: String { path + "/index.html" }
  /// A ``MapCard`` a line.
  var recordFile: String { path + "/maps.jsonl" }
  private static let images = "images"
  private static let sheets = "sheets"

  /// Paths below the folder.
  func imageFile(row: Int, _ name: String) -> String {
    "\(Self.images)/\(row.digits(width: 6))-\(name).png"
  }

  /// - Parameter part: nil for the only one.
  func sheetFile(_ section: String, part: Int?) -> String {
    "\(Self.sheets)/\(section)\(part.map { "-\($0)" } ?? "").png"
  }

  /// Makes the folder, takes its lock and removes the pictures of an earlier page, and no other files.
  ///
  /// - Returns: what holds the lock as long as it lives.
  /// - Throws: where a page is there that is not to be replaced, or another process is at work.
  func prepare(overwriting: Bool) throws(InputError) -> Descriptor {
    try Folder.create(path)
    let folder = try Descriptor(path, .read)
    guard try folder.tryLock() else {
      throw InputError(
        path, "is in use by another process", remedy: "wait for it, or use another --output-dir")
    }
    guard overwriting || !Folder.contains(pageFile) else {
      throw InputError(
        path, "holds a page already", remedy: "use another --output-dir, or --overwrite to replace it")
    }
    for file in [pageFile, recordFile] { Folder.remove(file) }
    try AtomicFile.removeLeftovers(of: ["index.html", "maps.jsonl"], in: path)
    for name in [Self.images, Self.sheets] {
      let inner = path + "/" + name
      try Folder.create(inner)
      try AtomicFile.removeLeftovers(in: inner) { $0.hasSuffix(".png") }
      for file in try Folder.fileNames(inner) where Self.isOurs(file, in: name) {
        Folder.remove(inner + "/" + file)
      }
    }
    return folder
  }

  private static func isOurs(_ file: String, in folder: String) -> Bool {
    guard file.hasSuffix(".png") else { return false }
    guard folder == images else {
      return ["best", "worst", "wrong", "chosen", "class-"].contains(where: file.hasPrefix)
    }
    let digits = file.prefix { $0.isNumber }
    return digits.count >= 6 && file.dropFirst(digits.count).first == "-"
  }
}
