import Compute
import Evaluation
import Files
import Foundation
import Heads
import Reading

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
  /// On the images that were held out of the training cache to choose between heads; nil where none were.
  public var heldOut: Metrics?
  public var seconds: Double
  /// Training images a second, without the validation. Heads that train side by side share the seconds.
  public var imagesPerSecond: Double

  package init(
    epoch: Int, learningRate: Double, trainLoss: Double, trainTop1: Double, validation: Metrics,
    heldOut: Metrics?, seconds: Double, imagesPerSecond: Double
  ) {
    self.epoch = epoch
    self.learningRate = learningRate
    self.trainLoss = trainLoss
    self.trainTop1 = trainTop1
    self.validation = validation
    self.heldOut = heldOut
    self.seconds = seconds
    self.imagesPerSecond = imagesPerSecond
  }

  /// Whether a run can have such numbers; in a file they may be anything.
  var isPossible: Bool {
    let metrics = [validation] + (heldOut.map { [$0] } ?? [])
    return epoch >= 0 && seconds >= 0 && (0...1).contains(trainTop1) && metrics.allSatisfy(\.isPossible)
  }

  /// Why a head that measures so is given up: a loss is no number. Nil where all are.
  var failure: String? {
    for case (let name, let metrics?) in [("validation", validation), ("held-out", heldOut)]
    where !metrics.loss.isFinite || !metrics.score.isFinite {
      return "the \(name) loss became \(lossText(metrics.loss)) in epoch \(epoch)"
    }
    return nil
  }

  enum CodingKeys: String, CodingKey {
    case epoch, seconds, validation
    case learningRate = "learning_rate"
    case trainLoss = "train_loss"
    case trainTop1 = "train_top1"
    case heldOut = "held_out"
    case imagesPerSecond = "images_per_second"
  }
}

/// Means over training images, in training mode, while the weights change.
public struct TrainingMeans: Equatable, Sendable {
  public let loss: Double
  public let top1: Double

  package init(loss: Double, top1: Double) { (self.loss, self.top1) = (loss, top1) }
}

/// A loss that is no number, without the sign that some processors give it.
private func lossText(_ loss: Double) -> String { loss.isNaN ? "nan" : "\(loss)" }

/// Trains heads side by side on one cache and measures them on another, by the seed's protocol (`main_linprobe.py`,
/// `engine_finetune.py`): batches in a seeded order, the last incomplete one dropped; the learning rate set per step.
///
/// What becomes of a head depends on its configuration and the caches alone, not on the number of threads nor on the heads
/// beside it.
public final class Trainer {
  /// One of the heads and how it learns.
  public final class Member {
    public let configuration: TrainingConfiguration
    public let head: Head
    let optimizer: any Optimizer
    /// The optimizer's steps so far.
    var stepCount = 0
    /// Why the head was given up: its weights or one of its losses are no numbers any more.
    public internal(set) var failure: String?
    /// Of the epoch that is running.
    fileprivate var learningRate = 0.0
    fileprivate var lossSum = 0.0
    fileprivate var correctCount = 0

    init(_ configuration: TrainingConfiguration, _ head: Head) {
      self.configuration = configuration
      self.head = head
      optimizer = configuration.optimizer.makeOptimizer(for: head.parameters)
    }
  }

  public let members: [Member]
  /// The instruction sets whose kernels train the heads, one after the other; several where a run goes on on another
  /// machine.
  var cpuLevels = [Trainer.cpuLevel]
  private let layout: TokenLayout
  private let images: TrainingImages
  private let order: EpochOrder
  /// [batchSize, C], which classes the images of a batch have; empty where they have one each.
  private let sets: SharedBuffer<Float>
  private let scratchFolder: String
  private let parallel: Parallel
  /// What all members have in common.
  let shared: TrainingConfiguration
  /// The members that go on, and their heads; made anew when one is given up.
  private var active: [Member] = []
  private var group: HeadGroup

