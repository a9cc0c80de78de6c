import Evaluation
import Files
import Heads
import Reading

/// What a trained head makes of one image, and where it looked.
public struct ImageLook: Sendable {
  /// The image's place among those that were looked at.
  public let place: Int
  public let outcome: ImageOutcome
  /// nil where the head's features are not made of weighted tokens.
  public let weights: TokenWeights?
}

/// Caches beside the one that is measured, for heads that need them.
public struct CompanionCaches {
  /// Of another encoder, whose attention is taken.
  public var attention: CacheSet?
  /// Of the second encoder whose features stand beside.
  public var beside: CacheSet?

  public init(attention: CacheSet? = nil, beside: CacheSet? = nil) {
    (self.attention, self.beside) = (attention, beside)
  }
}

extension TrainedHead {
  /// What became of each image, in their order.
  ///
  /// - Parameter onProgress: told how many images are done, after each batch.
  /// - Throws: as ``measure(on:attentionFrom:beside:folder:shouldStop:onFeatures:withConfusion:onBatch:)``.
  public func outcomes(
    on tokens: LabelledTokens, _ companions: CompanionCaches, folder: String, shouldStop: () -> Bool,
    onProgress: (_ images: Int) -> Void
  ) throws -> [ImageOutcome] {
    var outcomes: [ImageOutcome] = []
    outcomes.reserveCapacity(tokens.count)
    _ = try measure(
      on: tokens, attentionFrom: companions.attention, beside: companions.beside, folder: folder,
      shouldStop: shouldStop,
      onBatch: { images, _, predictions, logits in
        outcomes += Self.outcomes(of: tokens, images, predictions, logits)
        onProgress(images.upperBound)
      })
    return outcomes
  }

  /// Looks at images, a batch at a time.
  ///
  /// - Parameters:
  ///   - tokens: of the images that are looked at, and no others.
  ///   - onBatch: sees the images of a batch, in the order of the rows.
  /// - Throws: likewise, and what `onBatch` throws.
  public func look(
    at tokens: LabelledTokens, _ companions: CompanionCaches, folder: String, shouldStop: () -> Bool,
    onBatch: (_ looks: [ImageLook]) throws -> Void
  ) throws {
    let features = summary.configuration.head.features
    let pooled = FixedFeature.isComputedOnce(features)
    let norm = try tokens.norm(summary.configuration.data.tokenNorm ?? .none)
    let borrowed = try companions.attention.map { caches throws(InputError) in
      try BorrowedAttention(tokens, from: caches)
    }
    _ = try measure(
      on: tokens, attentionFrom: companions.attention, beside: companions.beside, folder: folder,
      shouldStop: shouldStop,
      onBatch: { images, _, predictions, logits in
        let weights =
          pooled
          ? try FixedFeatures.weights(
            of: features, tokens.source, rows: Array(tokens.rows[images]), attentionFrom: borrowed, norm: norm
          )
          : (0..<images.count).map { head.weights(index: $0) }
        let outcomes = Self.outcomes(of: tokens, images, predictions, logits)
        try onBatch(
          images.enumerated().map { index, place in
            ImageLook(place: place, outcome: outcomes[index], weights: weights[index])
          })
      })
  }

  private static func outcomes(
    of tokens: LabelledTokens, _ images: Range<Int>, _ predictions: [Prediction],
    _ logits: UnsafeBufferPointer<Float>
  ) -> [ImageOutcome] {
    guard case .several(let sets) = tokens.targets else { return predictions.map { ImageOutcome($0) } }
    let classCount = logits.count / images.count
    return images.enumerated().map { index, image in
      ImageOutcome(
        scores: UnsafeBufferPointer(rebasing: logits[index * classCount..<(index + 1) * classCount]),
        classes: sets[image])
    }
  }
}
