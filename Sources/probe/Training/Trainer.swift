import Compute
import Evaluation
import Files
import Foundation
import Heads

/// What an epoch did and what the head was worth after it: one line of `metrics.jsonl`.
public struct EpochRecord: Codable, Equatable, Sendable {
  /// From 0.
  public var epoch: Int
  public var learningRate: Double
  /// Means over the epoch's training images, in training mode, while the weights change.
  public var trainLoss: Double
  public var trainTop1: Double
  /// On the validation images after the epoch.
  public var validation: Metrics
  public var seconds: Double
  /// Training images a second, without the validation.
  public var imagesPerSecond: Double

  enum CodingKeys: String, CodingKey {
    case epoch, seconds, validation
    case learningRate = "learning_rate"
    case trainLoss = "train_loss"
    case trainTop1 = "train_top1"
    case imagesPerSecond = "images_per_second"
  }
}

/// Trains one head on one cache and measures it on another, by the seed's protocol (`main_linprobe.py`,
/// `engine_finetune.py`): batches in a seeded order, the last incomplete one dropped; the learning rate set per step.
///
/// The result depends on the configuration and the caches alone, not on the number of threads.
public final class Trainer {
  public let configuration: TrainingConfiguration
  public let head: Head
  private let training: LabelledTokens
  private let validation: LabelledTokens
  let optimizer: any Optimizer
  /// The optimizer's steps so far.
  var stepCount = 0

  /// - Parameters:
  ///   - layout: of the tokens of both sets.
  /// - Throws: where the head does not fit the tokens or the training images do not fill a batch.
  public init(
    _ configuration: TrainingConfiguration, layout: TokenLayout, classCount: Int, training: LabelledTokens,
    validation: LabelledTokens, parallel: Parallel
  ) throws {
    try configuration.check(trainingImageCount: training.count)
    self.configuration = configuration
    var generator = SeededGenerator(seed: configuration.seed, stream: 0)
    let batchSize = configuration.batchSize
    var pooling = try configuration.head.makePooling(layout, batchSize: batchSize, &generator)
    if FixedFeature.isComputedOnce(configuration.head.features) {
      self.training = try training.pooled(configuration.head.features, parallel)
      self.validation = try validation.pooled(configuration.head.features, parallel)
      pooling = FixedPooling.identity(width: pooling.outputWidth)
    } else {
      self.training = training
      self.validation = validation
    }
    head = Head(
      configuration.head, pooling: pooling, classCount: classCount, batchSize: batchSize, parallel, &generator
    )
    optimizer = configuration.optimizer.makeOptimizer(for: head.parameters)
  }

  /// Batches of an epoch.
  public var batchCount: Int { training.count / configuration.batchSize }

  /// Trains for one epoch and measures.
  ///
  /// - Parameters:
  ///   - epoch: from 0; decides the order of the images and the learning rate.
  ///   - onBatch: called after each batch with its number, the number of batches and its mean loss.
  ///   - shouldStop: asked before each batch.
  /// - Returns: nil where `shouldStop` said so; the head is then between two epochs' states.
  /// - Throws: where the loss or a weight is not finite.
  public func runEpoch(
    _ epoch: Int, onBatch: (_ batch: Int, _ batchCount: Int, _ loss: Double) -> Void = { _, _, _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> EpochRecord? {
    let start = ContinuousClock.now
    let batchSize = configuration.batchSize
    var orderGenerator = SeededGenerator(seed: configuration.seed, stream: UInt64(epoch) + 1)
    let order = orderGenerator.permutation(training.count)
    var learningRate = 0.0
    var collector = MetricsCollector(classCount: head.classCount)
    // Gradients of batches that did not fill a step at the end of the last epoch are dropped, as the seed drops them.
    head.clearGradients()
    for batch in 0..<batchCount {
      if shouldStop() { return nil }
      if batch % configuration.accumulation == 0 {
        learningRate = configuration.schedule.learningRate(
          at: Double(epoch) + Double(batch) / Double(batchCount))
      }
      let indices = order[batch * batchSize..<(batch + 1) * batchSize]
      let loss = try trainBatch(indices, &collector)
      guard loss.isFinite else {
        throw InputError(
          "training", "the loss became \(loss) in epoch \(epoch), batch \(batch)",
          remedy: "use a smaller --blr or --lr")
      }
      if (batch + 1) % configuration.accumulation == 0 { step(learningRate) }
      onBatch(batch + 1, batchCount, loss)
    }
    guard head.isFinite else {
      throw InputError(
        "training", "weights became infinite in epoch \(epoch)", remedy: "use a smaller --blr or --lr")
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let metrics = collector.metrics
    let measured = try measure()
    return EpochRecord(
      epoch: epoch, learningRate: learningRate, trainLoss: metrics.loss, trainTop1: metrics.top1,
      validation: measured, seconds: seconds, imagesPerSecond: Double(batchCount * batchSize) / seconds)
  }

  /// - Returns: the batch's mean loss.
  private func trainBatch(_ indices: ArraySlice<Int>, _ collector: inout MetricsCollector) throws -> Double {
    let labels = indices.map { training.labels[$0] }
    var logits: [Float] = []
    let losses = try head.accumulateGradients(
      Batch(training.source, rows: indices.map { training.rows[$0] }), labels: labels,
      lossScale: 1 / Float(configuration.accumulation)
    ) { logits = Array($0) }
    logits.withUnsafeBufferPointer { collector.add(logits: $0, labels: labels, losses: losses) }
    return losses.reduce(0.0) { $0 + Double($1) } / Double(losses.count)
  }

  private func step(_ learningRate: Double) {
    optimizer.update(learningRate: Float(learningRate), step: stepCount)
    stepCount += 1
    head.clearGradients()
  }

  /// - Returns: the metrics of the validation images, in evaluation mode.
  public func measure() throws -> Metrics {
    try Evaluator.measure(head, on: validation)
  }
}
