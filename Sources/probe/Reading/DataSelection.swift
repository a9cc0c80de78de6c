import Files
import Heads

/// Which of the caches' images, labels and tokens a run learns from, in what order: all settings of reading that decide
/// its result.
public struct DataSelection: Codable, Hashable, Sendable {
  /// Files whose labels override the caches'.
  public struct Labels: Codable, Hashable, Sendable {
    public var sha256: String
    /// Of the validation images' file; nil where it is the same.
    public var validationSHA256: String?
    /// Whether images have several labels each: heads then learn by binary cross entropy.
    public var areSets: Bool

    enum CodingKeys: String, CodingKey {
      case sha256
      case validationSHA256 = "validation_sha256"
      case areSets = "several"
    }
  }

  /// The caches of another encoder, of the same images, by the SHA-256 of their manifests.
  public struct OtherEncoder: Codable, Hashable, Sendable {
    public var train: String
    public var validation: String
    /// Of the encoder.
    public var checkpointSHA256: String

    enum CodingKeys: String, CodingKey {
      case train, validation
      case checkpointSHA256 = "checkpoint_sha256"
    }
  }

  /// The stored block whose tokens heads see; nil for the last.
  public var block: Int?
  public var labels: Labels?
  /// The share of the training images that is used; nil for all.
  public var fraction: Double?
  /// How many training images of each class are used; nil for all.
  public var shots: Int?
  /// Decides which.
  public var subsetSeed: UInt64
  /// Whether each training view is an image of its own.
  public var usesAllViews: Bool
  public var shuffle: Shuffle
  public var isBalanced: Bool
  /// The share of the training images that nobody learns from, to select by; nil for none.
  public var heldOutFraction: Double?
  /// What tokens go through before heads see them.
  public var tokenNorm: TokenNorm.Choice?
  /// Of `dino`; nil where no such caches are given.
  public var attention: OtherEncoder?
  /// Whose features stand behind the first encoder's; nil where no such caches are given.
  public var beside: OtherEncoder?

  public init(
    block: Int? = nil, fraction: Double? = nil, shots: Int? = nil, subsetSeed: UInt64 = 0,
    usesAllViews: Bool = false, shuffle: Shuffle = .full, isBalanced: Bool = false,
    heldOutFraction: Double? = nil, tokenNorm: TokenNorm.Choice? = nil
  ) {
    self.block = block
    self.fraction = fraction
    self.shots = shots
    self.subsetSeed = subsetSeed
    self.usesAllViews = usesAllViews
    self.shuffle = shuffle
    self.isBalanced = isBalanced
    self.heldOutFraction = heldOutFraction
    self.tokenNorm = tokenNorm
  }

  /// As it was for runs that did not record it.
  public static let unrecorded = DataSelection(usesAllViews: true)

  enum CodingKeys: String, CodingKey {
    case block, labels, fraction, shots, shuffle, attention, beside
    case subsetSeed = "subset_seed"
    case usesAllViews = "all_views"
    case isBalanced = "balanced"
    case heldOutFraction = "hold_out"
    case tokenNorm = "token_norm"
  }

  /// The training images that are used.
  ///
  /// - Throws: where a class has too few.
  public func selected(from tokens: LabelledTokens) throws(InputError) -> LabelledTokens {
    if let shots { return try tokens.sampled(shots: shots, seed: subsetSeed) }
    if let fraction { return tokens.sampled(fraction: fraction, seed: subsetSeed) }
    return tokens
  }

  /// - Parameter seed: of the run.
  /// - Throws: where classes are to be balanced of images that have several.
  public func order(of tokens: LabelledTokens, seed: UInt64) throws(InputError) -> EpochOrder {
    try EpochOrder(
      tokens, shuffle: shuffle, usesAllViews: usesAllViews, isBalanced: isBalanced, seed: seed)
  }
}
