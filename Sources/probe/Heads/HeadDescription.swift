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
    /// All tokens, prefix tokens included, one after the other, [T D].
    case raw
    /// The mean over the central patches, 1x1 to 4x4 of them, [D]: on an axis of n patches from n / 2 - ceil(k / 2) up to,
    /// not including, n / 2 + floor(k / 2). (The seed has square grids only; and on an axis that is too short its slice is
    /// empty or elsewhere, where this one is cut.)
    case centralPatch = "cp1"
    case centralPatches2 = "cp2"
    case centralPatches3 = "cp3"
    case centralPatches4 = "cp4"
    /// The mean over heads and over the same patches of their attention to all patches, over its sum plus 1e-6, as weights
    /// w; the mean, not the sum, over patches of w_t x_t, [D].
    case centralAttention = "ca1"
    case centralAttention2 = "ca2"
    case centralAttention3 = "ca3"
    case centralAttention4 = "ca4"
    /// The sum over patches of w_t x_t, [D], with w the attention from [cls] over its sum, in that head where its entropy
    /// is the lowest.
    case lowestEntropyAttention = "attn-lcte"
    /// The same with w the mean over heads of the attention from [cls], over its sum.
    case meanAttention = "attn-mn"
    /// The mean over patches of w_t x_t, [D], with w the mean over heads of the attention from [cls] in another encoder
    /// that saw the same image. (The seed's is the ViT-B/16 of DINO.)
    case otherAttention = "dino"
    /// The mean over the foreground's patches, [D], as TokenCut finds it by a normalised cut of the tokens' affinities
    /// (Wang et al. 2022, arXiv 2202.11539). (The seed names several forms of it and has none.)
    case tokenCut = "tcut"
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
    if let abmilp {
      guard layout.width % 4 == 0 else {
        throw InputError(
          "--cls-features abmilp", "needs tokens of a width divisible by 4, not of \(layout.width)",
          remedy: "use cls or pos")
      }
      return AbMILPPooling(abmilp, layout: layout, batchSize: batchSize, &generator)
    }
    return FixedPooling(try FixedFeature(features, layout: layout))
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
