import CKernels
import Compute

/// What is minimised.
public struct LossDescription: Codable, Equatable, Sendable {
  /// The share of the target that goes to all classes evenly, 0 ..< 1 (Szegedy et al. 2016, section 7).
  public var labelSmoothing: Float

  public init(labelSmoothing: Float = 0) {
    self.labelSmoothing = labelSmoothing
  }

  enum CodingKeys: String, CodingKey {
    case labelSmoothing = "label_smoothing"
  }
}

/// What a loss says about the rows of a batch; made once and filled for each.
package final class RowLosses: Sendable {
  /// [capacity]
  package let losses: SharedBuffer<Float>
  /// [capacity], how many classes come before the label, in the order of the evaluation's rankings; 0 is a hit.
  package let ranks: SharedBuffer<Int32>

  package init(capacity: Int) {
    losses = SharedBuffer(count: capacity)
    ranks = SharedBuffer(count: capacity)
  }

  /// Of images with several labels: 0 where the highest score is of one of them, else 1.
  func rank(
    _ logits: SharedBuffer<Float>, sets: SharedBuffer<Float>, count: Int, classCount: Int,
    _ parallel: Parallel
  ) throws {
    try parallel.forEachChunk(of: count, length: rowsPerChunk) { _, range, _ in
      for row in range {
        let best = pb_best_of(logits.pointer + row * classCount, classCount)
        ranks.pointer[row] = sets.pointer[row * classCount + best] > 0 ? 0 : 1
      }
    }
  }
}

/// Rows of class scores are cut into chunks of a fixed length: a few of 1000 classes stay in the second-level cache.
private let rowsPerChunk = 16

/// The mean negative log-likelihood of the labels under softmax (PyTorch's `CrossEntropyLoss`).
package enum CrossEntropy {
  /// Turns logits into the gradient of the mean loss times `scale`, in place.
  ///
  /// - Parameters:
  ///   - logits: [B, C]
  ///   - labels: [B], each in `0 ..< C`.
  ///   - rows: receives loss and rank of each image.
  package static func gradient(
    _ logits: SharedBuffer<Float>, labels: [Int32], classCount: Int,
    _ description: LossDescription = LossDescription(), scale: Float, into rows: RowLosses,
    _ parallel: Parallel
  ) throws {
    let factor = scale / Float(labels.count)
    try parallel.forEachChunk(of: labels.count, length: rowsPerChunk) { _, range, _ in
      let first = range.lowerBound
      labels[range].withUnsafeBufferPointer { labels in
        pb_cross_entropy_gradient(
          logits.pointer + first * classCount, labels.baseAddress!, labels.count, classCount,
          description.labelSmoothing, factor, rows.losses.pointer + first, rows.ranks.pointer + first)
      }
    }
  }
}

/// The mean over images and classes of the binary cross entropy of independent labels (PyTorch's `BCEWithLogitsLoss`).
package enum BinaryCrossEntropy {
  /// Turns logits into the gradient of the mean loss times `scale`, in place.
  ///
  /// - Parameters:
  ///   - logits: [B, C]
  ///   - targets: [B, C], each 0 ... 1.
  ///   - losses: receives the mean over the classes of each image, [B].
  package static func gradient(
    _ logits: SharedBuffer<Float>, targets: SharedBuffer<Float>, count: Int, classCount: Int, scale: Float,
    into losses: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    let factor = scale / Float(count)
    try parallel.forEachChunk(of: count, length: rowsPerChunk) { _, range, _ in
      let start = range.lowerBound * classCount
      pb_binary_cross_entropy_gradient(
        logits.pointer + start, targets.pointer + start, range.count, classCount, factor,
        losses.pointer + range.lowerBound)
    }
  }
}
