/// How one weight of the encoder, under ``VisionTransformer/Encoder``'s name, is made of weights of a checkpoint.
struct WeightRule: Sendable {
  /// A weight of the checkpoint that a rule needs.
  struct Source: ExpressibleByStringLiteral, Sendable {
    /// What it means where it is missing and another source of the rule is there.
    enum Absence: Sendable {
      case fault
      /// Zeros take its place, if it is a bias: that of keys is often left out.
      case zeros
      /// The rule does without it.
      case leftOut
    }

    let pattern: KeyPattern
    let absence: Absence

    init(_ pattern: KeyPattern, absence: Absence = .fault) {
      self.pattern = pattern
      self.absence = absence
    }

    init(stringLiteral text: String) { self.init(KeyPattern(text)) }

    static func orZeros(_ pattern: KeyPattern) -> Source { Source(pattern, absence: .zeros) }
    static func ifPresent(_ pattern: KeyPattern) -> Source { Source(pattern, absence: .leftOut) }
  }

  enum Form: Equatable, Sendable {
    /// As it is.
    case same
    /// The same values, with axes of length 1 in front until there are so many.
    case axes(Int)
    /// The sources below each other, along the first axis.
    case rows
    /// The sources multiplied value by value.
    case product
    /// A matrix for patches of which every pixel has its channels side by side, as a kernel of a convolution.
    case kernel(channels: Int)
  }

  let target: KeyPattern
  let sources: [Source]
  let form: Form

  /// A weight that has another name, or another number of axes, in the checkpoint.
  static func renamed(_ source: Source, _ target: KeyPattern, _ form: Form = .same) -> WeightRule {
    WeightRule(target: target, sources: [source], form: form)
  }

  /// Weights that the encoder has as one.
  static func joined(_ sources: Source..., as target: KeyPattern) -> WeightRule {
    WeightRule(target: target, sources: sources, form: .rows)
  }
}