  /// - Parameters:
  ///   - configurations: alike in epochs, batches, order and kind of features: all attentive, or all the same ones.
  ///   - layout: of the tokens that features are of, and the classes.
  ///   - images: with features in the place of tokens where these are computed once.
  ///   - scratchFolder: on a disk with room for the scores of several labels.
  /// - Throws: where a head does not fit the tokens or the training images do not fill a batch.
  public init(
    _ configurations: [TrainingConfiguration], layout: HeadLayout, images: TrainingImages,
    scratchFolder: String, parallel: Parallel
  ) throws {
    let classCount = layout.classNames.count
    let shared = configurations[0]
    precondition(
      configurations.allSatisfy { $0.track == shared.track }, "these heads do not learn from the same batches"
    )
    if case .several = images.training.targets {
      for configuration in configurations where configuration.loss.labelSmoothing > 0 {
        throw InputError(
          "--label-smoothing", "is for images of one label each, and these have several",
          remedy: "leave it out")
      }
      sets = SharedBuffer(count: shared.batchSize * classCount)
    } else {
      sets = SharedBuffer(count: 0)
    }
    self.scratchFolder = scratchFolder
    order = try shared.data.order(of: images.training, seed: shared.orderSeed)
    try shared.check(trainingImageCount: order.count)
    let isPooled = FixedFeature.isComputedOnce(shared.head.features)
    var images = images
    // The features are of tokens that went through it.
    if isPooled { images.tokenNorm = nil }
    let layout =
      isPooled ? TokenLayout.vector(width: try shared.head.featureWidth(layout)) : layout.tokens
    members = try configurations.map { configuration in
      var generator = SeededGenerator(seed: configuration.seed, stream: 0)
      let pooling =
        isPooled
        ? FlattenedTokens(layout)
        : try configuration.head.makePooling(
          layout, batchSize: configuration.batchSize, products: configuration.products, &generator)
      return Member(
        configuration,
        Head(
          configuration.head, pooling: pooling, classCount: classCount, batchSize: configuration.batchSize,
          loss: configuration.loss, products: configuration.products, &generator))
    }
    (self.layout, self.images, self.parallel, self.shared) = (layout, images, parallel, shared)
    active = members
    group = HeadGroup(members.map(\.head), layout: layout, norm: images.tokenNorm, parallel)
  }

  /// Batches of an epoch.
  public var batchCount: Int { order.count / shared.batchSize }

  /// What the epoch that is running has come to.
  ///
  /// - Parameter batchCount: that it has done.
  /// - Returns: the means over its images so far, a member each; nil for those that were given up.
  func means(ofBatches batchCount: Int) -> [TrainingMeans?] {
    let count = Double(batchCount * shared.batchSize)
    return members.map { member in
      guard member.failure == nil else { return nil }
      return TrainingMeans(loss: member.lossSum / count, top1: Double(member.correctCount) / count)
    }
  }

  /// Leaves the members alone that were given up since the last call.
  func dropFailed() {
    guard active.contains(where: { $0.failure != nil }) else { return }
    active = members.filter { $0.failure == nil }
    if !active.isEmpty {
      group = HeadGroup(active.map(\.head), layout: layout, norm: images.tokenNorm, parallel)
    }
  }

