import ArgumentParser
import Heads

extension HeadDescription.Features: ExpressibleByArgument {}
extension AbMILPDescription.Activation: ExpressibleByArgument {}
extension AbMILPDescription.Content: ExpressibleByArgument {}
extension AbMILPDescription.Condition: ExpressibleByArgument {}

/// Which head is trained.
struct HeadOptions: ParsableArguments {
  @Option(
    name: .customLong("cls-features"),
    help:
      "What the classifier sees: [cls], the mean of the patches (pos), both, or attentive pooling (abmilp).")
  var features: HeadDescription.Features = .cls

  @Option(name: .customLong("abmilp-depth"), help: "Linear layers that score a token.")
  var depth = 2

  @Option(name: .customLong("abmilp-act"), help: "Activation between those layers.")
  var activation: AbMILPDescription.Activation = .tanh

  @Option(name: .customLong("abmilp-content"), help: "Which tokens are pooled.")
  var content: AbMILPDescription.Content = .all

  @Option(name: .customLong("abmilp-cond"), help: "What is added to a token before it is scored.")
  var condition: AbMILPDescription.Condition = .none

  @Option(name: .customLong("abmilp-sa"), help: "Self-attention before the scores.")
  var selfAttention: SelfAttention = .none

  /// Where self-attention applies; the only form so far is none at all.
  enum SelfAttention: String, CaseIterable, ExpressibleByArgument { case none }

  func validate() throws {
    guard (1...64).contains(depth) else {
      throw ValidationError("--abmilp-depth must be 1 to 64, not \(depth).")
    }
  }

  var description: HeadDescription {
    guard features == .abmilp else { return HeadDescription(features: features) }
    return HeadDescription(
      features: .abmilp,
      abmilp: AbMILPDescription(depth: depth, activation: activation, content: content, condition: condition))
  }
}
