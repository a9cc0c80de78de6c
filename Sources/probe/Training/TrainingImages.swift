import Compute
import Files
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

  /// Where a second encoder's tokens are, and the norm that they go through; nil where there is none.
  private var beside: (train: Beside, validation: Beside)?

  public init(_ data: TrainingData) {
    (training, validation, heldOut) = (data.training, data.validation, data.heldOut)
    tokenNorm = data.tokenNorm
    attention = data.attention
    beside = data.beside.map {
      (Beside(caches: $0.train, norm: data.besideNorm), Beside(caches: $0.validation, norm: data.besideNorm))
    }
  }

  public init(training: LabelledTokens, validation: LabelledTokens, heldOut: LabelledTokens? = nil) {
    self.training = training
    self.validation = validation
    self.heldOut = heldOut
  }
}

extension TrainingImages {
  /// Features without trained parameters in the place of tokens, all of them in one pass over each set of images.
  ///
  /// - Parameters:
  ///   - folder: holds the features, in files without a name.
  ///   - shouldStop: asked every few hundred images.
  ///   - onProgress: told how many of all images are done, likewise.
  /// - Returns: the images of each of the features; nil where `shouldStop` said so.
  /// - Throws: where the tokens have no such features, a row is damaged, or the disk has no room.
  public func pooled(
    _ features: [HeadDescription.Features], _ parallel: Parallel, folder: String,
    shouldStop: () -> Bool = { false }, onProgress: (_ images: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> [TrainingImages]? {
    guard !features.isEmpty else { return [] }
    let encoders = beside == nil ? 1 : 2
    let total = encoders * (training.count + validation.count + (heldOut?.count ?? 0))
    onProgress(0, total)
    func pooled(
      _ tokens: LabelledTokens, from attention: CacheSet?, _ beside: Beside?, after done: Int
    ) throws -> [LabelledTokens]? {
      try tokens.pooled(
        features, tokenNorm, attentionFrom: attention, beside: beside, parallel, folder: folder,
        shouldStop: shouldStop
      ) { onProgress(done + $0, total) }
    }
    guard
      let training = try pooled(training, from: attention?.train, beside?.train, after: 0),
      let validation = try pooled(
        validation, from: attention?.validation, beside?.validation, after: encoders * training[0].count)
    else { return nil }
    var heldOuts = [LabelledTokens?](repeating: nil, count: features.count)
    if let heldOut {
      let done = total - encoders * heldOut.count
      guard let found = try pooled(heldOut, from: attention?.train, beside?.train, after: done) else {
        return nil
      }
      heldOuts = found
    }
    return features.indices.map {
      TrainingImages(training: training[$0], validation: validation[$0], heldOut: heldOuts[$0])
    }
  }
}

extension TrainingImages {
  /// - Throws: where a second encoder is given and a head looks at tokens.
  func check(_ head: HeadDescription) throws(InputError) {
    guard beside == nil || FixedFeature.isComputedOnce(head.features) else {
      throw InputError(
        "--beside",
        "is for features that are computed once, and \(head.name) looks at all tokens of one encoder",
        remedy: "leave it out, or use features such as cls and pos")
    }
  }
}

/// The caches of a second encoder.
struct Beside: Sendable {
  var caches: CacheSet
  var norm: TokenNorm?
}

extension HeadDescription {
  /// The width of what the classifier sees, of both encoders where there are two.
  func featureWidth(_ layout: HeadLayout) throws(InputError) -> Int {
    let own = try featureWidth(layout.tokens)
    guard let beside = layout.beside else { return own }
    return own + (try featureWidth(beside.tokens))
  }
}

extension LabelledTokens {
  /// What heads look at that take all tokens.
  var allTokens: RowParts { RowParts(tokens: 0..<source.tokenCount) }

  /// Features without trained parameters, computed in one pass: of each a source of one token a row.
  ///
  /// - Parameters:
  ///   - other: caches of another encoder, of the same images, for features that need its attention.
  ///   - beside: caches of the same images whose features stand behind these.
  ///   - folder: holds the features, in files without a name.
  ///   - shouldStop: asked every few hundred images.
  ///   - onProgress: told how many images are done, likewise; with a second encoder each of them counts twice.
  /// - Returns: nil where `shouldStop` said so.
  func pooled(
    _ features: [HeadDescription.Features], _ norm: TokenNorm?, attentionFrom other: CacheSet?,
    beside: Beside? = nil, _ parallel: Parallel, folder: String, shouldStop: () -> Bool = { false },
    onProgress: (_ images: Int) -> Void = { _ in }
  ) throws -> [LabelledTokens]? {
    // Images that are missing there show before the work.
    let second = try beside.map { try tokens(in: $0.caches) }
    guard
      let own = try matrices(
        features, norm, attentionFrom: other, parallel, folder: folder, shouldStop: shouldStop,
        onProgress: onProgress)
    else { return nil }
    guard let second else { return own.map(replacingTokens) }
    guard
      let others = try second.matrices(
        features, beside?.norm, attentionFrom: other, parallel, folder: folder, shouldStop: shouldStop,
        onProgress: { onProgress(count + $0) })
    else { return nil }
    return try zip(own, others).map {
      replacingTokens(by: try FeatureMatrix(sideBySide: [$0, $1], folder: folder, parallel))
    }
  }

  private func matrices(
    _ features: [HeadDescription.Features], _ norm: TokenNorm?, attentionFrom other: CacheSet?,
    _ parallel: Parallel, folder: String, shouldStop: () -> Bool, onProgress: (_ images: Int) -> Void
  ) throws -> [FeatureMatrix]? {
    let fixed = try features.map { name throws(InputError) in
      try FixedFeature(name, layout: source.layout)
    }
    let needsOther = fixed.contains(where: \.needsOtherAttention)
    let borrowed = needsOther ? try other.map { try BorrowedAttention(self, from: $0) } : nil
    let reader = BatchReader(
      self, inRowOrder, batchSize: FixedFeatures.spanLength, parts: RowParts(of: fixed),
      attention: borrowed, parallel)
    return try FixedFeatures.compute(
      features, source, rowCount: count, attentionFrom: borrowed, norm: norm, parallel, folder: folder,
      shouldStop: shouldStop, onProgress: onProgress
    ) { try reader.next()?.batch.rows }
  }
}

extension RowParts {
  /// What features are computed from.
  fileprivate init(of features: [FixedFeature]) {
    let ranges = features.map(\.tokenRange)
    let first = ranges.map(\.lowerBound).min() ?? 0
    self.init(
      tokens: first..<max(first, ranges.map(\.upperBound).max() ?? 0),
      classAttention: features.contains(where: \.needsClassAttention),
      centerAttention: features.contains(where: \.needsCenterAttention))
  }
}
