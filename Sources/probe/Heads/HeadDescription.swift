import Compute
import Files

/// Which head is trained: how an image's tokens become one feature vector. Batch norm and a linear classifier follow.
public struct HeadDescription: Codable, Equatable, Sendable {
  /// What the classifier sees, as the seed's `--cls_features` names it.
  public enum Features: String, Codable, CaseIterable, Sendable {
    /// The [cls] token, [D].
    case cls
    /// The mean over the patch tokens, [D].
    case pos
    /// [cls] and the mean over the patch tokens side by side, [2 D]. (The seed concatenates along an axis that its
    /// two-dimensional features do not have, so that its `both` never ran.)
    case both
    /// Attention-based multiple-instance-learning pooling (Ilse et al. 2018; arXiv 2412.03215, section 4), [D].
    case abmilp
  }

  public var features: Features
  /// How AbMILP is built; nil for every other kind of features.
  public var abmilp: AbMILPDescription?

  public init(features: Features, abmilp: AbMILPDescription? = nil) {
    precondition(
      (features == .abmilp) == (abmilp != nil), "\(features) and an AbMILP description do not go together")
    self.features = features
    self.abmilp = abmilp
  }

  /// A short name for tables: the features and what differs from the plainest form of them.
  public var name: String {
    guard let abmilp else { return features.rawValue }
    var parts = ["abmilp", "depth \(abmilp.depth)", abmilp.content.rawValue]
    if abmilp.depth > 1 { parts.append(abmilp.activation.rawValue) }
    if abmilp.condition == .positionEmbedding { parts.append("pe") }
    return parts.joined(separator: " ")
  }

  /// Makes the pooling for tokens of a layout.
  ///
  /// - Throws: where the features need a [cls] token that the encoder does not have, or a width that it does not have.
  package func makePooling(
    _ layout: TokenLayout, batchSize: Int, _ generator: inout SeededGenerator
  ) throws(InputError) -> any Pooling {
    if (features == .cls || features == .both) && !layout.hasClassToken {
      throw InputError(
        "--cls-features \(features.rawValue)", "needs a [cls] token, which this encoder does not have",
        remedy: "use pos or abmilp")
    }
    if let abmilp {
      guard layout.width % 4 == 0 else {
        throw InputError(
          "--cls-features abmilp", "needs tokens of a width divisible by 4, not of \(layout.width)",
          remedy: "use cls or pos")
      }
      return AbMILPPooling(abmilp, layout: layout, batchSize: batchSize, &generator)
    }
    return FixedPooling(features, layout: layout)
  }
}

/// The attention branch of AbMILP: a perceptron that scores each token.
public struct AbMILPDescription: Codable, Equatable, Sendable {
  public enum Activation: String, Codable, CaseIterable, Sendable { case relu, tanh }
  /// Which tokens are pooled.
  public enum Content: String, Codable, CaseIterable, Sendable { case all, patch }
  /// What the scores depend on beside the token.
  public enum Condition: String, Codable, CaseIterable, Sendable {
    case none
    /// A position embedding, added to the token: at first two-dimensional sines and cosines, trained from there.
    case positionEmbedding = "pe"
  }

  /// The number of linear layers, at least 1; all but the last are followed by the activation.
  public var depth: Int
  public var activation: Activation
  public var content: Content
  public var condition: Condition

  public init(
    depth: Int = 1, activation: Activation = .relu, content: Content = .all, condition: Condition = .none
  ) {
    precondition(depth >= 1, "AbMILP has at least one layer, not \(depth)")
    self.depth = depth
    self.activation = activation
    self.content = content
    self.condition = condition
  }
}
