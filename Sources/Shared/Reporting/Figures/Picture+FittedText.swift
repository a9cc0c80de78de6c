/// The size of text, of which no font is at hand to measure it with, and what is left of text that is too long.
extension Picture {
  /// Where a text is cut.
  package enum Cut {
    /// Of sentences the start tells most.
    case end
    /// Of paths the end does.
    case start
    /// Names say first whose they are, and in the end what they are, which tells more.
    case middle

    /// How much of the room the text's end gets.
    fileprivate var endShare: Double {
      switch self {
      case .end: 0
      case .start: 1
      case .middle: 2.0 / 3
      }
    }
  }

  private static let letterWidth = 6.6
  private static let ellipsisWidth = 13.0

  /// About how wide a text of 12 pixels is. Ideographs are twice as wide as letters.
  package static func textWidth(_ text: String) -> Double {
    text.unicodeScalars.reduce(0) { $0 + ($1.value >= 0x2E80 ? 12.5 : letterWidth) }
  }

  /// A text that is cut where it would not fit.
  package static func fitted(
    _ text: String, to width: Double, characterWidth: Double = 6.6, cut: Cut = .end
  ) -> String {
    let room = width * letterWidth / characterWidth
    guard textWidth(text) > room else { return text }
    let letters = room - ellipsisWidth
    let end = String(start(of: text.reversed(), to: letters * cut.endShare).reversed())
    return start(of: text, to: letters - textWidth(end)) + "…" + end
  }

  /// As many characters as fit.
  private static func start(of text: some Sequence<Character>, to width: Double) -> String {
    var (start, used) = ("", 0.0)
    for character in text {
      used += textWidth(String(character))
      if used > width { break }
      start.append(character)
    }
    return start
  }

  /// Names that are cut in the middle where they would not fit, but stay different: where this leaves out what tells them
  /// apart, most of what they share in front is left out instead.
  package static func fitted(names: [String], to width: Double) -> [String] {
    var shown = names.map { fitted($0, to: width, cut: .middle) }
    tellApart(Array(names.indices), of: names, to: width, in: &shown)
    // Without room for what differs, or where they differ in several places, numbers do.
    var owners: [String: String] = [:]
    for (index, name) in names.enumerated() {
      let text = shown[index]
      var number = 1
      while owners[shown[index], default: name] != name {
        number += 1
        let ending = " (\(number))"
        shown[index] = fitted(text, to: width - textWidth(ending)) + ending
      }
      owners[shown[index]] = name
    }
    return shown
  }

  private static func tellApart(
    _ indices: [Int], of names: [String], to width: Double, in shown: inout [String]
  ) {
    for alike in Dictionary(grouping: indices, by: { shown[$0] }).values {
      let first = names[alike[0]]
      guard alike.contains(where: { names[$0] != first }) else { continue }
      let shared = alike.map { index in zip(first, names[index]).prefix { $0 == $1 }.count }.min()!
      let start = fitted(String(first.prefix(shared)), to: width / 4)
      for index in alike {
        let rest = String(names[index].dropFirst(shared))
        shown[index] = start + fitted(rest, to: width - textWidth(start), cut: .middle)
      }
      // These are fewer, unless there was no room at all.
      if alike.contains(where: { shown[$0] != shown[alike[0]] }) {
        tellApart(alike, of: names, to: width, in: &shown)
      }
    }
  }
}
