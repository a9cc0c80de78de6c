import Files

/// One of the words after `--images`.
public enum ImageTerm: Equatable, Sendable {
  /// The ends of an order of all images.
  public enum Ranking: String, CaseIterable, Sendable {
    /// The smallest losses.
    case best
    /// The greatest.
    case worst
    /// Of those that were taken for another class some at even distances, from the most confident mistake to the least.
    case wrong
  }

  case ranked(Ranking, count: Int)
  /// Of each class that a pattern of the shell matches some images at even distances, from the smallest loss to the greatest.
  case classes(pattern: String, count: Int)
  /// A row of the caches.
  case row(Int)
  /// The images whose ids a pattern of the shell matches, or that of this very id.
  case ids(pattern: String)

  /// - Throws: where a word says best, worst, wrong or class, and not of how many images.
  public init(_ text: String) throws(InputError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if let ranking = Ranking(rawValue: String(parts[0])), parts.count <= 2 {
      self = .ranked(ranking, count: try Self.count(parts.count == 2 ? parts[1] : "", text))
    } else if parts[0] == "class" {
      let name = parts.dropFirst().dropLast().joined(separator: ":")
      guard !name.isEmpty else { throw Self.error(text) }
      self = .classes(pattern: name, count: try Self.count(parts[parts.count - 1], text))
    } else if let row = Int(text), row >= 0, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      self = .row(row)
    } else {
      self = .ids(pattern: text)
    }
  }

  /// Whether the images can only be told once the head has been measured on all of them.
  var needsOutcomes: Bool {
    switch self {
    case .ranked, .classes: true
    case .row, .ids: false
    }
  }

  private static func count(_ digits: Substring, _ text: String) throws(InputError) -> Int {
    guard let count = Int(digits), count > 0 else { throw error(text) }
    return count
  }

  private static func error(_ text: String) -> InputError {
    InputError(
      "--images \(text)", "does not say how many images",
      remedy: "write it as best:12, worst:12, wrong:12 or class:NAME:12")
  }

  /// What is shown where nothing is asked for: the ends, some mistakes, and of few classes some images each.
  public static func usual(classCount: Int) -> [ImageTerm] {
    let ends = Ranking.allCases.map { ImageTerm.ranked($0, count: 12) }
    return classCount <= 20 ? ends + [.classes(pattern: "*", count: 6)] : ends
  }
}
