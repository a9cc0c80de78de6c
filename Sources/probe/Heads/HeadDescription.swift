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
    /// Efficient probing (Psomas et al. 2025, arXiv 2506.10178), [D / d_out].
    case ep
    /// SimPool (Psomas et al. 2023, arXiv 2309.06891), [D].
    case simpool
    /// AIM's attention pooling (El-Nouby et al. 2024, arXiv 2401.08541), [D].
    case aim
    /// V-JEPA's attentive pooler (Bardes et al. 2024, arXiv 2404.08471), [D].
    case jepa
    /// SigLIP's multi-head attention pooling (Zhai et al. 2022, arXiv 2106.04560), [D].
    case siglip
    /// CoCa's attentional pooler (Yu et al. 2022, arXiv 2205.01917), [D].
    case coca
    /// CAE's attentive block (Chen et al. 2022, arXiv 2202.03026), [D].
    case cae
    /// CaiT's class attention (Touvron et al. 2021, arXiv 2103.17239), [D].
    case cait
    /// CLIP's attention pool (Radford et al. 2021, arXiv 2103.00020), [D].
    case clip
    /// CBAM (Woo et al. 2018, arXiv 1807.06521), [D].
    case cbam
    /// DOLG's local branch (Yang et al. 2021, arXiv 2108.02927), [D].
    case dolg
  }

  public var features: Features
  /// How AbMILP is built; nil for every other kind of features.
  public var abmilp: AbMILPDescription?
  /// How another attentive head is built; nil for what has no parameters, and for AbMILP.
  public var attentive: AttentiveDescription?

  public init(
    features: Features, abmilp: AbMILPDescription? = nil, attentive: AttentiveDescription? = nil
  ) {
    self.features = features
    self.abmilp = abmilp
    self.attentive = attentive
    precondition(isConsistent, "\(features) does not go with what describes it")
  }

  /// Whether each kind of features has the description that belongs to it; in a file it may not.
  package var isConsistent: Bool {
    guard (features == .abmilp) == (abmilp != nil) else { return false }
    guard let attentive else { return features.recipe?.defaults == nil }
    guard let defaults = features.recipe?.defaults else { return false }
    return features.contents.contains(attentive.content) && attentive.isInRange
      && (attentive.headWidth == nil) == (defaults.headWidth == nil)
  }

  /// A short name for tables: the features and what differs from the plainest form of them.
  public var name: String {
    if let abmilp { return abmilp.name }
    guard let attentive else { return features.rawValue }
    return ([features.rawValue] + attentive.nameParts).joined(separator: " ")
  }

  /// Makes the pooling for tokens of a layout.
  ///
  /// - Parameter products: how it multiplies.
  /// - Throws: where the features need a [cls] token that the encoder does not have, or a width that it does not have.
  package func makePooling(
    _ layout: TokenLayout, batchSize: Int, products: MatrixProducts = .float32,
    _ generator: inout SeededGenerator
  ) throws(InputError) -> any Pooling {
    guard let recipe = features.recipe else {
      precondition(
        !FixedFeature.isComputedOnce(features), "\(features) is not computed from tokens in every step")
      return FlattenedTokens(layout)
    }
    try recipe.check(self, layout)
    return recipe.make(self, layout, batchSize, products, &generator)
  }

  /// The largest of the pooling's parameters, by their names in a state dictionary: what a file of a head must hold
  /// before memory is taken for one.
  package func largestParameters(_ layout: TokenLayout) -> [String: [Int]] {
    features.recipe?.largest(self, layout) ?? [:]
  }
}

extension HeadDescription {
  /// W, what the classifier sees of tokens of a layout.
  package func featureWidth(_ layout: TokenLayout) throws(InputError) -> Int {
    guard features.isAttentive else { return try FixedFeature(features, layout: layout).width }
    return layout.width / (attentive?.outputDivisor ?? 1)
  }
}

