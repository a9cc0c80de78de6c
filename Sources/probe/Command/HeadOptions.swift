import ArgumentParser
import Heads

extension AbMILPDescription.Activation: ExpressibleByArgument {}
extension TokenContent: ExpressibleByArgument {}
extension AbMILPDescription.Condition: ExpressibleByArgument {}
extension AbMILPDescription.SelfAttention: ExpressibleByArgument {}

/// A word of `--cls-features`: the features, and for attentive heads with `_all` that they look at [cls], too.
struct FeaturesArgument: ExpressibleByArgument {
  var features: HeadDescription.Features
  var content: TokenContent?

  init(_ features: HeadDescription.Features, content: TokenContent? = nil) {
    (self.features, self.content) = (features, content)
  }

  init?(argument: String) {
    if let features = HeadDescription.Features(rawValue: argument) {
      self.init(features)
    } else if argument.hasSuffix("_all"),
      let features = HeadDescription.Features(rawValue: String(argument.dropLast("_all".count))),
      features.contents.contains(.all)
    {
      self.init(features, content: .all)
    } else {
      return nil
    }
  }

  var defaultValueDescription: String { features.rawValue + (content == .all ? "_all" : "") }

  static var allValueStrings: [String] {
    HeadDescription.Features.allCases.flatMap {
      $0.contents.contains(.all) ? [$0.rawValue, $0.rawValue + "_all"] : [$0.rawValue]
    }
  }
}

/// How heads are built, beside the features that they take.
struct HeadOptions: ParsableArguments {
  @Option(name: .customLong("abmilp-depth"), help: "Linear layers that score a token.")
  var depth = 2

  @Option(name: .customLong("abmilp-act"), help: "Activation between those layers.")
  var activation: AbMILPDescription.Activation = .tanh

  @Option(name: .customLong("abmilp-content"), help: "Which tokens are pooled.")
  var content: TokenContent = .all

  @Option(name: .customLong("abmilp-cond"), help: "What is added to a token before it is scored.")
  var condition: AbMILPDescription.Condition = .none

  @Option(
    name: .customLong("abmilp-sa"),
    help:
      "Self-attention before the scores: its output is seen by the scores (map) or the features, too (both).")
  var selfAttention: AbMILPDescription.SelfAttention = .none

  @Option(name: .customLong("ep-queries"), help: "Learned queries of ep; 32 unless given.")
  var queryCount: Int?

  @Option(
    name: .customLong("d-out"),
    help: "By how much ep's features are narrower than the tokens; 1 unless given.")
  var outputDivisor: Int?

  @Option(
    name: .customLong("num-heads"),
    help: "Attention heads; unless given, as many as efficient-probing has (docs/heads.md).")
  var headCount: Int?

  func validate() throws { try settings.validate() }

  var settings: HeadSettings {
    HeadSettings(
      depth: depth, activation: activation, content: content, condition: condition,
      selfAttention: selfAttention, queries: queryCount, outputDivisor: outputDivisor, heads: headCount)
  }
}

/// What options say of heads; each head takes what it has a use for.
struct HeadSettings {
  var depth = 2
  var activation = AbMILPDescription.Activation.tanh
  var content = TokenContent.all
  var condition = AbMILPDescription.Condition.none
  var selfAttention = AbMILPDescription.SelfAttention.none
  /// Nil is efficient-probing's default for the kind of head.
  var queries: Int?
  var outputDivisor: Int?
  var heads: Int?

  func validate() throws {
    guard (1...64).contains(depth) else {
      throw ValidationError("--abmilp-depth must be 1 to 64, not \(depth).")
    }
    for (name, value) in [
      ("--ep-queries", queries), ("--d-out", outputDivisor), ("--num-heads", heads),
    ] {
      guard let value, !(1...65536).contains(value) else { continue }
      throw ValidationError("\(name) must be 1 to 65536, not \(value).")
    }
  }

  func description(_ argument: FeaturesArgument) -> HeadDescription {
    guard argument.features != .abmilp else {
      return HeadDescription(
        features: .abmilp,
        abmilp: AbMILPDescription(
          // A single layer has no activation: heads that differ in nothing else are one.
          depth: depth, activation: depth > 1 ? activation : .tanh, content: argument.content ?? content,
          condition: condition, selfAttention: selfAttention))
    }
    var settings: [AttentiveSetting: Int] = [:]
    (settings[.queries], settings[.outputDivisor], settings[.heads]) = (queries, outputDivisor, heads)
    return HeadDescription(
      features: argument.features,
      attentive: argument.features.attentiveDescription(
        content: argument.content ?? .patch, settings: settings))
  }
}