  /// Trains for one epoch and measures.
  ///
  /// - Parameters:
  ///   - epoch: from 0; decides the order of the images and the learning rates.
  ///   - onBatch: called after each batch with its number and the mean loss of the first head.
  ///   - shouldStop: asked before each batch.
  /// - Returns: a record a member, nil for those that were given up; nil where `shouldStop` said so, and the heads are
  ///   then between two epochs' states.
  public func runEpoch(
    _ epoch: Int, onBatch: (_ batch: Int, _ loss: Double) -> Void = { _, _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> [EpochRecord?]? {
    let start = ContinuousClock.now
    let reader = BatchReader(
      images.training, order.epoch(epoch), batchSize: shared.batchSize, parts: images.training.allTokens,
      parallel)
    for member in active {
      // Gradients of batches that did not fill a step at the end of the last epoch are dropped, as the seed drops them.
      member.head.clearGradients()
      (member.lossSum, member.correctCount) = (0, 0)
    }
    for batch in 0..<batchCount where !active.isEmpty {
      if shouldStop() { return nil }
      let loss = try train(batch, try reader.next()!, epoch)
      onBatch(batch + 1, loss)
    }
    for member in active where !member.head.isFinite {
      member.failure = "weights became infinite in epoch \(epoch)"
    }
    dropFailed()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return try records(epoch, seconds: seconds)
  }

  /// - Returns: the mean loss of the first head.
  private func train(_ batch: Int, _ images: LabelledBatch, _ epoch: Int) throws -> Double {
    let targets = targets(images.views)
    let imageCount = images.views.count
    let progress = Double(epoch) + Double(batch) / Double(batchCount)
    if batch % shared.accumulation == 0 {
      for member in active {
        member.learningRate = member.configuration.schedule.learningRate(at: progress)
      }
    }
    let outcomes = try group.accumulateGradients(
      images.batch, targets: targets, lossScale: 1 / Float(shared.accumulation))
    for (member, outcome) in zip(active, outcomes) {
      member.lossSum += outcome.lossSum
      member.correctCount += outcome.correctCount
      if !outcome.lossSum.isFinite {
        let loss = lossText(outcome.lossSum / Double(imageCount))
        member.failure = "the loss became \(loss) in epoch \(epoch), batch \(batch)"
      }
    }
    dropFailed()
    if (batch + 1) % shared.accumulation == 0, !active.isEmpty {
      try step(epoch)
    }
    return outcomes[0].lossSum / Double(imageCount)
  }

  private func targets(_ views: some Sequence<Int>) -> BatchTargets {
    switch images.training.targets {
    case .single(let labels): return .classes(views.map { labels[$0] })
    case .several(let labels):
      let classCount = members[0].head.classCount
      var count = 0
      sets.fill(0)
      for view in views {
        for label in labels[view] { sets.pointer[count * classCount + Int(label)] = 1 }
        count += 1
      }
      return .sets(sets, count: count)
    }
  }

  private func step(_ epoch: Int) throws {
    let optimizers = active.map(\.optimizer)
    let (rates, steps) = (active.map { Float($0.learningRate) }, active.map(\.stepCount))
    let areFinite = try group.mapHeads { index, _, parallel in
      optimizers[index].update(learningRate: rates[index], step: steps[index], parallel)
    }
    for (member, isFinite) in zip(active, areFinite) {
      member.stepCount += 1
      if !isFinite { member.failure = "weights became infinite in epoch \(epoch)" }
    }
    dropFailed()
  }

  private func records(_ epoch: Int, seconds: Double) throws -> [EpochRecord?] {
    guard !active.isEmpty else { return members.map { _ in nil } }
    let count = Double(batchCount * shared.batchSize)
    let means = means(ofBatches: batchCount)
    let validation = try Evaluator.measure(group, on: images.validation, scratchFolder: scratchFolder)
    let heldOut = try images.heldOut.map {
      try Evaluator.measure(group, on: $0, scratchFolder: scratchFolder)
    }
    var measured = 0
    let records = zip(members, means).map { member, means -> EpochRecord? in
      guard let means else { return nil }
      defer { measured += 1 }
      let record = EpochRecord(
        epoch: epoch, learningRate: member.learningRate, trainLoss: means.loss, trainTop1: means.top1,
        validation: validation[measured],
        heldOut: heldOut?[measured], seconds: seconds, imagesPerSecond: count / seconds)
      member.failure = record.failure
      return member.failure == nil ? record : nil
    }
    dropFailed()
    return records
  }
}
