import ArgumentParser
import Baselines
import Compute
import Files
import Foundation
import Heads
import TokenStore
import Training

/// What a baseline learns from and is measured on.
struct BaselineOptions: ParsableArguments {
  @Option(name: .customLong("train"), help: ArgumentHelp("Cache to learn from.", valueName: "cache"))
  var trainPath: String

  @Option(name: .customLong("val"), help: ArgumentHelp("Cache to measure on.", valueName: "cache"))
  var validationPath: String

  @Option(
    name: .customLong("cls-features"),
    help: ArgumentHelp(
      "What is classified: features without trained parameters (docs/heads.md).", valueName: "features"))
  var features = FeaturesArgument(.cls)

  func validate() throws {
    guard FixedFeature.all.contains(features.features) else {
      throw ValidationError(
        "--cls-features must be features without trained parameters, not \(features.features.rawValue).")
    }
  }

  func load(_ parallel: Parallel) throws -> BaselineData {
    let (train, validation) = (try TokenCache(trainPath), try TokenCache(validationPath))
    try CacheCompatibility(train).check(validation, with: train.path)
    return try BaselineData(train, validation, features.features, parallel)
  }
}

/// The features of two caches' labelled images.
struct BaselineData {
  let train: LabelledFeatures
  let validation: LabelledFeatures
  let classNames: [String]
  let validationCache: TokenCache
  /// The cache's row of each of the validation images.
  let validationRows: [Int]
  /// The image that each training row is a view of.
  private let trainImages: [Int32]

  init(
    _ train: TokenCache, _ validation: TokenCache, _ features: HeadDescription.Features, _ parallel: Parallel
  ) throws {
    let trainTokens = try LabelledTokens(train)
    let validationTokens = try LabelledTokens(measuringOn: validation)
    func pooled(_ tokens: LabelledTokens, of cache: TokenCache) throws -> LabelledFeatures {
      let matrix = try tokens.pooled(features, parallel, folder: NSTemporaryDirectory())
      return try LabelledFeatures(
        cache.path, PooledFeatures(matrix.source), rows: matrix.rows.map { Int32($0) }, labels: matrix.labels,
        classCount: cache.configuration.dataset.classNames.count, parallel)
    }
    self.train = try pooled(trainTokens, of: train)
    self.validation = try pooled(validationTokens, of: validation)
    classNames = train.configuration.dataset.classNames
    validationCache = validation
    validationRows = validationTokens.rows
    // Numbered anew: places in a stranger's data set may be of any size.
    var numbers: [UInt64: Int32] = [:]
    trainImages = trainTokens.rows.map { row in
      let place = train.identity(row: row).sourceIndex
      let number = numbers[place] ?? Int32(numbers.count)
      numbers[place] = number
      return number
    }
  }

  /// The training images that choose between penalties; nil where there is no choice.
  func split(for penalties: [Double], seed: UInt64) throws -> TrainingSplit? {
    guard Set(penalties).count > 1 else { return nil }
    return try TrainingSplit(labels: train.labels, images: trainImages, seed: seed)
  }
}

/// Tokens of which each row has one, as features.
private struct PooledFeatures: FeatureRows {
  private let source: any TokenSource

  init(_ source: any TokenSource) {
    precondition(source.tokenCount == 1, "\(source.tokenCount) tokens a row are no features")
    self.source = source
  }

  var width: Int { source.width }

  func features(row: Int) -> UnsafePointer<Float> {
    source.tokens(row: row).pointer.assumingMemoryBound(to: Float.self)
  }
}
