import Compute
import Evaluation
import Files

/// Class scores from standardised features: `scores = standardised * weights^T + bias`.
public struct LinearModel: Sendable {
  private static let rowsPerBlock = 4096
  private static let rowsPerChunk = 64

  let standardization: Standardization
  /// [C, D]
  package let weights: SharedBuffer<Float>
  /// [C]
  let bias: SharedBuffer<Float>
  /// Whether it is the optimum, or as far as the iterations led.
  public let hasConverged: Bool

  public var classCount: Int { bias.count }
  private var width: Int { weights.count / classCount }

  /// Measures the scores, which count as logits.
  ///
  /// - Parameter onBlock: sees the places, the labels and the predictions of some images, in order.
  /// - Throws: where features have another width than the model's, or a score is not finite.
  public func measure(
    on features: LabelledFeatures, _ parallel: Parallel,
    onBlock: (_ places: Range<Int>, _ labels: [Int32], _ predictions: [Prediction]) throws -> Void = {
      _, _, _ in
    }
  ) throws -> Metrics {
    precondition(
      features.width == width && features.classCount == classCount,
      "a model of \(classCount) classes from \(width) features is measured on others")
    var collector = MetricsCollector(classCount: classCount)
    let blockLength = min(Self.rowsPerBlock, features.count)
    let scores = SharedBuffer<Float>(count: blockLength * classCount)
    for start in stride(from: 0, to: features.count, by: blockLength) {
      let places = start..<min(features.count, start + blockLength)
      try score(features, places, into: scores, parallel)
      let labels = Array(features.labels[places])
      let predictions = try Prediction.of(
        logits: UnsafeBufferPointer(start: scores.pointer, count: places.count * classCount), labels: labels,
        classCount: classCount, parallel)
      collector.add(predictions, labels: labels)
      try onBlock(places, labels, predictions)
    }
    let metrics = collector.metrics
    guard metrics.loss.isFinite else {
      throw InputError(
        features.name, "has features so far from the training images' that scores are not finite")
    }
    return metrics
  }

  /// - Parameter scores: receives [places, C].
  package func score(
    _ features: LabelledFeatures, _ places: Range<Int>, into scores: SharedBuffer<Float>, _ parallel: Parallel
  ) throws {
    let (width, classCount) = (width, classCount)
    let standardised = PerWorker(parallel) { SharedBuffer<Float>(count: Self.rowsPerChunk * width) }
    try parallel.forEachChunk(of: places.count, length: Self.rowsPerChunk) { _, rows, worker in
      let input = try standardised.value(worker).pointer
      let out = scores.pointer + rows.lowerBound * classCount
      for row in 0..<rows.count {
        standardization.apply(
          features.features(places.lowerBound + rows.lowerBound + row), into: input + row * width)
        (out + row * classCount).update(from: bias.pointer, count: classCount)
      }
      BLAS.multiply(
        transposeB: true, m: rows.count, n: classCount, k: width, a: input, leadingA: width,
        b: weights.pointer, leadingB: width, beta: 1, c: out, leadingC: classCount)
    }
  }
}
