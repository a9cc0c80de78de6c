import Files

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Which classes of a data set are wanted.
public enum ClassSelection: Sendable {
  /// Those that a pattern of the shell (`fnmatch`) matches, in the data set's order.
  case patterns([String])
  /// These, in this order.
  ///
  /// - Parameter subject: where the names come from.
  case names([String], subject: String)

  /// Reads a value such as `n014*,n015*`, or `@FILE` with one name a line.
  public init(option text: String) throws(InputError) {
    if text.hasPrefix("@") {
      let path = String(text.dropFirst())
      self = .names(try NameFile.read(path), subject: path)
    } else {
      self = .patterns(text.split(separator: ",").map(String.init))
    }
  }

  /// - Returns: the indices of the wanted classes, in their new order.
  /// - Throws: ``InputError`` where a name or a pattern stands for no class.
  func indices(in classNames: [String]) throws(InputError) -> [Int] {
    switch self {
    case .patterns(let patterns):
      var chosen: Set<Int> = []
      for pattern in patterns {
        let matches = classNames.indices.filter { fnmatch(pattern, classNames[$0], 0) == 0 }
        guard !matches.isEmpty else {
          throw Self.nothing(like: pattern, in: classNames, subject: "--include-classes")
        }
        chosen.formUnion(matches)
      }
      guard !chosen.isEmpty else { throw InputError("--include-classes", "names no class") }
      return chosen.sorted()
    case .names(let names, let subject):
      // By their bytes, as folders are told apart.
      let keys = classNames.map { Array($0.utf8) }
      let places = Dictionary(zip(keys, keys.indices)) { first, _ in first }
      var chosen: [Int] = []
      for name in names {
        guard let place = places[Array(name.utf8)] else {
          throw Self.nothing(like: name, in: classNames, subject: subject)
        }
        chosen.append(place)
      }
      return chosen
    }
  }

  private static func nothing(like name: String, in classNames: [String], subject: String) -> InputError {
    let letters = Array(name.lowercased().filter { !"*?[]".contains($0) }.unicodeScalars)
    let distances = classNames.map { Self.distance(letters, Array($0.lowercased().unicodeScalars)) }
    let closest = zip(distances, classNames.indices).sorted { $0 < $1 }.prefix(3).map { classNames[$0.1] }
    return InputError(
      subject, "there is no class \"\(name)\"", remedy: "the closest are \(closest.joined(separator: ", "))")
  }

  /// How many letters have to be put in, taken away or exchanged (Levenshtein).
  private static func distance(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar]) -> Int {
    var row = Array(0...other.count)
    for (i, letter) in one.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, otherLetter) in other.enumerated() {
        let exchanged = diagonal + (letter == otherLetter ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(exchanged, row[j] + 1, diagonal + 1)
      }
    }
    return row[other.count]
  }
}
