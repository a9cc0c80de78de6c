import Compute
import Files
import Heads
import Reading

/// Everything that decides what a run learns, beside the caches.
public struct TrainingConfiguration: Codable, Equatable, Sendable {
  public var head: HeadDescription
  public var optimizer: OptimizerDescription
  public var loss: LossDescription
  /// Set per optimizer step; its peak is the learning rate, not the base learning rate.
  public var schedule: LearningRateSchedule
  public var epochs: Int
  /// Images of one forward pass: what batch norm sees.
  public var batchSize: Int
  /// Batches whose gradients are added up before a step.
  public var accumulation: Int
  /// In what form the head's matrix products take their operands.
  public var products: MatrixProducts
  /// Decides the initial weights.
  public var seed: UInt64
  /// Decides the order of the images in every epoch.
  public var orderSeed: UInt64
  /// What is learned from.
  public var data: DataSelection

  public init(
    head: HeadDescription, optimizer: OptimizerDescription, loss: LossDescription = LossDescription(),
    schedule: LearningRateSchedule, epochs: Int,
    batchSize: Int, accumulation: Int, products: MatrixProducts = .float32, seed: UInt64,
    orderSeed: UInt64 = 0,
    data: DataSelection = DataSelection()
  ) {
    self.head = head
    self.optimizer = optimizer
    self.loss = loss
    self.schedule = schedule
    self.epochs = epochs
    self.batchSize = batchSize
    self.accumulation = accumulation
    self.products = products
    self.seed = seed
    self.orderSeed = orderSeed
    self.data = data
  }

  /// The learning rate of a base learning rate: `base * images of a step / 256`.
  public static func learningRate(base: Double, batchSize: Int, accumulation: Int) -> Double {
    base * Double(batchSize * accumulation) / 256
  }

  enum CodingKeys: String, CodingKey {
    case head, optimizer, loss, schedule, epochs, accumulation, seed, data
    case products = "amp"
    case batchSize = "batch_size"
    case orderSeed = "order_seed"
  }

  /// Also of files that were written when one seed decided both, data could not be selected, or operands were not rounded.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    head = try container.decode(HeadDescription.self, forKey: .head)
    optimizer = try container.decode(OptimizerDescription.self, forKey: .optimizer)
    loss = try container.decodeIfPresent(LossDescription.self, forKey: .loss) ?? LossDescription()
    schedule = try container.decode(LearningRateSchedule.self, forKey: .schedule)
    epochs = try container.decode(Int.self, forKey: .epochs)
    batchSize = try container.decode(Int.self, forKey: .batchSize)
    accumulation = try container.decode(Int.self, forKey: .accumulation)
    products = try container.decodeIfPresent(MatrixProducts.self, forKey: .products) ?? .float32
    seed = try container.decode(UInt64.self, forKey: .seed)
    orderSeed = try container.decodeIfPresent(UInt64.self, forKey: .orderSeed) ?? seed
    data = try container.decodeIfPresent(DataSelection.self, forKey: .data) ?? .unrecorded
  }

  /// What heads must have in common to learn side by side from the same batches.
  struct Track: Hashable {
    var epochs: Int
    var batchSize: Int
    var accumulation: Int
    var orderSeed: UInt64
    var data: DataSelection
    /// The features that are computed once and for all; nil for heads that look at the tokens in every step.
    var features: HeadDescription.Features?
  }

  var track: Track {
    Track(
      epochs: epochs, batchSize: batchSize, accumulation: accumulation, orderSeed: orderSeed, data: data,
      features: FixedFeature.isComputedOnce(head.features) ? head.features : nil)
  }

  /// - Throws: where the settings, which come from a file, are none of a real run.
  func validate(file: String) throws(InputError) {
    guard head.isConsistent, (1...64).contains(head.abmilp?.depth ?? 1),
      (2...65536).contains(batchSize), accumulation > 0, epochs > 0
    else { throw InputError(file, "holds settings that no run has", remedy: "train the head again") }
  }

  /// - Throws: where the training images do not fill one step.
  func check(trainingImageCount count: Int) throws(InputError) {
    guard accumulation <= count / batchSize else {
      throw InputError(
        "--batch-size \(batchSize)",
        "one step takes \(accumulation) x \(batchSize) images, yet the training cache has \(count) with a label",
        remedy: "use a smaller --batch-size or --accum-iter")
    }
    guard batchSize > 1 else {
      throw InputError("--batch-size 1", "batch norm needs at least two images", remedy: "use a larger batch")
    }
  }
}
