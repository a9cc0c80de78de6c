import ArgumentParser
import Baselines
import Commands
import Compute
import Files
import Heads
import Reading
import Training

/// What a baseline learns from and is measured on.
struct BaselineOptions: ParsableArguments {
  @OptionGroup(title: "Data") var data: DataOptions

  @Option(
    name: .customLong("cls-features"),
    help: ArgumentHelp(
      "What is classified: features without trained parameters (docs/probe.md).", valueName: "features"))
  var features = FeaturesArgument(.cls)

  func validate() throws {
    guard FixedFeature.all.contains(features.features) else {
      throw ValidationError(
        "--cls-features must be features without trained parameters, not \(features.features.rawValue).")
    }
  }

  func load(_ monitor: BaselineMonitor, _ parallel: Parallel) throws -> BaselineData {
    try BaselineData(TrainingData(data.sources, data.selection), features.features, monitor, parallel)
  }
}

/// The features of two sets of labelled images.
struct BaselineData {
  let train: LabelledFeatures
  let validation: LabelledFeatures
  let classNames: [String]
  /// The joined caches' row of each of the validation images.
  let validationRows: [Int]
  let validationID: (_ row: Int) -> String
  /// The image that each training row is a view of.
  private let trainImages: [Int32]

  init(
    _ data: TrainingData, _ features: HeadDescription.Features, _ monitor: BaselineMonitor,
    _ parallel: Parallel
  ) throws {
    guard
      let images = try TrainingImages(data).pooled(
        [features], parallel, folder: ScratchFile.defaultFolder,
        shouldStop: { Interruption.isRequested },
        onProgress: { images, total in
          if images == 0 { monitor.work.begin("features", total: total) }
          monitor.work.advance(to: images)
        })?[0]
    else { throw monitor.stop() }
    let classCount = data.layout.classNames.count
    func labelled(_ tokens: LabelledTokens, _ name: String) throws -> LabelledFeatures {
      try LabelledFeatures(
        name, PooledFeatures(tokens.source), rows: tokens.rows.map { Int32($0) },
        labels: try tokens.singleLabels(), classCount: classCount, parallel)
    }
    train = try labelled(images.training, data.trainingCaches.name)
    validation = try labelled(images.validation, data.validationCaches.name)
    classNames = data.layout.classNames
    validationRows = data.validation.rows
    let caches = data.validationCaches
    validationID = { caches.id(row: $0) }
    let training = data.training
    trainImages = (0..<training.imageCount).flatMap { image in
      training.views(ofImage: image).map { _ in Int32(image) }
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
