import Compute
import Heads
import Reading
import TokenStore

/// The images of a training run. All three are views of the same kind of tokens.
public struct TrainingImages: Sendable {
  public var training: LabelledTokens
  public var validation: LabelledTokens
  /// Images of the training cache that nobody learns from, to choose between heads.
  public var heldOut: LabelledTokens?

  /// What tokens go through before heads see them.
  public var tokenNorm: TokenNorm?

  /// Where the attention of another encoder is; nil where there is none.
  private var attention: (train: CacheSet, validation: CacheSet)?

  public init(_ data: TrainingData) {
    (training, validation, heldOut) = (data.training, data.validation, data.heldOut)
    tokenNorm = data.tokenNorm
    attention = data.attention
  }

  public init(training: LabelledTokens, validation: LabelledTokens, heldOut: LabelledTokens? = nil) {
    self.training = training
    self.validation = validation
    self.heldOut = heldOut
  }
}

extension TrainingImages {
  /// Features without trained parameters in the place of tokens.
  ///
  /// - Parameter folder: holds the features, in files without a name.
  public func pooled(
    _ features: HeadDescription.Features, _ parallel: Parallel, folder: String
  ) throws -> TrainingImages {
    TrainingImages(
      training: try training.pooled(
        features, tokenNorm, attentionFrom: attention?.train, parallel, folder: folder),
      validation: try validation.pooled(
        features, tokenNorm, attentionFrom: attention?.validation, parallel, folder: folder),
      heldOut: try heldOut?.pooled(
        features, tokenNorm, attentionFrom: attention?.train, parallel, folder: folder))
  }
}

extension LabelledTokens {
  /// What heads look at that take all tokens.
  var allTokens: RowParts { RowParts(tokens: 0..<source.tokenCount) }

  /// Features without trained parameters, computed once: a source of one token a row.
  ///
  /// - Parameters:
  ///   - other: caches of another encoder, of the same images, for features that need its attention.
  ///   - folder: holds the features, in a file without a name.
  func pooled(
    _ features: HeadDescription.Features, _ norm: TokenNorm?, attentionFrom other: CacheSet?,
    _ parallel: Parallel, folder: String
  ) throws -> LabelledTokens {
    let needsOther = try FixedFeature(features, layout: source.layout).needsOtherAttention
    let borrowed = needsOther ? try other.map { try BorrowedAttention(self, from: $0) } : nil
    let matrices = try FixedFeatures.compute(
      [features], source, rows: rows, attentionFrom: borrowed, norm: norm, parallel, folder: folder)
    // Nothing asks the pass to stop.
    return replacingTokens(by: matrices![0])
  }
}
