import Compute
import Files
import Tensors

/// A probe head: pooling, batch norm without affine parameters, linear classifier (the protocol of MAE's linear probe
/// and of the seed's `main_linprobe.py`).
///
/// Not safe for use by two callers at once; it uses as many threads as its ``Parallel`` has.
public final class Head: Sendable {
  public let description: HeadDescription
  public let classCount: Int
  /// The most images of one batch.
  public let batchSize: Int
  public let parallel: Parallel
  package let pooling: any Pooling
  package let batchNorm: BatchNorm
  private let classifier: LinearClassifier

  /// [batchSize, W]: features, then normalised features.
  private let features: SharedBuffer<Float>
  private let featureGradient: SharedBuffer<Float>
  /// [batchSize, C]: logits, then their gradient.
  private let logits: SharedBuffer<Float>

  /// - Parameters:
  ///   - pooling: what turns the batches' rows into features. For features without parameters this may be the identity
  ///     on features pooled before.
  ///   - generator: draws the initial weights: the pooling's first, then the classifier's.
  package init(
    _ description: HeadDescription, pooling: any Pooling, classCount: Int, batchSize: Int,
    _ parallel: Parallel,
    _ generator: inout SeededGenerator
  ) {
    self.description = description
    self.classCount = classCount
    self.batchSize = batchSize
    self.parallel = parallel
    self.pooling = pooling
    batchNorm = BatchNorm(width: pooling.outputWidth)
    classifier = LinearClassifier(
      "linear", width: pooling.outputWidth, classCount: classCount, &generator)
    features = SharedBuffer(count: batchSize * pooling.outputWidth)
    featureGradient = SharedBuffer(count: batchSize * pooling.outputWidth)
    logits = SharedBuffer(count: batchSize * classCount)
  }

  /// What is trained, the pooling's first.
  public var parameters: [Parameter] {
    pooling.parameters + [classifier.parameters.weight, classifier.parameters.bias]
  }

  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

  /// Whether every trained weight and every running statistic is a finite number.
  public var isFinite: Bool {
    (parameters.map(\.values) + [batchNorm.runningMean, batchNorm.runningVariance])
      .allSatisfy { $0.buffer.allSatisfy(\.isFinite) }
  }

  public func clearGradients() {
    for parameter in parameters { parameter.gradient.fill(0) }
  }

  /// One forward and backward pass in training mode; gradients are added to those that are there.
  ///
  /// - Parameters:
  ///   - labels: [B], each in `0 ..< classCount`.
  ///   - lossScale: what the loss is multiplied by before its gradient is taken: 1 / the number of accumulated batches.
  ///   - onLogits: sees the logits, [B, C], before they are gone.
  /// - Returns: the loss of each image, [B], not scaled.
  public func accumulateGradients(
    _ batch: Batch, labels: [Int32], lossScale: Float = 1,
    onLogits: (UnsafeBufferPointer<Float>) -> Void = { _ in }
  ) throws -> [Float] {
    precondition(batch.count <= batchSize, "a batch of \(batch.count) is larger than \(batchSize)")
    precondition(labels.count == batch.count, "\(labels.count) labels for \(batch.count) images")
    try pooling.forward(batch, into: features, parallel)
    try batchNorm.normalizeTraining(features, count: batch.count, parallel)
    try classifier.forward(features, count: batch.count, into: logits, parallel)
    onLogits(UnsafeBufferPointer(rebasing: logits.buffer.prefix(batch.count * classCount)))
    let losses = try CrossEntropy.gradient(
      logits, labels: labels, classCount: classCount, scale: lossScale, parallel)
    let hasPoolingParameters = !pooling.parameters.isEmpty
    try classifier.backward(
      features, logitGradient: logits, count: batch.count,
      into: hasPoolingParameters ? featureGradient : nil, parallel)
    if hasPoolingParameters {
      try batchNorm.backward(featureGradient, normalized: features, count: batch.count, parallel)
      try pooling.backward(batch, gradient: featureGradient, parallel)
    }
    return losses
  }

  /// The class scores in evaluation mode.
  ///
  /// - Returns: [B, C]
  public func predict(_ batch: Batch) throws -> [Float] {
    precondition(batch.count <= batchSize, "a batch of \(batch.count) is larger than \(batchSize)")
    try pooling.forward(batch, into: features, parallel)
    try batchNorm.normalizeEvaluation(features, count: batch.count, parallel)
    try classifier.forward(features, count: batch.count, into: logits, parallel)
    return Array(logits.buffer.prefix(batch.count * classCount))
  }
}
