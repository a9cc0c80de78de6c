/// Names of weights, written with wildcards: `encoder.layer.*.output.dense.+`.
///
/// `*` is a block's number, `?` a number that does not matter, `+` either `weight` or `bias`, and `**` at the end is one
/// or more further parts.
struct KeyPattern: ExpressibleByStringLiteral, Sendable {
  /// What stands in a name where a pattern has `*` and `+`.
  struct Wildcards: Hashable {
    var block: Substring?
    var kind: Substring?
  }

  private enum Part {
    case word(Substring), block, number, kind, rest
  }

  let text: String
  private let parts: [Part]

  init(stringLiteral text: String) { self.init(text) }

  init(_ text: String) {
    self.text = text
    parts = text.split(separator: ".").map { part in
      switch part {
      case "*": .block
      case "?": .number
      case "+": .kind
      case "**": .rest
      default: .word(part)
      }
    }
  }

  /// - Parameter key: a name, split at its points.
  func match(_ key: ArraySlice<Substring>) -> Wildcards? {
    var wildcards = Wildcards()
    var key = key
    for part in parts {
      guard let word = key.popFirst() else { return nil }
      switch part {
      case .word(let expected): if word != expected { return nil }
      case .block:
        guard Self.isNumber(word) else { return nil }
        wildcards.block = word
      case .number: if !Self.isNumber(word) { return nil }
      case .kind:
        guard word == "weight" || word == "bias" else { return nil }
        wildcards.kind = word
      case .rest: return wildcards
      }
    }
    return key.isEmpty ? wildcards : nil
  }

  func match(_ key: String) -> Wildcards? { match(key.split(separator: ".")[...]) }

  /// The name that the pattern has for these wildcards, with a `0` for a number that does not matter.
  func name(_ wildcards: Wildcards) -> String {
    parts.map { part -> Substring in
      switch part {
      case .word(let word): word
      case .block: wildcards.block ?? "*"
      case .number: "0"
      case .kind: wildcards.kind ?? "+"
      case .rest: "**"
      }
    }.joined(separator: ".")
  }

  /// Decimal digits without needless zeros, so that no two numbers are the same block.
  private static func isNumber(_ word: Substring) -> Bool {
    (1...9).contains(word.utf8.count) && word.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
      && (word == "0" || word.utf8.first != UInt8(ascii: "0"))
  }
}
