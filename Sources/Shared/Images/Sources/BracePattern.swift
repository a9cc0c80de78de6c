import Files

/// Names written together, as shells and WebDataset expand them: `train-{000..146}.tar`, `{train,val}.tar`.
enum BracePattern {
  private static let maximumCount = 100_000

  static func isPattern(_ text: String) -> Bool { text.contains("{") && text.contains("}") }

  /// - Returns: the names, in the order of the braces' parts, the last brace changing fastest.
  /// - Throws: ``InputError`` where braces are nested or hold neither a range nor a list.
  static func expand(_ pattern: String) throws(InputError) -> [String] {
    var names = [""]
    var rest = Substring(pattern)
    while let open = rest.firstIndex(of: "{") {
      guard let close = rest[open...].firstIndex(of: "}") else { break }
      let parts = try parts(rest[rest.index(after: open)..<close], of: pattern)
      guard names.count * parts.count <= maximumCount else {
        throw InputError(pattern, "stands for more than \(maximumCount) files")
      }
      let before = rest[..<open]
      names = names.flatMap { name in parts.map { name + before + $0 } }
      rest = rest[rest.index(after: close)...]
    }
    guard !rest.contains("{"), !rest.contains("}") else {
      throw InputError(pattern, "has braces that do not match")
    }
    return names.map { $0 + rest }
  }

  private static func parts(_ text: Substring, of pattern: String) throws(InputError) -> [String] {
    guard !text.contains("{") else { throw InputError(pattern, "has braces within braces") }
    if text.contains(",") {
      return text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let ends = text.split(separator: ".", omittingEmptySubsequences: false)
    guard ends.count == 3, ends[1].isEmpty, let first = number(ends[0]), let last = number(ends[2]),
      first <= last
    else {
      throw InputError(
        pattern, "has {\(text)}, which is neither a range such as {000..146} nor a list such as {a,b}")
    }
    guard last - first < maximumCount else {
      throw InputError(pattern, "stands for more than \(maximumCount) files")
    }
    // As in bash: a zero in front of either end makes all numbers as wide as the wider end.
    let isPadded = [ends[0], ends[2]].contains { $0.hasPrefix("0") && $0.utf8.count > 1 }
    let width = isPadded ? max(ends[0].utf8.count, ends[2].utf8.count) : 0
    return (first...last).map { $0.digits(width: width) }
  }

  private static func number(_ digits: Substring) -> Int? {
    digits.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(digits) : nil
  }
}
