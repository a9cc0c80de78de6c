import CKernels
import Compute

/// Batch normalisation without affine parameters: PyTorch's `BatchNorm1d(W, affine=False, eps=1e-6)` with momentum 0.1.
package final class BatchNorm: Sendable {
  static let momentum: Float = 0.1
  /// In training, chunks of columns are worked on by one thread each, rows in order; in evaluation, chunks of rows.
  private static let columnsPerChunk = 128
  private static let rowsPerChunk = 64

  package let width: Int
  let epsilon: Float
  /// [W]
  package let runningMean: SharedBuffer<Float>
  /// [W], unbiased.
  package let runningVariance: SharedBuffer<Float>
  /// The batches seen in training, one element.
  package let batchCount: SharedBuffer<Int64>
  /// [W], 1 / sqrt(variance + epsilon) of the last training batch, for backward.
  private let inverseDeviation: SharedBuffer<Float>

  package init(width: Int, epsilon: Float = 1e-6) {
    self.width = width
    self.epsilon = epsilon
    runningMean = SharedBuffer(count: width)
    runningVariance = SharedBuffer(count: width)
    runningVariance.fill(1)
    batchCount = SharedBuffer(count: 1)
    inverseDeviation = SharedBuffer(count: width)
  }

  /// Normalises in place with the batch's own mean and (biased) variance, and updates the running statistics.
  ///
  /// - Parameter features: [B, W], B at least 2.
  func normalizeTraining(_ features: SharedBuffer<Float>, count: Int, _ parallel: Parallel) throws {
    precondition(count > 1, "batch norm needs more than one image to train, not \(count)")
    batchCount[0] += 1
    try parallel.forEachChunk(of: width, length: Self.columnsPerChunk) { _, columns, _ in
      let first = columns.lowerBound
      pb_batch_norm_train(
        features.pointer + first, count, width, columns.count, epsilon, Self.momentum,
        runningMean.pointer + first, runningVariance.pointer + first, inverseDeviation.pointer + first)
    }
  }

  /// Updates the running statistics alone, where a batch is normalised elsewhere.
  ///
  /// - Parameters:
  ///   - means: [W], the batch's.
  ///   - variances: [W], biased.
  ///   - count: the values that they are of, at least 2.
  func track(means: SharedBuffer<Double>, variances: SharedBuffer<Double>, count: Int) {
    precondition(count > 1, "batch norm needs more than one value to train, not \(count)")
    batchCount[0] += 1
    for channel in 0..<width {
      let unbiased = Float(variances.pointer[channel] * Double(count) / Double(count - 1))
      let (mean, variance) = (runningMean.pointer[channel], runningVariance.pointer[channel])
      runningMean.pointer[channel] += Self.momentum * (Float(means.pointer[channel]) - mean)
      runningVariance.pointer[channel] += Self.momentum * (unbiased - variance)
    }
  }

  /// Normalises in place with the running statistics.
  ///
  /// - Parameter features: [B, W]
  func normalizeEvaluation(_ features: SharedBuffer<Float>, count: Int, _ parallel: Parallel) throws {
    try parallel.forEachChunk(of: count, length: Self.rowsPerChunk) { _, rows, _ in
      pb_batch_norm_evaluate(
        features.pointer + rows.lowerBound * width, rows.count, width, width, epsilon,
        runningMean.pointer, runningVariance.pointer)
    }
  }

  /// From the gradient with respect to the normalised features to the one with respect to the features, in place, for
  /// the last training batch.
  ///
  /// - Parameters:
  ///   - gradient: [B, W]
  ///   - normalized: [B, W], what `normalizeTraining` made.
  func backward(
    _ gradient: SharedBuffer<Float>, normalized: SharedBuffer<Float>, count: Int, _ parallel: Parallel
  ) throws {
    try parallel.forEachChunk(of: width, length: Self.columnsPerChunk) { _, columns, _ in
      let first = columns.lowerBound
      pb_batch_norm_backward(
        gradient.pointer + first, normalized.pointer + first, count, width, columns.count,
        inverseDeviation.pointer + first)
    }
  }
}