/// Which tokens a head looks at.
public enum TokenContent: String, Codable, CaseIterable, Sendable { case all, patch }

/// An attentive head other than AbMILP. Whatever a kind of head has no use for keeps its default.
public struct AttentiveDescription: Codable, Equatable, Sendable {
  public var content: TokenContent
  /// Learned queries.
  public var queryCount: Int
  /// Attention heads.
  public var headCount: Int
  /// By how much the features are narrower than the tokens.
  public var outputDivisor: Int
  /// Channels of one attention head, where that is not a share of the tokens' width.
  public var headWidth: Int?

  public init(
    content: TokenContent = .patch, queryCount: Int = 1, headCount: Int = 1, outputDivisor: Int = 1,
    headWidth: Int? = nil
  ) {
    precondition(queryCount >= 1 && headCount >= 1 && outputDivisor >= 1 && headWidth ?? 1 >= 1)
    self.content = content
    self.queryCount = queryCount
    self.headCount = headCount
    self.outputDivisor = outputDivisor
    self.headWidth = headWidth
  }

  enum CodingKeys: String, CodingKey {
    case content
    case queryCount = "queries"
    case headCount = "heads"
    case outputDivisor = "d_out"
    case headWidth = "head_width"
  }

  var nameParts: [String] {
    var parts: [String] = []
    if queryCount > 1 { parts.append("\(queryCount) queries") }
    if headCount > 1 { parts.append("\(headCount) heads") }
    if outputDivisor > 1 { parts.append("d_out \(outputDivisor)") }
    return parts + [content.rawValue]
  }

  /// Whether a head can have such numbers; in a file they may be anything.
  var isInRange: Bool {
    [queryCount, headCount, outputDivisor, headWidth ?? 1].allSatisfy((1...65536).contains)
  }
}

/// The attention branch of AbMILP: a perceptron that scores each token.
public struct AbMILPDescription: Codable, Equatable, Sendable {
  public enum Activation: String, Codable, CaseIterable, Sendable { case relu, tanh }
  /// What a single-head self-attention in front of the scores is for.
  public enum SelfAttention: String, Codable, CaseIterable, Sendable {
    case none
    /// The scores see its output.
    case map
    /// So do the features.
    case both
  }
  /// What the scores depend on beside the token.
  public enum Condition: String, Codable, CaseIterable, Sendable {
    case none
    /// A position embedding, added to the token: at first two-dimensional sines and cosines, trained from there.
    case positionEmbedding = "pe"
  }

  /// The number of linear layers, at least 1; all but the last are followed by the activation.
  public var depth: Int
  public var activation: Activation
  public var content: TokenContent
  public var condition: Condition
  public var selfAttention: SelfAttention

  public init(
    depth: Int = 1, activation: Activation = .relu, content: TokenContent = .all,
    condition: Condition = .none,
    selfAttention: SelfAttention = .none
  ) {
    precondition(depth >= 1, "AbMILP has at least one layer, not \(depth)")
    self.depth = depth
    self.activation = activation
    self.content = content
    self.condition = condition
    self.selfAttention = selfAttention
  }

  enum CodingKeys: String, CodingKey {
    case depth, activation, content, condition
    case selfAttention = "self_attention"
  }

  /// Also of descriptions that were written before self-attention could be had.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    depth = try container.decode(Int.self, forKey: .depth)
    activation = try container.decode(Activation.self, forKey: .activation)
    content = try container.decode(TokenContent.self, forKey: .content)
    condition = try container.decode(Condition.self, forKey: .condition)
    selfAttention = try container.decodeIfPresent(SelfAttention.self, forKey: .selfAttention) ?? .none
  }

  var name: String {
    var parts = ["abmilp", "depth \(depth)", content.rawValue]
    if depth > 1 { parts.append(activation.rawValue) }
    if condition == .positionEmbedding { parts.append("pe") }
    if selfAttention != .none { parts.append("sa \(selfAttention.rawValue)") }
    return parts.joined(separator: " ")
  }
}
