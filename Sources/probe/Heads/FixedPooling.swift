import Compute
import Files

/// Pooling without parameters, computed anew for each batch.
package struct FixedPooling: Pooling {
  package let parameters: [Parameter] = []
  private let feature: FixedFeature
  private let norm: TokenNorm?
  private let attentionSource: (any TokenSource)?

  package var outputWidth: Int { feature.width }

  /// - Parameters:
  ///   - norm: applied to tokens beforehand.
  ///   - attentionFrom: another encoder's tokens of the batches' rows, for `dino`.
  package init(
    _ feature: FixedFeature, norm: TokenNorm? = nil, attentionFrom: (any TokenSource)? = nil
  ) {
    (self.feature, self.norm, attentionSource) = (feature, norm, attentionFrom)
  }

  /// Features that are tokens already: the only token of each row, as it is.
  package static func identity(width: Int) -> FixedPooling { FixedPooling(.identity(width: width)) }

  package func forward(_ batch: Batch, into features: SharedBuffer<Float>, _ parallel: Parallel) throws {
    let pass = try FixedPass([feature], batch.source, attentionFrom: attentionSource, norm: norm)
    try parallel.forEachChunk(of: batch.count, length: 16) { _, range, _ in
      try pass.forEachImage(of: Array(batch.rows[range])) { index, image in
        try feature.write(image, into: features.pointer + (range.lowerBound + index) * outputWidth)
      }
    }
  }

  package func backward(_ batch: Batch, gradient: SharedBuffer<Float>, _ parallel: Parallel) {}
}
