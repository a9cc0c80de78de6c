import Compute

/// Batch normalisation without affine parameters: PyTorch's `BatchNorm1d(W, affine=False, eps=1e-6)` with momentum 0.1.
package final class BatchNorm: Sendable {
  static let epsilon: Float = 1e-6
  static let momentum: Float = 0.1
  /// Columns are worked on in blocks of this many, each block by one thread, rows in order.
  private static let blockLength = 64

  package let width: Int
  /// [W]
  package let runningMean: SharedBuffer<Float>
  /// [W], unbiased.
  package let runningVariance: SharedBuffer<Float>
  /// The batches seen in training, one element.
  package let batchCount: SharedBuffer<Int64>
  /// [W], 1 / sqrt(variance + epsilon) of the last training batch, for backward.
  private let inverseDeviation: SharedBuffer<Float>

  package init(width: Int) {
    self.width = width
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
    try parallel.forEachChunk(of: width, length: Self.blockLength) { _, columns, _ in
      let (mean, variance) = moments(features, count: count, columns)
      for (index, column) in columns.enumerated() {
        let unbiased = variance[index] * Double(count) / Double(count - 1)
        let momentum = Self.momentum
        runningMean.pointer[column] += momentum * (Float(mean[index]) - runningMean.pointer[column])
        runningVariance.pointer[column] += momentum * (Float(unbiased) - runningVariance.pointer[column])
        inverseDeviation.pointer[column] = Float(1 / (variance[index] + Double(Self.epsilon)).squareRoot())
      }
      normalize(features, count: count, columns, mean: mean.map { Float($0) }, scale: inverseDeviation)
    }
  }

  /// Normalises in place with the running statistics.
  ///
  /// - Parameter features: [B, W]
  func normalizeEvaluation(_ features: SharedBuffer<Float>, count: Int, _ parallel: Parallel) throws {
    let scale = SharedBuffer<Float>(count: width)
    for column in 0..<width {
      scale.pointer[column] = 1 / (runningVariance.pointer[column] + Self.epsilon).squareRoot()
    }
    try parallel.forEachChunk(of: width, length: Self.blockLength) { _, columns, _ in
      let mean = columns.map { runningMean.pointer[$0] }
      normalize(features, count: count, columns, mean: mean, scale: scale)
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
    try parallel.forEachChunk(of: width, length: Self.blockLength) { _, columns, _ in
      var sum = [Double](repeating: 0, count: columns.count)
      var product = [Double](repeating: 0, count: columns.count)
      forEachRow(gradient, count: count, columns) { row, values in
        let normal = normalized.pointer + row * width + columns.lowerBound
        for index in 0..<columns.count {
          sum[index] += Double(values[index])
          product[index] += Double(values[index]) * Double(normal[index])
        }
      }
      let meanGradient = sum.map { Float($0 / Double(count)) }
      let meanProduct = product.map { Float($0 / Double(count)) }
      let scale = inverseDeviation.pointer + columns.lowerBound
      forEachRow(gradient, count: count, columns) { row, values in
        let normal = normalized.pointer + row * width + columns.lowerBound
        for index in 0..<columns.count {
          values[index] =
            scale[index] * (values[index] - meanGradient[index] - normal[index] * meanProduct[index])
        }
      }
    }
  }

  /// The mean and the biased variance of some columns, in two passes and double precision.
  private func moments(
    _ features: SharedBuffer<Float>, count: Int, _ columns: Range<Int>
  ) -> (mean: [Double], variance: [Double]) {
    var mean = [Double](repeating: 0, count: columns.count)
    forEachRow(features, count: count, columns) { _, values in
      for index in 0..<columns.count { mean[index] += Double(values[index]) }
    }
    for index in mean.indices { mean[index] /= Double(count) }
    var variance = [Double](repeating: 0, count: columns.count)
    forEachRow(features, count: count, columns) { _, values in
      for index in 0..<columns.count {
        let difference = Double(values[index]) - mean[index]
        variance[index] += difference * difference
      }
    }
    for index in variance.indices { variance[index] /= Double(count) }
    return (mean, variance)
  }

  private func normalize(
    _ features: SharedBuffer<Float>, count: Int, _ columns: Range<Int>, mean: [Float],
    scale: SharedBuffer<Float>
  ) {
    let scale = scale.pointer + columns.lowerBound
    forEachRow(features, count: count, columns) { _, values in
      for index in 0..<columns.count { values[index] = (values[index] - mean[index]) * scale[index] }
    }
  }

  private func forEachRow(
    _ matrix: SharedBuffer<Float>, count: Int, _ columns: Range<Int>,
    _ body: (_ row: Int, _ values: UnsafeMutablePointer<Float>) -> Void
  ) {
    for row in 0..<count { body(row, matrix.pointer + row * width + columns.lowerBound) }
  }
}
