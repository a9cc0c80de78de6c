import Compute
import Files
import Tensors

/// What the images of a batch are of.
public enum BatchTargets: Sendable {
  /// [B], a class each: softmax and cross entropy.
  case classes([Int32])
  /// [B, C], 1 for each of an image's classes and 0 for the others: sigmoids and binary cross entropy.
  case sets(SharedBuffer<Float>, count: Int)

  /// B
  var count: Int {
    switch self {
    case .classes(let labels): labels.count
    case .sets(_, let count): count
    }
  }
}

/// What a head made of a batch in training mode.
public struct BatchOutcome: Sendable {
  /// The sum of the images' losses, not scaled.
  public var lossSum: Double
  /// Images of which a label had the highest score.
  public var correctCount: Int

  init(_ rows: RowLosses, count: Int) {
    lossSum = rows.losses.buffer[..<count].reduce(0) { $0 + Double($1) }
    correctCount = rows.ranks.buffer[..<count].reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
  }
}

/// A probe head: pooling, batch norm without affine parameters, linear classifier (the protocol of MAE's linear probe
/// and of the seed's `main_linprobe.py`). It works within a ``HeadGroup``, not by itself.
public final class Head: Sendable {
  public let description: HeadDescription
  public let classCount: Int
  /// The most images of one batch.
  public let batchSize: Int
  /// What training minimises.
  public let loss: LossDescription
  /// How the classifier and the pooling's queries multiply; what else the pooling multiplies is its own.
  let products: MatrixProducts
  package let pooling: any Pooling
  package let batchNorm: BatchNorm
  private let classifier: DenseLayer

  /// [batchSize, W]: features, then normalised features.
  let features: SharedBuffer<Float>
  let featureGradient: SharedBuffer<Float>
  /// [batchSize, C]: logits, then their gradient.
  let logits: SharedBuffer<Float>
  let rowLosses: RowLosses

  /// - Parameters:
  ///   - pooling: what turns the batches' rows into features. For features that were pooled before these are
  ///     ``FlattenedTokens``.
  ///   - products: how it multiplies; the pooling is to be made with the same.
  ///   - generator: draws the initial weights: the pooling's first, then the classifier's.
  package init(
    _ description: HeadDescription, pooling: any Pooling, classCount: Int, batchSize: Int,
    loss: LossDescription = LossDescription(), products: MatrixProducts = .float32,
    _ generator: inout SeededGenerator
  ) {
    self.description = description
    self.loss = loss
    self.products = products
    self.classCount = classCount
    self.batchSize = batchSize
    self.pooling = pooling
    batchNorm = BatchNorm(width: pooling.outputWidth)
    classifier = DenseLayer(
      "linear", inputWidth: pooling.outputWidth, outputWidth: classCount, products: products, &generator)
    features = SharedBuffer(count: batchSize * pooling.outputWidth)
    featureGradient = SharedBuffer(count: isTrained(pooling) ? batchSize * pooling.outputWidth : 0)
    logits = SharedBuffer(count: batchSize * classCount)
    rowLosses = RowLosses(capacity: batchSize)
  }

  /// What is trained, the pooling's first.
  public var parameters: [Parameter] {
    pooling.parameters + classifier.parameters
  }

  /// W
  public var featureWidth: Int { pooling.outputWidth }

  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

  /// Whether every trained weight and every running statistic is a finite number.
  public var isFinite: Bool {
    let statistics = (Array(pooling.batchNorms.values) + [batchNorm])
      .flatMap { [$0.runningMean, $0.runningVariance] }
    return (parameters.map(\.values) + statistics).allSatisfy(\.isFinite)
  }

  public func clearGradients() {
    for parameter in parameters { parameter.gradient.fill(0) }
  }

  /// Whether the pooling has anything to learn.
  var hasTrainedPooling: Bool { isTrained(pooling) }

  /// [W], the features of an image of the last batch that was predicted as the classifier saw them: behind the batch norm.
  ///
  /// - Parameter index: of the image in that batch.
  public func normalizedFeatures(index: Int) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(rebasing: features.buffer[index * featureWidth..<(index + 1) * featureWidth])
  }

  // MARK: - Between the visits of a batch's images

  /// From features to gradients with respect to them; gradients of parameters are added to those that are there.
  func learn(_ targets: BatchTargets, lossScale: Float, _ parallel: Parallel) throws -> BatchOutcome {
    let count = targets.count
    try pooling.finishForward(count: count, into: features, parallel)
    try batchNorm.normalizeTraining(features, count: count, parallel)
    try classifier.forward(features, count: count, into: logits, parallel)
    switch targets {
    case .classes(let labels):
      try CrossEntropy.gradient(
        logits, labels: labels, classCount: classCount, loss, scale: lossScale, into: rowLosses, parallel)
    case .sets(let sets, _):
      try rowLosses.rank(logits, sets: sets, count: count, classCount: classCount, parallel)
      try BinaryCrossEntropy.gradient(
        logits, targets: sets, count: count, classCount: classCount, scale: lossScale, into: rowLosses.losses,
        parallel)
    }
    try classifier.backward(
      features, outputGradient: logits, count: count, into: hasTrainedPooling ? featureGradient : nil,
      parallel)
    if hasTrainedPooling {
      try batchNorm.backward(featureGradient, normalized: features, count: count, parallel)
      try pooling.beginBackward(count: count, gradient: featureGradient, parallel)
    }
    return BatchOutcome(rowLosses, count: count)
  }

  /// From features to class scores in evaluation mode.
  func classify(count: Int, _ parallel: Parallel) throws {
    try pooling.finishForward(count: count, into: features, parallel)
    try batchNorm.normalizeEvaluation(features, count: count, parallel)
    try classifier.forward(features, count: count, into: logits, parallel)
  }
}

private func isTrained(_ pooling: any Pooling) -> Bool { !pooling.parameters.isEmpty }
