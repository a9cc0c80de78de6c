import Files

/// A text file of names, one a line, such as the classes of a data set. Empty lines are passed over.
enum NameFile {
  /// - Parameter count: how many names there must be, where that is known.
  /// - Throws: ``InputError`` where the file cannot be read, is not UTF-8, or holds a name twice or none at all.
  static func read(_ path: String, count: Int? = nil) throws(InputError) -> [String] {
    guard let text = FileSlice(try MappedFile(path)).behindByteOrderMark.text else {
      throw InputError(path, "is not a text in UTF-8")
    }
    let names = text.split(whereSeparator: \.isNewline).map(String.init)
    var seen: Set<[UInt8]> = []
    for name in names where !seen.insert(Array(name.utf8)).inserted {
      throw InputError(path, "holds the name \"\(name)\" twice")
    }
    guard !names.isEmpty else { throw InputError(path, "holds no names") }
    if let count, count != names.count {
      throw InputError(path, "holds \(names.count) names of classes, not \(count)")
    }
    return names
  }
}
